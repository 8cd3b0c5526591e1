// How a domain's memory grows, shrinks and is exchanged (xen/common/memory.c).
#include <algorithm>

#include "hv-model/mm/memory_op.h"

namespace ringside {

namespace {

constexpr uint64_t kWorkPerFrame = 64;

// Frames that the domain may have, as its maximum allows.
std::optional<Mfn> allocate_extent(MemoryCall& call, unsigned order) {
  const uint64_t wanted = uint64_t{1} << order;
  if (call.hypervisor.frames.owned_frames(call.domain.id) + wanted > call.domain.max_pages)
    return std::nullopt;
  call.impl.work += kWorkPerFrame * wanted;
  return call.hypervisor.frames.allocate_run(call.domain.id, order);
}

// Xen's guest_remove_page: gives up the owner's own reference; what still maps the frame keeps it alive.
bool remove_page(MemoryCall& call, Mfn frame) {
  FrameTable& frames = call.hypervisor.frames;
  call.impl.work += kWorkPerFrame;
  if (!frames.get_page(frame, call.domain.id)) return false;
  frames.drop_allocation(frame);
  frames.put_page(frame);
  return true;
}

// One extent; false where Xen ends the list.
bool change_extent(MemoryCall& call, const xen_memory_reservation& request, uint64_t position) {
  const uint64_t list = reinterpret_cast<uint64_t>(request.extent_start.p);
  const GuestVirt at{list + position * sizeof(uint64_t)};
  const uint64_t count = uint64_t{1} << request.extent_order;
  uint64_t number = 0;  // a pfn to populate, or a frame to remove
  if (call.command != XENMEM_increase_reservation && !call.domain.copy_from_guest(number, at)) return false;
  if (call.command == XENMEM_decrease_reservation) {
    for (uint64_t i = 0; i < count; ++i) {
      if (!remove_page(call, {number + i})) return false;
    }
    return true;
  }
  if ((request.mem_flags & XENMEMF_populate_on_demand) != 0 && call.command == XENMEM_populate_physmap)
    return false;
  const auto frame = allocate_extent(call, request.extent_order);
  if (!frame) return false;
  if (call.command == XENMEM_populate_physmap) {
    for (uint64_t i = 0; i < count; ++i) {
      call.hypervisor.page_tables.set_machine_to_phys({frame->value + i}, number + i);
    }
  } else if (list == 0) {
    return true;
  }
  // The domain keeps a frame whose number it could not be told.
  return call.domain.copy_to_guest(at, frame->value);
}

}  // namespace

int64_t change_reservation(MemoryCall& call) {
  const auto done = static_cast<int64_t>(call.start);
  xen_memory_reservation request;
  if (!call.domain.copy_from_guest(request, call.argument)) return done;
  if (request.nr_extents > call.extents_max || call.start >= request.nr_extents) return done;
  if (request.domid != DOMID_SELF && request.domid != call.domain.id.value) return done;
  // An address limit below the page size can be met by no frame.
  const unsigned limit_bits = XENMEMF_get_address_bits(request.mem_flags);
  if (limit_bits != 0 && limit_bits <= kPageShift) return done;
  const uint64_t list = reinterpret_cast<uint64_t>(request.extent_start.p);
  const bool has_list = list != 0 || call.command != XENMEM_increase_reservation;
  if (request.extent_order > MemoryCall::kOrderMax) return done;
  if (has_list && !call.extents_readable(list, request.nr_extents)) return done;
  const uint64_t memory_end = call.hypervisor.memory.base().value + call.hypervisor.memory.size();
  const bool limited = limit_bits != 0 && limit_bits < 64 && memory_end > uint64_t{1} << limit_bits;
  if (limited && call.command != XENMEM_decrease_reservation) return done;

  uint64_t position = call.start;
  for (; position < request.nr_extents; ++position) {
    if (position != call.start && call.impl.should_pause()) return call.pause(position);
    if (!change_extent(call, request, position)) break;
    call.impl.work += PageTables::Impl::kWorkPerRequest;
  }
  return static_cast<int64_t>(position);
}

namespace {

// A piece of an exchange: 2^order frames of one side, all or nothing.
struct Chunk {
  std::vector<Mfn> in;
  std::vector<Mfn> out;
};

// Reads which frames are given up. They must be the domain's and used by nobody, not even by its page tables.
int64_t read_chunk(MemoryCall& call, const xen_memory_exchange& request, uint64_t chunk,
                   unsigned extents_shift, Chunk& frames) {
  const uint64_t list = reinterpret_cast<uint64_t>(request.in.extent_start.p);
  for (uint64_t i = 0; i < uint64_t{1} << extents_shift; ++i) {
    uint64_t first = 0;
    const GuestVirt at{list + ((chunk << extents_shift) + i) * sizeof first};
    if (!call.domain.copy_from_guest(first, at)) return -XEN_EFAULT;
    for (uint64_t k = 0; k < uint64_t{1} << request.in.extent_order; ++k) {
      const Mfn frame{first + k};
      const PageInfo* info = call.hypervisor.frames.find(frame);
      const bool again = std::find(frames.in.begin(), frames.in.end(), frame) != frames.in.end();
      if (info == nullptr || info->owner != call.domain.id || !info->allocated || info->special ||
          info->ref_count != 1 || info->type_count != 0 || again) {
        return -XEN_EINVAL;
      }
      frames.in.push_back(frame);
    }
  }
  return 0;
}

// Takes the new frames first, so that a failure leaves the domain what it had.
bool allocate_chunk(MemoryCall& call, unsigned order, uint64_t extents, Chunk& frames) {
  for (uint64_t i = 0; i < extents; ++i) {
    const auto frame = call.hypervisor.frames.allocate_run(call.domain.id, order);
    if (!frame) break;
    frames.out.push_back(*frame);
  }
  if (frames.out.size() == extents) return true;
  for (const Mfn first : frames.out) {
    for (uint64_t k = 0; k < uint64_t{1} << order; ++k)
      call.hypervisor.frames.drop_allocation({first.value + k});
  }
  return false;
}

int64_t write_chunk(MemoryCall& call, const xen_memory_exchange& request, uint64_t chunk,
                    const Chunk& frames) {
  const uint64_t list = reinterpret_cast<uint64_t>(request.out.extent_start.p);
  const uint64_t first_extent = chunk * frames.out.size();
  int64_t error = 0;
  for (uint64_t i = 0; i < frames.out.size(); ++i) {
    const GuestVirt at{list + (first_extent + i) * sizeof(uint64_t)};
    uint64_t pfn = 0;
    if (!call.domain.copy_from_guest(pfn, at)) {
      error = -XEN_EFAULT;
      continue;
    }
    for (uint64_t k = 0; k < uint64_t{1} << request.out.extent_order; ++k) {
      call.hypervisor.page_tables.set_machine_to_phys({frames.out[i].value + k}, pfn + k);
    }
    if (!call.domain.copy_to_guest(at, frames.out[i].value)) error = -XEN_EFAULT;
  }
  return error;
}

int64_t check_exchange(MemoryCall& call, const xen_memory_exchange& request) {
  const auto& in = request.in;
  const auto& out = request.out;
  if (request.nr_exchanged > in.nr_extents || in.domid != out.domid) return -XEN_EINVAL;
  if (in.extent_order > MemoryCall::kOrderMax || out.extent_order > MemoryCall::kOrderMax) return -XEN_EPERM;
  if (in.nr_extents > ~uint64_t{0} >> in.extent_order || out.nr_extents > ~uint64_t{0} >> out.extent_order ||
      in.nr_extents << in.extent_order != out.nr_extents << out.extent_order) {
    return -XEN_EINVAL;
  }
  if (!call.extents_readable(reinterpret_cast<uint64_t>(in.extent_start.p), in.nr_extents) ||
      !call.extents_readable(reinterpret_cast<uint64_t>(out.extent_start.p), out.nr_extents)) {
    return -XEN_EFAULT;
  }
  if (in.domid == DOMID_SELF || in.domid == call.domain.id.value) return 0;
  return call.hypervisor.find_domain({in.domid}) == nullptr ? -XEN_ESRCH : -XEN_EPERM;
}

}  // namespace

int64_t exchange(MemoryCall& call) {
  xen_memory_exchange request;
  if (!call.domain.copy_from_guest(request, call.argument)) return -XEN_EFAULT;
  if (const int64_t error = check_exchange(call, request); error != 0) return error;

  // Chunks are as large as the larger extent.
  const unsigned order = std::max(request.in.extent_order, request.out.extent_order);
  const unsigned in_shift = order - request.in.extent_order, out_shift = order - request.out.extent_order;
  if (request.nr_exchanged & ((uint64_t{1} << in_shift) - 1)) return -XEN_EINVAL;
  int64_t error = 0;
  bool paused = false;
  uint64_t chunk = request.nr_exchanged >> in_shift;
  const uint64_t first = chunk, chunks = request.in.nr_extents >> in_shift;
  for (; chunk < chunks; ++chunk) {
    if (chunk != first && call.impl.should_pause()) {
      paused = true;
      break;
    }
    Chunk frames;
    error = read_chunk(call, request, chunk, in_shift, frames);
    if (error != 0) break;
    if (!allocate_chunk(call, request.out.extent_order, uint64_t{1} << out_shift, frames)) {
      error = -XEN_ENOMEM;
      break;
    }
    for (const Mfn frame : frames.in) call.hypervisor.frames.steal(frame, call.domain.id, 0);
    call.impl.work += kWorkPerFrame << order;
    error = write_chunk(call, request, chunk, frames);
    if (error != 0) break;
  }
  request.nr_exchanged = chunk << in_shift;
  if (!call.domain.copy_to_guest(call.argument, request)) return -XEN_EFAULT;
  return paused ? call.pause(0) : error;
}

}  // namespace ringside
