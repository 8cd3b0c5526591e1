// HYPERVISOR_memory_op (xen/common/memory.c: do_memory_op; xen/arch/x86/mm.c: arch_memory_op) as a 64-bit
// paravirtual domU gets it. The number of extents that were dealt with is the result of a reservation call,
// also when it failed at once: such calls have no error numbers.
#include "hv-model/mm/memory_op.h"

#include <fmt/format.h>

#include <algorithm>

#include "hv-model/mm/continuation.h"

namespace ringside {

namespace {

// public/memory.h keeps the operation in the low bits and lets a continuation put its progress above them.
constexpr unsigned kCommandBits = 6;
constexpr uint64_t kCommandMask = (1u << kCommandBits) - 1;
constexpr uint64_t kExtentsMax = ~0u >> kCommandBits;
// XENMEM_claim_pages, which public/memory.h shows to the toolstack only.
constexpr uint64_t kClaimPages = 24;
constexpr uint64_t kMapEntriesMax = 128;  // Xen's E820MAX
constexpr size_t kMapEntrySize = 20;      // struct e820entry, packed

struct E820Entry {
  uint64_t address, size;
  uint32_t type;
} __attribute__((packed));
static_assert(sizeof(E820Entry) == kMapEntrySize);

// Xen's rcu_lock_domain_by_any_id, then the rule that an unprivileged domain may speak of itself only.
int64_t check_target(Hypervisor& hypervisor, const Domain& domain, uint16_t named) {
  if (named == DOMID_SELF || named == domain.id.value) return 0;
  return hypervisor.find_domain({named}) == nullptr ? -XEN_ESRCH : -XEN_EPERM;
}

int64_t reservation_query(MemoryCall& call) {
  domid_t named = 0;
  if (!call.domain.copy_from_guest(named, call.argument)) return -XEN_EFAULT;
  if (const int64_t error = check_target(call.hypervisor, call.domain, named); error != 0) return error;
  switch (call.command) {
    case XENMEM_current_reservation:
      return static_cast<int64_t>(call.hypervisor.frames.owned_frames(call.domain.id));
    case XENMEM_maximum_reservation: return static_cast<int64_t>(call.domain.max_pages);
    default: {
      // XENMEM_maximum_gpfn: what the guest itself wrote into shared_info says how many there are.
      uint64_t frames = 0;
      call.hypervisor.memory.read(call.domain.shared_info.address() + offsetof(shared_info, arch.max_pfn),
                                  &frames, sizeof frames);
      return static_cast<int64_t>(frames == 0 ? 0 : frames - 1);
    }
  }
}

int64_t memory_map(MemoryCall& call) {
  xen_memory_map map;
  if (!call.domain.copy_from_guest(map, call.argument)) return -XEN_EFAULT;
  std::vector<uint8_t> entries;
  if (const auto found = call.impl.memory_maps.find(call.domain.id); found != call.impl.memory_maps.end()) {
    entries = found->second;
  } else {
    // libxl's: one range of RAM as large as the domain may become.
    const E820Entry whole{0, call.domain.max_pages * kPageSize, 1};
    entries.assign(reinterpret_cast<const uint8_t*>(&whole),
                   reinterpret_cast<const uint8_t*>(&whole) + sizeof whole);
  }
  map.nr_entries = std::min<uint32_t>(map.nr_entries, entries.size() / kMapEntrySize);
  const GuestVirt buffer{reinterpret_cast<uint64_t>(map.buffer.p)};
  if (!call.domain.copy_to_guest(buffer, entries.data(), map.nr_entries * kMapEntrySize) ||
      !call.domain.copy_to_guest(call.argument, map)) {
    return -XEN_EFAULT;
  }
  return 0;
}

int64_t set_memory_map(MemoryCall& call) {
  xen_foreign_memory_map map;
  if (!call.domain.copy_from_guest(map, call.argument)) return -XEN_EFAULT;
  if (map.map.nr_entries > kMapEntriesMax) return -XEN_EINVAL;
  if (const int64_t error = check_target(call.hypervisor, call.domain, map.domid); error != 0) return error;
  std::vector<uint8_t> entries(map.map.nr_entries * kMapEntrySize);
  const GuestVirt buffer{reinterpret_cast<uint64_t>(map.map.buffer.p)};
  if (!call.domain.copy_from_guest(entries.data(), buffer, entries.size())) return -XEN_EFAULT;
  call.impl.memory_maps[call.domain.id] = std::move(entries);
  return 0;
}

int64_t machphys_mapping(MemoryCall& call) {
  xen_machphys_mapping mapping;
  mapping.v_start = MACH2PHYS_VIRT_START;
  mapping.v_end = MACH2PHYS_VIRT_END;
  mapping.max_mfn = call.hypervisor.memory.first_frame().value + call.hypervisor.memory.frames() - 1;
  return call.domain.copy_to_guest(call.argument, mapping) ? 0 : -XEN_EFAULT;
}

// One frame number for each 2 MiB of the table from its start. Where the table has no frames (there is no
// memory that it would stand for), the last one found is repeated, as Xen does.
int64_t machphys_frames(MemoryCall& call) {
  constexpr uint64_t kExtent = 2 << 20;
  xen_machphys_mfn_list list;
  if (!call.domain.copy_from_guest(list, call.argument)) return -XEN_EFAULT;
  const uint64_t first_byte = call.impl.m2p_first_entry * sizeof(uint64_t);
  const uint64_t end = first_byte + call.impl.m2p_frames.size() * kPageSize;
  const uint64_t extents = (end + kExtent - 1) / kExtent;
  uint64_t last = 0;
  uint32_t i = 0;
  for (; i < list.max_extents && i < extents && !call.impl.should_pause(); ++i) {
    const uint64_t start = i * kExtent;
    if (start + kExtent > first_byte) {
      const uint64_t position = start <= first_byte ? 0 : (start - first_byte) / kPageSize;
      last = call.impl.m2p_frames[position].value;
    }
    const GuestVirt at{reinterpret_cast<uint64_t>(list.extent_start.p) + i * sizeof last};
    if (!call.domain.copy_to_guest(at, last)) return -XEN_EFAULT;
    call.impl.work += PageTables::Impl::kWorkPerRequest;
  }
  list.nr_extents = i;
  return call.domain.copy_to_guest(call.argument, list) ? 0 : -XEN_EFAULT;
}

// The physical memory map of a paravirtual domain cannot be changed: it has none.
int64_t add_to_physmap(MemoryCall& call) {
  xen_add_to_physmap request;
  if (!call.domain.copy_from_guest(request, call.argument)) return -XEN_EFAULT;
  if (request.space == XENMAPSPACE_gmfn_foreign) return -XEN_EINVAL;
  const int64_t error = check_target(call.hypervisor, call.domain, request.domid);
  return error != 0 ? error : -XEN_EACCES;
}

int64_t add_to_physmap_batch(MemoryCall& call) {
  xen_add_to_physmap_batch request;
  if (!call.domain.copy_from_guest(request, call.argument)) return -XEN_EFAULT;
  if (request.size < call.start) return -XEN_EILSEQ;
  if (const int64_t error = check_target(call.hypervisor, call.domain, request.domid); error != 0)
    return error;
  for (uint64_t i = call.start; i < request.size; ++i) {
    uint64_t index = 0, frame = 0;
    const auto at = [i](auto& handle, size_t size) {
      return GuestVirt{reinterpret_cast<uint64_t>(handle.p) + i * size};
    };
    const int refused = -XEN_EACCES;
    if (!call.domain.copy_from_guest(index, at(request.idxs, sizeof index)) ||
        !call.domain.copy_from_guest(frame, at(request.gpfns, sizeof frame)) ||
        !call.domain.copy_to_guest(at(request.errs, sizeof refused), refused)) {
      return -XEN_EFAULT;
    }
  }
  return 0;
}

int64_t remove_from_physmap(MemoryCall& call) {
  xen_remove_from_physmap request;
  if (!call.domain.copy_from_guest(request, call.argument)) return -XEN_EFAULT;
  if (const int64_t error = check_target(call.hypervisor, call.domain, request.domid); error != 0)
    return error;
  const PageInfo* info = call.hypervisor.frames.find({request.gpfn});
  return info != nullptr && info->owner == call.domain.id ? 0 : -XEN_ENOENT;
}

int64_t claim_pages(MemoryCall& call) {
  xen_memory_reservation request;
  if (call.start != 0) return -XEN_EINVAL;
  if (!call.domain.copy_from_guest(request, call.argument)) return -XEN_EFAULT;
  if (request.extent_start.p != nullptr || request.extent_order != 0 || request.mem_flags != 0)
    return -XEN_EINVAL;
  return check_target(call.hypervisor, call.domain, request.domid) == -XEN_ESRCH ? -XEN_EINVAL : -XEN_EPERM;
}

int64_t virtual_numa(MemoryCall& call) {
  xen_vnuma_topology_info request;
  if (call.start != 0) return -XEN_EINVAL;
  if (!call.domain.copy_from_guest(request, call.argument)) return -XEN_EFAULT;
  const int64_t error = check_target(call.hypervisor, call.domain, request.domid);
  return error != 0 ? error : -XEN_EOPNOTSUPP;
}

int64_t populate_on_demand_target(MemoryCall& call) {
  xen_pod_target request;
  if (!call.domain.copy_from_guest(request, call.argument)) return -XEN_EFAULT;
  return check_target(call.hypervisor, call.domain, request.domid) == -XEN_ESRCH ? -XEN_ESRCH : -XEN_EPERM;
}

int64_t acquire_resource(MemoryCall& call) {
  xen_mem_acquire_resource request;
  if (!call.domain.copy_from_guest(request, call.argument)) return -XEN_EFAULT;
  if (request.pad != 0) return -XEN_EINVAL;
  if (request.domid == DOMID_SELF || request.domid == call.domain.id.value) return -XEN_EPERM;
  return call.hypervisor.find_domain({request.domid}) == nullptr ? -XEN_ESRCH : -XEN_EPERM;
}

int64_t dispatch(MemoryCall& call) {
  switch (call.command) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap: return change_reservation(call);
    case XENMEM_exchange: return exchange(call);
    case XENMEM_maximum_ram_page:
      return static_cast<int64_t>(call.hypervisor.memory.first_frame().value +
                                  call.hypervisor.memory.frames());
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn: return reservation_query(call);
    case XENMEM_memory_map: return memory_map(call);
    case XENMEM_set_memory_map: return set_memory_map(call);
    case XENMEM_machine_memory_map: return -XEN_EPERM;
    case XENMEM_machphys_mapping: return machphys_mapping(call);
    case XENMEM_machphys_mfn_list: return machphys_frames(call);
    case XENMEM_add_to_physmap: return add_to_physmap(call);
    case XENMEM_add_to_physmap_batch: return add_to_physmap_batch(call);
    case XENMEM_remove_from_physmap: return remove_from_physmap(call);
    case kClaimPages: return claim_pages(call);
    case XENMEM_get_vnumainfo: return virtual_numa(call);
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target: return populate_on_demand_target(call);
    case XENMEM_acquire_resource: return acquire_resource(call);
    default: return -XEN_ENOSYS;
  }
}

}  // namespace

bool MemoryCall::extents_readable(uint64_t handle, uint64_t count) const {
  // Xen's guest_handle_subrange_okay: where the list starts and ends, not what lies between.
  const uint64_t bytes = count * sizeof(uint64_t);
  return address_ok(handle) && address_ok(handle + bytes);
}

int64_t MemoryCall::pause(uint64_t progress) {
  if (can_continue(domain, __HYPERVISOR_memory_op)) {
    return continue_hypercall(domain, __HYPERVISOR_memory_op,
                              {command | progress << kCommandBits, argument.value});
  }
  domain.notices.emit(NoticeKind::unimplemented, "memory_op",
                      fmt::format("a list within a multicall was cut at extent {}", progress));
  return static_cast<int64_t>(progress);
}

int64_t PageTables::memory_op(Domain& domain, uint64_t command, GuestVirt argument) {
  impl_->work = 0;
  // The guest's command is an unsigned long, and all of it above the operation is progress.
  MemoryCall call{hypervisor_, *impl_,     domain, command & kCommandMask, command >> kCommandBits,
                  argument,    kExtentsMax};
  const int64_t result = dispatch(call);
  domain.owned_pages = hypervisor_.frames.owned_frames(domain.id);
  return result;
}

}  // namespace ringside
