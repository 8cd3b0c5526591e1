// HYPERVISOR_grant_table_op (public/grant_table.h; xen/common/grant_table.c).
#include <fmt/format.h>

#include "hv-model/grant_table.h"
#include "hv-model/hypervisor.h"
#include "hv-model/mm/continuation.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

constexpr uint32_t kElementsPerCall = 1024;  // then the call is continued, and events may arrive
constexpr uint32_t kElementsMax = 65536;     // where it cannot be continued: within a multicall
constexpr Tick kElementCost = nanoseconds(150);

int64_t success(bool copied) { return copied ? 0 : -XEN_EFAULT; }

}  // namespace

int16_t Grants::judge_target(const Domain& domain, uint16_t named) const {
  if (named == DOMID_SELF || named == domain.id.value) return GNTST_okay;
  return hypervisor_.find_domain({named}) ? GNTST_permission_denied : GNTST_bad_domain;
}

int16_t Grants::map_for_guest(Domain& domain, uint16_t granter, GrantRef ref, uint32_t flags,
                              uint64_t host_address, Mapped& mapped) {
  if ((flags & (GNTMAP_device_map | GNTMAP_host_map)) == 0) return GNTST_bad_gntref;
  if (flags & GNTMAP_device_map) {
    // DEVIATES: xen/common/grant_table.c - a mapping for devices is refused: no device of this domain could
    // use it.
    domain.notices.emit(NoticeKind::unimplemented, "grant_table_op", "GNTMAP_device_map");
    return GNTST_general_error;
  }
  const bool read_only = (flags & GNTMAP_readonly) != 0;
  if (const int16_t error = map_frame(domain.id, {granter}, ref, read_only, mapped)) return error;
  const int64_t installed =
      hypervisor_.page_tables.install_grant_mapping(domain, host_address, flags, mapped.frame, !read_only);
  if (installed != GNTST_okay) {
    end_mapping(domain.grants, mapped.handle);
    return static_cast<int16_t>(installed);
  }
  GrantMapping& mapping = domain.grants.mappings[mapped.handle];
  mapping.host_map = true;
  mapping.host_address = host_address;
  mapping.flags = flags;
  return GNTST_okay;
}

int64_t Grants::map_element(Domain& domain, GuestVirt argument) {
  gnttab_map_grant_ref op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  Mapped mapped;
  op.status = map_for_guest(domain, op.dom, {op.ref}, op.flags, op.host_addr, mapped);
  const Verdict verdict = show(hypervisor_.find_domain({op.dom}), GrantOperation::map, {op.ref}, domain.id,
                               mapped.frame, 0, op.status);
  if (op.status == GNTST_okay && verdict.fail != 0) {
    unmap_for_guest(domain, mapped.handle, op.host_addr, 0, 0);
    op.status = static_cast<int16_t>(verdict.fail);
  }
  if (op.status == GNTST_okay) {
    op.handle = mapped.handle;
    op.dev_bus_addr = mapped.frame.address().value;
  }
  return success(domain.copy_to_guest(argument, op));
}

int16_t Grants::unmap_for_guest(Domain& domain, uint32_t handle, uint64_t host_address,
                                uint64_t device_address, uint64_t new_address) {
  const auto found = domain.grants.mappings.find(handle);
  if (found == domain.grants.mappings.end() || !found->second.host_map) return GNTST_bad_handle;
  const GrantMapping mapping = found->second;
  (void)device_address;  // counts for mappings for devices only, which do not exist
  // As in Xen a missing address is no error, and unmaps nothing.
  if (host_address == 0) return GNTST_okay;
  const int64_t removed = hypervisor_.page_tables.remove_grant_mapping(domain, host_address, mapping.flags,
                                                                       mapping.frame, new_address);
  if (removed != GNTST_okay) return static_cast<int16_t>(removed);
  end_mapping(domain.grants, handle);
  const Verdict verdict = show(hypervisor_.find_domain(mapping.granter), GrantOperation::unmap, mapping.ref,
                               domain.id, mapping.frame, 0, GNTST_okay);
  return static_cast<int16_t>(verdict.fail);
}

