// HYPERVISOR_mmuext_op (xen/arch/x86/mm.c: do_mmuext_op) for a domU without devices passed through.
#include <fmt/format.h>

#include <cstring>

#include "hv-model/mm/continuation.h"
#include "hv-model/mm/page_tables_impl.h"

namespace ringside {

int64_t PageTables::mmuext_op(Domain& domain, GuestVirt operations, uint32_t count, GuestVirt done_at,
                              uint32_t foreign) {
  Impl& impl = *impl_;
  impl.work = 0;
  uint32_t done = 0;
  if (count == kPreempted && operations.value == 0) return static_cast<int32_t>(foreign);
  if ((count & kPreempted) != 0) {
    count &= ~kPreempted;
    if (done_at.value != 0) domain.copy_from_guest(done, done_at);
  }
  if (!address_ok(operations.value)) return -XEN_EFAULT;
  const auto owner = impl.page_owner(domain, static_cast<uint16_t>(foreign));
  if (!owner) return -XEN_ESRCH;
  if (*owner != domain.id) return -XEN_EPERM;

  int64_t error = 0;
  bool paused = false;
  uint32_t i = 0;
  for (; i < count; ++i) {
    if (i > 0 && impl.should_pause()) {
      paused = true;
      break;
    }
    impl.work += Impl::kWorkPerRequest;
    ::mmuext_op_t operation;
    if (!domain.copy_from_guest(operation, operations + uint64_t{i} * sizeof operation)) {
      error = -XEN_EFAULT;
      break;
    }
    error = impl.extended_operation(domain, operation, *owner);
    if (error != 0) break;
  }
  if (paused) {
    if (can_continue(domain, __HYPERVISOR_mmuext_op)) {
      error = continue_hypercall(domain, __HYPERVISOR_mmuext_op,
                                 {operations.value + uint64_t{i} * sizeof(::mmuext_op_t),
                                  (count - i) | kPreempted, done_at.value, foreign});
    } else {
      domain.notices.emit(NoticeKind::unimplemented, "mmuext_op",
                          fmt::format("a list of {} operations within a multicall was cut at {}", count, i));
      error = -XEN_EAGAIN;
    }
  }
  if (done_at.value != 0) {
    done += i;
    domain.copy_to_guest(done_at, done);
  }
  return error;
}

int64_t PageTables::set_kernel_root(Domain& domain, Mfn root) {
  const Mfn old = domain.vcpu.kernel_root;
  if (old != root) {
    const int64_t error = impl_->get_page_and_type(domain, root, PageType::l4);
    if (error != 0) return error;
    domain.vcpu.kernel_root = root;
  }
  load_root(domain);
  if (old != root && old.value != 0) impl_->put_page_and_type(domain, old);
  return 0;
}

namespace {

constexpr uint32_t kLdtEntriesMax = 8192;

int64_t new_user_root(PageTables::Impl& impl, Domain& domain, Mfn root) {
  const Mfn old = domain.vcpu.user_root;
  if (old == root) return 0;
  if (root.value != 0) {
    const int64_t error = impl.get_page_and_type(domain, root, PageType::l4);
    if (error != 0) return error;
  }
  domain.vcpu.user_root = root;
  if (old.value != 0) impl.put_page_and_type(domain, old);
  return 0;
}

int64_t copy_page(PageTables::Impl& impl, Domain& domain, Mfn to, std::optional<Mfn> from) {
  if (from && !impl.frames().get_page(*from, domain.id)) return -XEN_EINVAL;
  const bool writable = impl.frames().get_writable_page(to, domain.id);
  if (writable) {
    uint8_t page[kPageSize] = {};
    if (from) impl.memory().read(from->address(), page, kPageSize);
    impl.memory().write(to.address(), page, kPageSize);
    impl.put_page_and_type(domain, to);
  }
  if (from) impl.frames().put_page(*from);
  impl.work += entry::kEntries;
  return writable ? 0 : -XEN_EINVAL;
}

int64_t set_ldt(Domain& domain, uint64_t address, uint32_t entries) {
  if (entries > kLdtEntriesMax || (entries != 0 && (address % kPageSize != 0 || !address_ok(address)))) {
    return -XEN_EINVAL;
  }
  domain.vcpu.ldt_address = entries != 0 ? address : 0;
  domain.vcpu.ldt_entries = entries;
  return 0;
}

}  // namespace

int64_t PageTables::Impl::extended_operation(Domain& domain, const ::mmuext_op_t& operation, DomainId) {
  PageTables& tables = hypervisor.page_tables;
  const Mfn frame{operation.arg1.mfn};
  const auto flush_one = [&](uint64_t address) {
    if (domain.cpu != nullptr) domain.cpu->flush_translation({address & ~(kPageSize - 1)});
  };
  bool selected = false;
  switch (operation.cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
      return tables.pin(domain, frame, entry::type_of(operation.cmd - MMUEXT_PIN_L1_TABLE + 1));
    case MMUEXT_UNPIN_TABLE: return tables.unpin(domain, frame);
    case MMUEXT_NEW_BASEPTR: return tables.set_kernel_root(domain, frame);
    case MMUEXT_NEW_USER_BASEPTR: return new_user_root(*this, domain, frame);
    case MMUEXT_TLB_FLUSH_LOCAL:
    case MMUEXT_TLB_FLUSH_ALL: flush(domain); return 0;
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_INVLPG_ALL: flush_one(operation.arg1.linear_addr); return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI: {
      const GuestVirt mask{reinterpret_cast<uint64_t>(operation.arg2.vcpumask.p)};
      if (vcpu_mask_has_zero(domain, mask, selected) != 0) return -XEN_EINVAL;
      if (!selected) return 0;
      if (operation.cmd == MMUEXT_TLB_FLUSH_MULTI) {
        flush(domain);
      } else {
        flush_one(operation.arg1.linear_addr);
      }
      return 0;
    }
    case MMUEXT_FLUSH_CACHE: return -XEN_EACCES;  // for domains with devices only
    case MMUEXT_FLUSH_CACHE_GLOBAL: return -XEN_EINVAL;
    case MMUEXT_SET_LDT: return set_ldt(domain, operation.arg1.linear_addr, operation.arg2.nr_ents);
    case MMUEXT_CLEAR_PAGE: return copy_page(*this, domain, frame, std::nullopt);
    case MMUEXT_COPY_PAGE: return copy_page(*this, domain, frame, Mfn{operation.arg2.src_mfn});
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER: return -XEN_EOPNOTSUPP;
    default: return -XEN_ENOSYS;
  }
}

}  // namespace ringside
