// What becomes of a request: judged, its pages mapped, served by the disk, answered (dispatch_rw_block_io,
// dispatch_discard_io, xen_blkbk_map and __end_block_io_op of xen-blkback).
#include <fmt/format.h>

#include "hv-model/backends/blk/blk_ring.h"
#include "hv-model/backends/blk/blk_work.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {

namespace {
constexpr DomainId kBackendDomain{0};
}

int16_t blk_status_of_fault(int64_t fail) {
  return fail == -XEN_EOPNOTSUPP || fail == BLKIF_RSP_EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR;
}

bool BlkRing::Work::store(std::span<const uint8_t> bytes) {
  if (abandoned) return false;
  for (size_t i = 0; i < pages.size(); ++i) {
    const BlkSegmentRecord& segment = request.segments[i];
    const size_t length = (segment.last_sect - segment.first_sect + 1u) * kBlkSectorBytes;
    const GuestPhys into = pages[i].frame.address() + segment.first_sect * kBlkSectorBytes;
    if (!memory.write(into, bytes.data(), length)) return false;
    bytes = bytes.subspan(length);
  }
  return true;
}

bool BlkRing::Work::load(std::span<uint8_t> bytes) {
  if (abandoned) return false;
  for (size_t i = 0; i < pages.size(); ++i) {
    const BlkSegmentRecord& segment = request.segments[i];
    const size_t length = (segment.last_sect - segment.first_sect + 1u) * kBlkSectorBytes;
    const GuestPhys from = pages[i].frame.address() + segment.first_sect * kBlkSectorBytes;
    if (!memory.read(from, bytes.data(), length)) return false;
    bytes = bytes.subspan(length);
  }
  return true;
}

BlkLimits BlkRing::limits() const {
  return {.sectors = disk_.image.sectors(),
          .read_only = disk_.config.read_only,
          .sector_bytes = disk_.config.sector_bytes,
          .indirect_segments = disk_.config.indirect_segments};
}

bool BlkRing::dispatch(const BlkRequest& request, Tick taken_at, int64_t fail) {
  if (fail != 0) {
    respond(request, taken_at, blk_status_of_fault(fail));
    return true;
  }
  switch (request.head.operation) {
    case BLKIF_OP_INDIRECT:
      if (disk_.config.indirect_segments == 0) break;
      [[fallthrough]];
    case BLKIF_OP_READ:
    case BLKIF_OP_WRITE:
    case BLKIF_OP_WRITE_BARRIER:
    case BLKIF_OP_FLUSH_DISKCACHE: return dispatch_transfer(request, taken_at);
    case BLKIF_OP_DISCARD: dispatch_discard(request, taken_at); return true;
    default: break;
  }
  notice(NoticeKind::unusual, fmt::format("operation {} is not supported", request.head.operation));
  respond(request, taken_at, BLKIF_RSP_EOPNOTSUPP);
  return true;
}

bool BlkRing::dispatch_transfer(const BlkRequest& request, Tick taken_at) {
  const std::string_view fault = fault_of_transfer(request, limits());
  if (!fault.empty()) {
    refuse(request, taken_at, fault);
    return false;
  }
  const uint8_t operation = request.operation();
  const bool unknown = (operation == BLKIF_OP_WRITE_BARRIER && !disk_.config.barrier) ||
                       (operation == BLKIF_OP_FLUSH_DISKCACHE && !disk_.config.flush);
  if (unknown) {
    respond(request, taken_at, BLKIF_RSP_EOPNOTSUPP);
    return true;
  }
  if (operation == BLKIF_OP_WRITE_BARRIER) {
    hold_barrier(request, taken_at);
    return true;
  }
  return start(request, taken_at);
}

// DEVIATES: xen-blkback - it takes further requests as soon as a barrier is under way; blkif.h says that
// later writes must wait for it.
void BlkRing::hold_barrier(const BlkRequest& request, Tick taken_at) {
  barriers_.push_back({request, taken_at});
  barrier_active_ = true;
  if (in_flight_ == 0) start_held_barrier();
}

// One that cannot be started is answered at once, so that this ends.
void BlkRing::start_held_barrier() {
  while (!barriers_.empty()) {
    const Barrier next = std::move(barriers_.front());
    barriers_.pop_front();
    if (start(next.request, next.taken_at)) return;
  }
  barrier_active_ = false;
  disk_.hypervisor.events.schedule(disk_.hypervisor.clock.now, "blkif/after_barrier",
                                   [weak = weak_from_this()] {
                                     if (const auto self = weak.lock()) self->serve();
                                   });
}

bool BlkRing::start(const BlkRequest& request, Tick taken_at) {
  Work& work = take_work(request, taken_at);
  const bool read_only = !request.is_read();  // a disk's read writes to the guest
  for (const BlkSegmentRecord& segment : work.request.segments) {
    Page page;
    if (!map_page(segment.gref, read_only, page)) {
      release_work(work);
      refuse(request, taken_at, fmt::format("the grant {} of a segment cannot be mapped", segment.gref));
      return false;
    }
    work.pages.push_back(page);
  }
  switch (request.operation()) {
    case BLKIF_OP_READ:
      disk_.image.read(
          request.head.sector_number, request.segment_sectors(), work,
          [self = shared_from_this(), &work](DiskImage::Status status) { self->finish(work, status); });
      break;
    case BLKIF_OP_WRITE: start_write(work); break;
    default: start_flush(work); break;
  }
  return true;
}

