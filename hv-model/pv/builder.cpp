#include "hv-model/pv/builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "boot/elf_notes.h"
#include "hv-model/mm/page_tables_impl.h"
#include "hv-model/pv/boot_pages.h"
#include "hv-model/pv/boot_tables.h"
#include "hv-model/pv/hypercall_page.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"
#include "sim/assert.h"

namespace ringside {

namespace {

constexpr uint64_t kRegionAlignment = 4 << 20;  // public/xen.h, start-of-day memory layout, point 7
constexpr uint64_t kRegionPadding = 512 << 10;  // and behind the boot stack

uint64_t pages_of(uint64_t bytes) { return bytes / kPageSize + (bytes % kPageSize != 0 ? 1 : 0); }

// Where everything lies, in frames of the domain (pfn), in the order of public/xen.h.
struct Layout {
  uint64_t pages = 0;  // of the domain
  uint64_t ramdisk = 0, ramdisk_pages = 0;
  uint64_t p2m = 0, p2m_pages = 0;
  uint64_t p2m_tables = 0;  // page tables of its own, right behind it
  uint64_t start_info = 0, xenstore = 0, console = 0;
  uint64_t tables = 0, table_pages = 0;
  uint64_t stack = 0;
  uint64_t end = 0;  // first frame behind what is in use
  BootTables boot_tables;
};

struct Build {
  Hypervisor& hypervisor;
  Domain& domain;
  const PvBuildRequest& request;
  XenKernel kernel;
  Layout layout;
  std::vector<Mfn> frames;  // by pfn

