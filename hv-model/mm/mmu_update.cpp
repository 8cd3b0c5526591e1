// HYPERVISOR_mmu_update and HYPERVISOR_update_va_mapping (xen/arch/x86/mm.c: do_mmu_update,
// do_update_va_mapping).
#include <fmt/format.h>

#include "hv-model/mm/continuation.h"
#include "hv-model/mm/page_tables_impl.h"

namespace ringside {

// Xen's get_pg_owner. Naming oneself by number is refused; DOMID_IO and DOMID_XEN are known to everybody.
std::optional<DomainId> PageTables::Impl::page_owner(const Domain& domain, uint16_t named) const {
  if (named == DOMID_SELF) return domain.id;
  if (named == domain.id.value) return std::nullopt;
  if (named == DOMID_IO || named == DOMID_XEN) return DomainId{named};
  if (hypervisor.find_domain({named}) == nullptr) return std::nullopt;
  return DomainId{named};
}

int64_t PageTables::mmu_update(Domain& domain, GuestVirt requests, uint32_t count, GuestVirt done_at,
                               uint32_t foreign) {
  Impl& impl = *impl_;
  impl.work = 0;
  uint32_t done = 0;
  // What Xen's own continuation looks like when only a table was left to take apart.
  if (count == kPreempted && requests.value == 0) return static_cast<int32_t>(foreign);
  if ((count & kPreempted) != 0) {
    count &= ~kPreempted;
    if (done_at.value != 0) domain.copy_from_guest(done, done_at);
  }
  if (!address_ok(requests.value)) return -XEN_EFAULT;

  // The upper half names the page tables' owner, plus one; domain 0 has tables for nobody here.
  const uint32_t table_owner = foreign >> 16;
  bool foreign_tables = false;
  if (table_owner != 0) {
    const DomainId id{static_cast<uint16_t>(table_owner - 1)};
    if (id != domain.id && hypervisor_.find_domain(id) == nullptr) return -XEN_ESRCH;
    foreign_tables = id != domain.id;
  }
  const auto owner = impl.page_owner(domain, static_cast<uint16_t>(foreign));
  int64_t error = owner ? 0 : -XEN_ESRCH;
  bool upper_changed = false, paused = false;
  uint32_t i = 0;
  for (; error == 0 && i < count; ++i) {
    if (i > 0 && impl.should_pause()) {
      paused = true;
      break;
    }
    impl.work += Impl::kWorkPerRequest;
    ::mmu_update_t request;
    if (!domain.copy_from_guest(request, requests + uint64_t{i} * sizeof request)) {
      error = -XEN_EFAULT;
      break;
    }
    const auto command = static_cast<unsigned>(request.ptr & 7);
    const GuestPhys address{request.ptr & ~uint64_t{7}};
    switch (command) {
      case MMU_NORMAL_PT_UPDATE:
      case MMU_PT_UPDATE_PRESERVE_AD:
      case MMU_PT_UPDATE_NO_TRANSLATE:
        // An unprivileged domain may speak for itself, and of DOMID_IO.
        if (foreign_tables || (*owner != domain.id && owner->value != DOMID_IO)) {
          error = -XEN_EPERM;
        } else {
          error = impl.update(domain, address, request.val, command == MMU_PT_UPDATE_PRESERVE_AD, *owner,
                              upper_changed);
        }
        break;
      case MMU_MACHPHYS_UPDATE: {
        const Mfn frame = frame_of(address);
        if (foreign_tables || *owner != domain.id) {
          error = -XEN_EPERM;
        } else if (!impl.frames().get_page(frame, domain.id)) {
          error = -XEN_EINVAL;
        } else {
          set_machine_to_phys(frame, request.val);
          impl.frames().put_page(frame);
        }
        break;
      }
      default: error = -XEN_ENOSYS;
    }
    if (error != 0) break;
  }
  if (upper_changed) impl.flush(domain);
  if (paused) {
    if (can_continue(domain, __HYPERVISOR_mmu_update)) {
      error = continue_hypercall(domain, __HYPERVISOR_mmu_update,
                                 {requests.value + uint64_t{i} * sizeof(::mmu_update_t),
                                  (count - i) | kPreempted, done_at.value, foreign});
    } else {
      domain.notices.emit(NoticeKind::unimplemented, "mmu_update",
                          fmt::format("a list of {} requests within a multicall was cut at {}", count, i));
      error = -XEN_EAGAIN;
    }
  }
  if (done_at.value != 0) {
    done += i;
    domain.copy_to_guest(done_at, done);
  }
  return error;
}

// Xen's vcpumask_to_pcpumask for a domain with one vCPU.
int64_t PageTables::Impl::vcpu_mask_has_zero(Domain& domain, GuestVirt mask, bool& selected) {
  uint64_t bits = 0;
  selected = false;
  if (!domain.copy_from_guest(bits, mask)) return -XEN_EFAULT;
  selected = (bits & 1) != 0;
  return 0;
}

int64_t PageTables::update_va_mapping(Domain& domain, uint64_t address, uint64_t value, uint64_t flags,
                                      uint32_t foreign) {
  Impl& impl = *impl_;
  impl.work = 0;
  const auto owner = impl.page_owner(domain, static_cast<uint16_t>(foreign));
  if (!owner) return -XEN_ESRCH;
  if (*owner != domain.id && owner->value != DOMID_IO) return -XEN_EPERM;
  const auto walk = impl.find_l1_entry(domain, address);
  if (!walk || impl.frames().find(walk->table)->owner != domain.id) return -XEN_EINVAL;

  impl.frames().get_page(walk->table, domain.id);
  impl.frames().add_type_reference(walk->table);
  const int64_t error = impl.modify_entry(domain, walk->table, 1, walk->slot, value, false, *owner);
  impl.put_page_and_type(domain, walk->table);
  if (error != 0) return error;

  // With one vCPU, "all" and a mask with its bit are what "local" is.
  const uint64_t kind = flags & UVMF_FLUSHTYPE_MASK;
  if (kind != UVMF_TLB_FLUSH && kind != UVMF_INVLPG) return 0;
  const uint64_t where = flags & ~UVMF_FLUSHTYPE_MASK;
  bool selected = true;
  int64_t result = 0;
  if (where != UVMF_LOCAL && where != UVMF_ALL) result = impl.vcpu_mask_has_zero(domain, {where}, selected);
  if (!selected) return result;
  if (kind == UVMF_TLB_FLUSH) {
    impl.flush(domain);
  } else if (domain.cpu != nullptr) {
    domain.cpu->flush_translation({address & ~(kPageSize - 1)});
  }
  return result;
}

}  // namespace ringside