int64_t Grants::unmap_element(Domain& domain, GuestVirt argument) {
  gnttab_unmap_grant_ref op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  op.status = unmap_for_guest(domain, op.handle, op.host_addr, op.dev_bus_addr, 0);
  return success(domain.copy_to_guest(argument, op));
}

int64_t Grants::unmap_and_replace_element(Domain& domain, GuestVirt argument) {
  gnttab_unmap_and_replace op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  op.status = unmap_for_guest(domain, op.handle, op.host_addr, 0, op.new_addr);
  return success(domain.copy_to_guest(argument, op));
}

int64_t Grants::setup_table(Domain& domain, GuestVirt argument) {
  gnttab_setup_table op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  const GuestVirt list{reinterpret_cast<uint64_t>(op.frame_list.p)};
  if (!Domain::accessible(list, uint64_t{op.nr_frames} * sizeof(xen_pfn_t))) return -XEN_EFAULT;
  op.status = judge_target(domain, op.dom);
  if (op.status == GNTST_okay && !grow(domain, op.nr_frames)) op.status = GNTST_general_error;
  if (op.status == GNTST_okay) {
    for (uint32_t index = 0; index < op.nr_frames; ++index) {
      const xen_pfn_t frame = domain.grants.frames[index].value;
      if (!domain.copy_to_guest(list + uint64_t{index} * sizeof frame, frame))
        op.status = GNTST_bad_virt_addr;
    }
  }
  const Verdict verdict =
      show(&domain, GrantOperation::setup_table, {}, domain.id, {}, op.nr_frames, op.status);
  if (verdict.fail != 0) op.status = static_cast<int16_t>(verdict.fail);
  return success(domain.copy_to_guest(argument + offsetof(gnttab_setup_table, status), op.status));
}

int64_t Grants::query_size(Domain& domain, GuestVirt argument) {
  gnttab_query_size op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  op.status = judge_target(domain, op.dom);
  if (op.status == GNTST_okay) {
    op.nr_frames = static_cast<uint32_t>(domain.grants.frames.size());
    op.max_nr_frames = GrantTable::kFramesMax;
  }
  return success(domain.copy_to_guest(argument, op));
}

int16_t Grants::swap(Domain& domain, GrantRef a, GrantRef b) {
  const auto& active = domain.grants.active;
  if (a.value >= domain.grants.entries() || b.value >= domain.grants.entries()) return GNTST_bad_gntref;
  if (a == b) return GNTST_okay;
  for (const GrantRef ref : {a, b}) {
    if (active[ref.value].readers + active[ref.value].writers != 0) return GNTST_eagain;
  }
  Memory& memory = hypervisor_.memory;
  const auto exchange = [&memory]<class Entry>(GuestPhys first, GuestPhys second, Entry entry) {
    entry = memory.load<Entry>(first);
    memory.store(first, memory.load<Entry>(second));
    memory.store(second, entry);
  };
  if (domain.grants.version == 1) {
    exchange(entry_address(domain, a), entry_address(domain, b), grant_entry_v1{});
  } else {
    exchange(entry_address(domain, a), entry_address(domain, b), grant_entry_v2{});
    exchange(status_address(domain, a), status_address(domain, b), grant_status_t{});
  }
  return GNTST_okay;
}

int64_t Grants::swap_element(Domain& domain, GuestVirt argument) {
  gnttab_swap_grant_ref op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  op.status = swap(domain, {op.ref_a}, {op.ref_b});
  const Verdict verdict = show(&domain, GrantOperation::swap, {op.ref_a}, domain.id, {}, 0, op.status);
  if (op.status == GNTST_okay && verdict.fail != 0) {
    (void)swap(domain, {op.ref_a}, {op.ref_b});
    op.status = static_cast<int16_t>(verdict.fail);
  }
  return success(domain.copy_to_guest(argument + offsetof(gnttab_swap_grant_ref, status), op.status));
}