// REQ_PREFLUSH: the cache goes first, then what data the request carries.
void BlkRing::start_flush(Work& work) {
  disk_.image.flush([self = shared_from_this(), &work](DiskImage::Status status) {
    if (status == DiskImage::Status::ok && !work.pages.empty()) {
      self->start_write(work);
    } else {
      self->finish(work, status);
    }
  });
}

void BlkRing::start_write(Work& work) {
  disk_.image.write(
      work.request.head.sector_number, work.request.segment_sectors(), work,
      [self = shared_from_this(), &work](DiskImage::Status status) { self->finish(work, status); });
}

void BlkRing::dispatch_discard(const BlkRequest& request, Tick taken_at) {
  const std::string_view fault = fault_of_discard(request, limits());
  if (!fault.empty()) return refuse(request, taken_at, fault);
  if (!disk_.config.discard) return respond(request, taken_at, BLKIF_RSP_EOPNOTSUPP);
  // As blkif.h says, the flag is ignored where discard-secure is 0.
  if (request.head.flag & BLKIF_DISCARD_SECURE) {
    notice(NoticeKind::unusual,
           fmt::format("discard {:#x} asks to be secure, but discard-secure is 0: it is an ordinary one",
                       request.head.id));
  }
  Work& work = take_work(request, taken_at);
  disk_.image.discard(
      request.head.sector_number, request.head.nr_sectors,
      [self = shared_from_this(), &work](DiskImage::Status status) { self->finish(work, status); });
}

void BlkRing::finish(Work& work, DiskImage::Status status) {
  const uint8_t operation = work.request.operation();
  const bool optional = operation != BLKIF_OP_READ && operation != BLKIF_OP_WRITE;
  int16_t answer = BLKIF_RSP_ERROR;
  if (status == DiskImage::Status::ok) answer = BLKIF_RSP_OKAY;
  if (status == DiskImage::Status::not_supported && optional) answer = BLKIF_RSP_EOPNOTSUPP;
  // Grants go back before the frontend knows that it may use them otherwise. The place keeps what respond()
  // reads until another request takes it.
  release_work(work);
  respond(work.request, work.taken_at, answer);
  if (barrier_active_ && in_flight_ == 0 && live_) start_held_barrier();
}

void BlkRing::refuse(const BlkRequest& request, Tick taken_at, std::string_view why) {
  notice(NoticeKind::unusual,
         fmt::format("request {:#x} (operation {}, sector {}) is refused: {}", request.head.id,
                     request.head.operation, request.head.sector_number, why));
  respond(request, taken_at, BLKIF_RSP_ERROR);
}

BlkRing::Work& BlkRing::take_work(const BlkRequest& request, Tick taken_at) {
  if (free_works_.empty()) {
    works_.push_back(std::make_unique<Work>(disk_.hypervisor.memory));
    free_works_.push_back(works_.back().get());
  }
  Work& work = *free_works_.back();
  free_works_.pop_back();
  work.busy = true;
  work.abandoned = false;
  work.request = request;
  work.taken_at = taken_at;
  ++in_flight_;
  return work;
}

void BlkRing::abandon(Work& work) {
  for (const Page& page : work.pages) unmap_page(page);
  work.pages.clear();
  work.abandoned = true;
}

void BlkRing::release_work(Work& work) {
  for (const Page& page : work.pages) unmap_page(page);
  work.pages.clear();
  work.busy = false;
  free_works_.push_back(&work);
  --in_flight_;
}

// xen_blkbk_map. A grant that may be kept is mapped writable whatever it is for: a later request may read
// into it.
bool BlkRing::map_page(uint32_t gref, bool read_only, Page& page) {
  page.gref = gref;
  if (persistent_) {
    if (const auto frame = kept_.take(gref)) {
      page.frame = *frame;
      page.kept = true;
      return true;
    }
  }
  Grants& grants = disk_.hypervisor.grants;
  const auto mapped =
      grants.map(kBackendDomain, disk_.frontend.id, GrantRef{gref}, read_only && !persistent_);
  if (!mapped) return false;
  if (!disk_.hypervisor.memory.contains(mapped->frame)) {
    (void)grants.unmap(kBackendDomain, mapped->handle);
    return false;
  }
  page.frame = mapped->frame;
  page.handle = mapped->handle;
  page.kept = persistent_ && live_ && kept_.add(gref, *mapped);
  if (persistent_) plan_purge();
  return true;
}

void BlkRing::unmap_page(const Page& page) {
  if (page.kept) {
    kept_.put(page.gref, disk_.hypervisor.clock.now);
  } else {
    (void)disk_.hypervisor.grants.unmap(kBackendDomain, page.handle);
  }
}

// xen-blkback's thread looks every 100 ms; here an event stands only where there will be something to purge.
void BlkRing::plan_purge() {
  // What is kept anew rests no shorter than what the event stands for.
  if (purge_ && !kept_.overflown()) return;
  const Tick next = kept_.next_purge(disk_.hypervisor.clock.now);
  if (purge_ && purge_.at <= next) return;
  disk_.hypervisor.events.cancel(purge_);
  if (next == Tick::never() || !live_) return;
  purge_ = disk_.hypervisor.events.schedule(next, "blkif/purge_grants", [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->purge_ = {};
    self->kept_.purge(self->disk_.hypervisor.clock.now);
    self->plan_purge();
  });
}

}  // namespace ringside
