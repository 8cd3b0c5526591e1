#include "hv-model/pv/hosted_builder.h"

#include <fmt/format.h>

#include <cstring>

#include "hv-model/pv/boot_pages.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"
#include "sim/assert.h"

namespace ringside {

namespace {

// The order of public/xen.h; start_info itself is the program's, not a page.
enum Layout : uint64_t { kXenstorePage, kConsolePage, kFirstFree };

Registers first_registers() {
  constexpr uint64_t kInterruptFlag = 0x200, kAlwaysSet = 0x2;
  Registers registers;
  registers.rflags = kInterruptFlag | kAlwaysSet;
  registers.cs = FLAT_KERNEL_CS;
  registers.ss = FLAT_KERNEL_SS;
  return registers;
}

}  // namespace

Result<HostedDomain> build_hosted_domain(Hypervisor& hypervisor, Domain& domain, uint64_t memory_bytes,
                                         const std::string& command_line) {
  SIM_ASSERT(domain.cpu != nullptr);
  if (command_line.size() >= MAX_GUEST_CMDLINE) {
    return fail(fmt::format("the command line of {} has {} bytes: start_info holds {}", domain.name,
                            command_line.size(), MAX_GUEST_CMDLINE - 1));
  }
  domain.hosted = true;
  const uint64_t pages = memory_bytes >> kPageShift;
  const std::vector<Mfn> frames = allocate_domain(hypervisor, domain, pages);
  if (frames.empty()) {
    return fail(fmt::format("the machine has {} KiB free, too little for {} with {} KiB",
                            hypervisor.frames.free_frames() * 4, domain.name, memory_bytes >> 10));
  }
  SIM_ASSERT(frames.back().value - frames.front().value == pages - 1);
  auto connected = connect_domain(hypervisor, domain, frames[kXenstorePage], frames[kConsolePage]);
  if (!connected) return tl::unexpected(connected.error());
  write_shared_info(hypervisor, domain);

  HostedDomain built;
  built.pages = *connected;
  built.first_free = frames[kFirstFree];
  built.free_pages = pages - kFirstFree;
  start_info info{};
  std::memcpy(info.magic, "xen-3.0-x86_64", sizeof "xen-3.0-x86_64");
  info.nr_pages = pages;
  info.shared_info = domain.shared_info.address().value;
  info.store_mfn = built.pages.xenstore.value;
  info.store_evtchn = built.pages.xenstore_port.value;
  info.console.domU.mfn = built.pages.console.value;
  info.console.domU.evtchn = built.pages.console_port.value;
  std::memcpy(info.cmd_line, command_line.data(), command_line.size());
  built.start_info.resize(sizeof info);
  std::memcpy(built.start_info.data(), &info, sizeof info);

  domain.vcpu.kernel_mode = true;
  domain.cpu->set_registers(first_registers());
  // As for every PV guest: a ticker of 100 Hz until it stops it (builder.cpp).
  set_periodic_timer(hypervisor, domain, 10'000'000);
  return built;
}

}  // namespace ringside