// For machines whose devices do not see the caches. On x86 a flush is done; only invalidating is not offered.
int64_t Grants::cache_flush_element(Domain& domain, GuestVirt argument) {
  gnttab_cache_flush op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  if (op.offset >= kPageSize || op.length > kPageSize || uint32_t{op.offset} + op.length > kPageSize ||
      (op.op & ~(GNTTAB_CACHE_INVAL | GNTTAB_CACHE_CLEAN)) != 0) {
    return -XEN_EINVAL;
  }
  if (op.length == 0 || op.op == 0) return 0;
  const Mfn frame = frame_of(GuestPhys{op.a.dev_bus_addr});
  const PageInfo* info = hypervisor_.frames.find(frame);
  if (!info) return -XEN_EINVAL;
  if (!hypervisor_.find_domain(info->owner)) return -XEN_EPERM;
  if (info->owner != domain.id && !domain.grants.mapped_frames.contains(frame.value)) return -XEN_EINVAL;
  return op.op == GNTTAB_CACHE_INVAL ? -XEN_EOPNOTSUPP : 0;
}

int64_t Grants::for_each(Domain& domain, uint32_t command, GuestVirt list, uint32_t count,
                         uint64_t element_size, Element element) {
  if (!Domain::accessible(list, uint64_t{count} * element_size)) return -XEN_EFAULT;
  for (uint32_t done = 0; done < count; ++done) {
    if (done == kElementsPerCall && can_continue(domain, __HYPERVISOR_grant_table_op)) {
      return continue_hypercall(domain, __HYPERVISOR_grant_table_op,
                                {command, (list + done * element_size).value, count - done});
    }
    if (done == kElementsMax) return -XEN_E2BIG;
    if (domain.cpu) domain.cpu->charge(kElementCost);
    if (const int64_t error = (this->*element)(domain, list + done * element_size)) return error;
  }
  return 0;
}

int64_t Grants::hypercall(Domain& domain, uint32_t command, GuestVirt argument, uint32_t count) {
  constexpr uint32_t command_bits = 0xfffff;  // above: where a continued cache_flush goes on
  if (count > INT32_MAX || command > command_bits) return -XEN_EINVAL;
  switch (command) {
    case GNTTABOP_map_grant_ref:
      return for_each(domain, command, argument, count, sizeof(gnttab_map_grant_ref), &Grants::map_element);
    case GNTTABOP_unmap_grant_ref: {
      const auto result =
          for_each(domain, command, argument, count, sizeof(gnttab_unmap_grant_ref), &Grants::unmap_element);
      if (count != 0) hypervisor_.page_tables.flush(domain);
      return result;
    }
    case GNTTABOP_unmap_and_replace: {
      const auto result = for_each(domain, command, argument, count, sizeof(gnttab_unmap_and_replace),
                                   &Grants::unmap_and_replace_element);
      if (count != 0) hypervisor_.page_tables.flush(domain);
      return result;
    }
    case GNTTABOP_transfer:
      return for_each(domain, command, argument, count, sizeof(gnttab_transfer), &Grants::transfer_element);
    case GNTTABOP_copy:
      return for_each(domain, command, argument, count, sizeof(gnttab_copy), &Grants::copy_element);
    case GNTTABOP_swap_grant_ref:
      return for_each(domain, command, argument, count, sizeof(gnttab_swap_grant_ref), &Grants::swap_element);
    case GNTTABOP_cache_flush:
      return for_each(domain, command, argument, count, sizeof(gnttab_cache_flush),
                      &Grants::cache_flush_element);
    case GNTTABOP_setup_table: return count == 1 ? setup_table(domain, argument) : -XEN_EINVAL;
    case GNTTABOP_query_size: return count == 1 ? query_size(domain, argument) : -XEN_EINVAL;
    case GNTTABOP_set_version: return count == 1 ? set_version(domain, argument) : -XEN_EINVAL;
    case GNTTABOP_get_status_frames: return count == 1 ? get_status_frames(domain, argument) : -XEN_EINVAL;
    case GNTTABOP_get_version: return count == 1 ? get_version(domain, argument) : -XEN_EINVAL;
    default: return -XEN_ENOSYS;  // dump_table as well: Xen has none any more
  }
}

}  // namespace ringside
