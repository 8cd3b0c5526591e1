#include "hv-model/pv/boot_pages.h"

#include <fmt/format.h>

#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

constexpr DomainId kToolstack{0};

}  // namespace

std::vector<Mfn> allocate_domain(Hypervisor& hypervisor, Domain& domain, uint64_t pages) {
  std::vector<Mfn> frames;
  if (!hypervisor.page_tables.create_machine_to_phys()) return {};
  if (hypervisor.frames.free_frames() < pages + 1) return {};
  if (domain.shared_info.value == 0) domain.shared_info = *hypervisor.frames.allocate_special(domain.id);
  frames.reserve(pages);
  for (uint64_t pfn = 0; pfn < pages; ++pfn) {
    const auto frame = hypervisor.frames.allocate(domain.id);
    if (!frame) return {};
    frames.push_back(*frame);
    hypervisor.page_tables.set_machine_to_phys(*frame, pfn);
  }
  if (domain.grants.frames.empty() && !hypervisor.grants.create(domain)) return {};
  domain.max_pages = domain.owned_pages = pages;
  return frames;
}

Result<PvDomainPages> connect_domain(Hypervisor& hypervisor, Domain& domain, Mfn xenstore, Mfn console) {
  PvDomainPages pages;
  pages.xenstore = xenstore;
  pages.console = console;
  const auto open = [&](EventPort& local, EventPort& remote) {
    const int64_t port = hypervisor.channels.alloc_unbound(domain.id, kToolstack);
    if (port < 0) return false;
    local = {static_cast<uint32_t>(port)};
    const int64_t far = hypervisor.channels.bind_interdomain(kToolstack, domain.id, local);
    remote = {static_cast<uint32_t>(far)};
    return far >= 0;
  };
  if (!open(pages.xenstore_port, pages.xenstore_remote_port) ||
      !open(pages.console_port, pages.console_remote_port)) {
    return fail(fmt::format("no event channel is free for {}'s XenStore and console", domain.name),
                ExitCode::internal);
  }
  hypervisor.grants.seed(domain, {GNTTAB_RESERVED_XENSTORE}, kToolstack, pages.xenstore);
  hypervisor.grants.seed(domain, {GNTTAB_RESERVED_CONSOLE}, kToolstack, pages.console);
  hypervisor.page_tables.hold_for_backend(domain, pages.xenstore);
  hypervisor.page_tables.hold_for_backend(domain, pages.console);
  return pages;
}

void write_shared_info(Hypervisor& hypervisor, Domain& domain) {
  const GuestPhys base = domain.shared_info.address();
  for (size_t vcpu = 0; vcpu < XEN_LEGACY_MAX_VCPUS; ++vcpu) {
    const uint64_t offset =
        offsetof(shared_info, vcpu_info) + vcpu * sizeof(vcpu_info) + offsetof(vcpu_info, evtchn_upcall_mask);
    hypervisor.memory.store<uint8_t>(base + offset, 1);
  }
}

}  // namespace ringside