  uint64_t address_of(uint64_t pfn) const { return kernel.virtual_base + pfn * kPageSize; }
};

Result<> too_small(const Build& build, uint64_t pages) {
  return fail(fmt::format(
      "kernel '{}' and what it starts with need {} MiB, the domain has {} KiB: raise `memory`",
      build.request.kernel_name, (pages * kPageSize >> 20) + 1, build.request.memory_bytes >> 10));
}

Result<> plan(Build& build) {
  Layout& layout = build.layout;
  const XenKernel& kernel = build.kernel;
  layout.pages = build.request.memory_bytes >> kPageShift;
  const uint64_t kernel_bytes = kernel.virtual_end - kernel.virtual_base;
  uint64_t next = pages_of(kernel_bytes);
  if (next > layout.pages) return too_small(build, next);
  const auto take = [&next](uint64_t pages) {
    const uint64_t first = next;
    next += pages;
    return first;
  };
  layout.ramdisk_pages = pages_of(build.request.ramdisk.size());
  layout.p2m_pages = pages_of(layout.pages * sizeof(uint64_t));
  if (!kernel.ramdisk_unmapped) layout.ramdisk = take(layout.ramdisk_pages);
  if (!kernel.p2m_base) layout.p2m = take(layout.p2m_pages);
  layout.start_info = take(1);
  layout.xenstore = take(1);
  layout.console = take(1);
  layout.tables = next;
  // The tables map themselves, so their number depends on itself.
  BootRange region{kernel.virtual_base, 0, 0};
  for (;;) {
    const uint64_t end = (next + layout.table_pages + 1) * kPageSize + kRegionPadding + kernel.virtual_base;
    const uint64_t aligned = (end + kRegionAlignment - 1) / kRegionAlignment * kRegionAlignment;
    region.pages = (aligned - kernel.virtual_base) >> kPageShift;
    if (region.pages > layout.pages) return too_small(build, region.pages);
    const uint64_t needed = layout.boot_tables.tables_for(region);
    if (needed == layout.table_pages) break;
    layout.table_pages = needed;
  }
  take(layout.table_pages);
  layout.stack = take(1);
  const uint64_t last = build.address_of(region.pages - 1);
  if (last < kernel.virtual_base || !address_ok(kernel.virtual_base) || !address_ok(last) ||
      (kernel.virtual_base < (1ull << 47)) != (last < (1ull << 47))) {
    return fail(
        fmt::format("kernel '{}' wants to lie at {:#x}-{:#x}: that is not free for a paravirtual guest",
                    build.request.kernel_name, kernel.virtual_base, last));
  }
  layout.boot_tables.add(region, layout.tables);

  next = region.pages;
  if (kernel.p2m_base) {
    layout.p2m = take(layout.p2m_pages);
    const BootRange list{*kernel.p2m_base, layout.p2m_pages, layout.p2m};
    const uint64_t list_last = list.virtual_start + (list.pages - 1) * kPageSize;
    if (!address_ok(list.virtual_start) || !address_ok(list_last) || list_last < list.virtual_start ||
        (list.virtual_start <= last && list_last >= kernel.virtual_base)) {
      return fail(fmt::format("kernel '{}' wants its p2m list at {:#x}: that is not free",
                              build.request.kernel_name, *kernel.p2m_base));
    }
    layout.p2m_tables = layout.boot_tables.tables_for(list);
    const uint64_t first_table = take(layout.p2m_tables);
    layout.boot_tables.add(list, first_table);
  }
  if (kernel.ramdisk_unmapped) layout.ramdisk = take(layout.ramdisk_pages);
  layout.end = next;
  if (next > layout.pages) return too_small(build, next);
  return {};
}

Result<> allocate(Build& build) {
  Hypervisor& hypervisor = build.hypervisor;
  Domain& domain = build.domain;
  const auto no_memory = [&] {
    return fail(fmt::format("the machine has {} KiB free, too little for {} with {} KiB",
                            hypervisor.frames.free_frames() * 4, domain.name,
                            build.request.memory_bytes >> 10));
  };
  build.frames = allocate_domain(hypervisor, domain, build.layout.pages);
  if (build.frames.empty()) return no_memory();
  return {};
}

// Bytes at a pseudo-physical address.
void copy_in(Build& build, uint64_t address, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const size_t room = std::min<size_t>(bytes.size(), kPageSize - address % kPageSize);
    const Mfn frame = build.frames[address >> kPageShift];
    build.hypervisor.memory.write(frame.address() + address % kPageSize, bytes.data(), room);
    bytes = bytes.subspan(room);
    address += room;
  }
}

void load(Build& build) {
  const XenKernel& kernel = build.kernel;
  for (const ElfSegment& segment : kernel.image.segments) {
    copy_in(build, segment.physical_address - kernel.physical_offset, segment.contents);
  }
  if (kernel.hypercall_page) {
    copy_in(build, *kernel.hypercall_page - kernel.virtual_base, make_hypercall_page());
  }
  copy_in(build, build.layout.ramdisk * kPageSize, build.request.ramdisk);
  std::vector<uint8_t> list(build.layout.pages * sizeof(uint64_t));
  static_assert(sizeof(Mfn) == sizeof(uint64_t));
  std::memcpy(list.data(), build.frames.data(), list.size());
  copy_in(build, build.layout.p2m * kPageSize, list);
}

// Writes the tables, and has them checked as if the guest had pinned them.
void install_tables(Build& build) {
  Hypervisor& hypervisor = build.hypervisor;
  Domain& domain = build.domain;
  for (const BootTables::Table& table : build.layout.boot_tables.build(build.frames)) {
    hypervisor.memory.write(build.frames[table.pfn].address(), table.entries.data(), kPageSize);
  }
  const Mfn root = build.frames[build.layout.boot_tables.root_pfn()];
  const int64_t pinned = hypervisor.page_tables.pin(domain, root, PageType::l4);
  SIM_ASSERT(pinned == 0);
  const int64_t live = hypervisor.page_tables.get_page_and_type(domain, root, PageType::l4);
  SIM_ASSERT(live == 0);
  domain.vcpu.kernel_root = root;
  domain.vcpu.kernel_mode = true;
}

void write_start_info(Build& build, const PvDomainPages& pages) {
  const Layout& layout = build.layout;
  start_info info{};
  std::memcpy(info.magic, "xen-3.0-x86_64", sizeof "xen-3.0-x86_64");
  info.nr_pages = layout.pages;
  info.shared_info = build.domain.shared_info.address().value;
  info.store_mfn = pages.xenstore.value;
  info.store_evtchn = pages.xenstore_port.value;
  info.console.domU.mfn = pages.console.value;
  info.console.domU.evtchn = pages.console_port.value;
  info.pt_base = build.address_of(layout.tables);
  info.nr_pt_frames = layout.table_pages;
  info.mfn_list = build.kernel.p2m_base.value_or(build.address_of(layout.p2m));
  if (build.kernel.p2m_base) {
    info.first_p2m_pfn = layout.p2m;
    // The tables count as well (alloc_p2m_list_x86_64 in xg_dom_x86.c): the kernel keeps all of it read-only
    // in its own map of memory, without which it could not pin that map's tables.
    info.nr_p2m_frames = layout.p2m_pages + layout.p2m_tables;
  }
  if (!build.request.ramdisk.empty()) {
    info.mod_start = build.kernel.ramdisk_unmapped ? layout.ramdisk : build.address_of(layout.ramdisk);
    info.mod_len = build.request.ramdisk.size();
    if (build.kernel.ramdisk_unmapped) info.flags |= SIF_MOD_START_PFN;
  }
  const size_t length = std::min<size_t>(build.request.command_line.size(), MAX_GUEST_CMDLINE - 1);
  std::memcpy(info.cmd_line, build.request.command_line.data(), length);
  copy_in(build, layout.start_info * kPageSize, {reinterpret_cast<const uint8_t*>(&info), sizeof info});
}

void set_registers(Build& build) {
  constexpr uint64_t kInterruptFlag = 0x200, kAlwaysSet = 0x2;
  Vcpu& vcpu = build.domain.vcpu;
  Registers registers;
  registers.rip = build.kernel.entry;
  registers.general[Registers::rsi] = build.address_of(build.layout.start_info);
  registers.general[Registers::rsp] = build.address_of(build.layout.stack + 1);
  registers.rflags = kInterruptFlag | kAlwaysSet;
  registers.cs = FLAT_KERNEL_CS64;
  registers.ss = FLAT_KERNEL_SS64;
  registers.ds = registers.es = registers.fs = registers.gs = FLAT_KERNEL_DS64;
  vcpu.kernel_sp = registers.general[Registers::rsp];
  vcpu.kernel_ss = registers.ss;
  build.domain.cpu->set_registers(registers);
  build.hypervisor.page_tables.load_root(build.domain);
  // A PV guest has a ticker of 100 Hz until it stops it (xen/arch/x86/pv/domain.c, pv_vcpu_initialise).
  set_periodic_timer(build.hypervisor, build.domain, 10'000'000);
}

}  // namespace

Result<PvDomainPages> build_pv_domain(Hypervisor& hypervisor, Domain& domain, const PvBuildRequest& request) {
  SIM_ASSERT(domain.cpu != nullptr);
  auto kernel = read_xen_kernel(request.kernel_name, request.kernel);
  if (!kernel) return tl::unexpected(kernel.error());
  if (request.memory_bytes % kPageSize != 0) {
    return fail(fmt::format("a domain's memory is a multiple of 4 KiB, not {} bytes", request.memory_bytes));
  }
  if (request.command_line.size() >= MAX_GUEST_CMDLINE) {
    return fail(fmt::format("the command line for '{}' has {} bytes: start_info holds {}",
                            request.kernel_name, request.command_line.size(), MAX_GUEST_CMDLINE - 1));
  }
  Build build{hypervisor, domain, request, std::move(*kernel), {}, {}};
  SIM_TRY(plan(build));
  SIM_TRY(allocate(build));
  load(build);
  install_tables(build);
  auto pages = connect_domain(hypervisor, domain, build.frames[build.layout.xenstore],
                              build.frames[build.layout.console]);
  if (!pages) return pages;
  write_start_info(build, *pages);
  write_shared_info(hypervisor, domain);
  set_registers(build);
  return pages;
}

}  // namespace ringside
