#include "hv-model/backends/blk/blk_ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};
// dispatch_rw_block_io sleeps that long after a request that it refused.
constexpr Tick kBackOff = milliseconds(1);

BlkRequest from_abi(const blkif_request& abi, uint32_t slot, uint32_t req_prod, uint32_t req_cons) {
  BlkRequest request;
  request.head = {.operation = abi.operation,
                  .nr_segments = abi.nr_segments,
                  .handle = abi.handle,
                  .slot = slot,
                  .id = abi.id,
                  .sector_number = abi.sector_number,
                  .nr_sectors = 0,
                  .req_prod = req_prod,
                  .req_cons = req_cons};
  if (abi.operation == BLKIF_OP_DISCARD) {
    blkif_request_discard discard;
    std::memcpy(&discard, &abi, sizeof discard);
    request.head.nr_sectors = discard.nr_sectors;
    return request;
  }
  for (size_t i = 0; i < std::min<size_t>(abi.nr_segments, kBlkSegmentsMax); ++i) {
    const blkif_request_segment& segment = abi.seg[i];
    request.segments[i] = {segment.gref, segment.first_sect, segment.last_sect, {}};
    if (segment.last_sect >= segment.first_sect) {
      request.head.nr_sectors += segment.last_sect - segment.first_sect + 1u;
    }
  }
  return request;
}

}  // namespace

struct BlkRing::Indices : BackRing<blkif_request, blkif_response> {
  using BackRing::BackRing;
};

std::shared_ptr<BlkRing> BlkRing::connect(Hypervisor& hypervisor, Domain& frontend, DiskImage& image,
                                          const BlkBackendConfig& config, BlkWires wires, Grants::Mapped page,
                                          EventPort port) {
  std::shared_ptr<BlkRing> ring(new BlkRing(hypervisor, frontend, image, config, wires, page, port));
  // The handler may be called once more after the port was closed: it must not keep the ring alive.
  const std::weak_ptr<BlkRing> weak = ring;
  const auto serve = [weak] {
    if (const auto held = weak.lock()) held->serve();
  };
  hypervisor.channels.set_handler(port, serve);
  // Requests may have been there before the channel was bound: Xen raises an event at binding for that
  // reason.
  hypervisor.events.schedule(hypervisor.clock.now, "blkif/first_look", serve);
  return ring;
}

BlkRing::BlkRing(Hypervisor& hypervisor, Domain& frontend, DiskImage& image, const BlkBackendConfig& config,
                 BlkWires wires, Grants::Mapped page, EventPort port)
    : hypervisor_(hypervisor),
      frontend_(frontend),
      image_(image),
      config_(config),
      wires_(wires),
      page_(page),
      port_(port),
      ring_(std::make_unique<Indices>(hypervisor.memory, page.frame.address())) {}

BlkRing::~BlkRing() = default;

void BlkRing::close() {
  if (!live_) return;
  live_ = false;
  hypervisor_.events.cancel(pause_end_);
  (void)hypervisor_.channels.close(kBackendDomain, port_);
  (void)hypervisor_.grants.unmap(kBackendDomain, page_.handle);
}

void BlkRing::serve() {
  if (!live_ || halted_ || paused_) return;
  sample_indices(Direction::out);
  // The guest does not run meanwhile, so that this ends: at most a ring of requests is there.
  do {
    if (!take_requests()) return;
  } while (ring_->final_check());
  sample_indices(Direction::in);
}

bool BlkRing::take_requests() {
  const uint32_t req_prod = ring_->indices().req_prod;
  if (ring_->producer_overflows(req_prod)) {
    halted_ = true;
    notice(
        NoticeKind::unusual,
        fmt::format(
            "req_prod is {}, but only {} requests fit behind response {}: ring processing halted until the "
            "frontend connects anew",
            req_prod, Indices::kSlots, ring_->rsp_prod_private()));
    return false;
  }
  while (ring_->req_cons() != req_prod && !ring_->consumer_overflows()) {
    const uint32_t index = ring_->req_cons();
    const BlkRequest request = from_abi(ring_->take(), Indices::slot_of(index), req_prod, index);
    if (!receive(request)) {
      pause();
      return false;
    }
  }
  return true;
}

bool BlkRing::receive(const BlkRequest& request) {
  std::vector<uint8_t> payload = request.to_payload();
  const Tick taken_at = hypervisor_.clock.now;
  const Verdict verdict = wires_.request.pass(Direction::out, payload);
  if (verdict.delay.ps == 0) {
    bool accepted = true;
    for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
      accepted = dispatch(payload, taken_at, verdict.fail) && accepted;
    }
    return accepted;
  }
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    hypervisor_.events.schedule(saturating_add(taken_at, verdict.delay), "blkif/late_request",
                                [self = shared_from_this(), payload, taken_at, fail = verdict.fail] {
                                  if (self->live_) (void)self->dispatch(payload, taken_at, fail);
                                });
  }
  return true;
}

bool BlkRing::dispatch(std::span<const uint8_t> payload, Tick taken_at, int64_t fail) {
  const std::optional<BlkRequest> request = BlkRequest::from_payload(payload);
  if (!request) return true;  // cut short by a fault: nobody can say what it was
  if (fail != 0) {
    respond(*request, taken_at, fail == -XEN_EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR);
    return true;
  }
  switch (request->head.operation) {
    case BLKIF_OP_READ:
    case BLKIF_OP_WRITE:
    case BLKIF_OP_WRITE_BARRIER:
    case BLKIF_OP_FLUSH_DISKCACHE: return dispatch_transfer(*request, taken_at);
    case BLKIF_OP_DISCARD: dispatch_discard(*request, taken_at); return true;
    default:
      // Indirect requests are among them: feature-max-indirect-segments is not offered.
      notice(NoticeKind::unusual, fmt::format("operation {} is not supported", request->head.operation));
      respond(*request, taken_at, BLKIF_RSP_EOPNOTSUPP);
      return true;
  }
}

bool BlkRing::dispatch_transfer(const BlkRequest& request, Tick taken_at) {
  const std::string_view fault = fault_of_transfer(request, image_.sectors(), config_.read_only);
  if (!fault.empty()) {
    refuse(request, taken_at, fault);
    return false;
  }
  InFlight work{request, taken_at, {}, {}};
  if (!map_segments(work) || (!request.is_read() && !read_guest(work))) {
    unmap_segments(work);
    refuse(request, taken_at, "a segment's grant cannot be mapped");
    return false;
  }
  const uint8_t operation = request.head.operation;
  if (operation == BLKIF_OP_WRITE_BARRIER || (operation == BLKIF_OP_FLUSH_DISKCACHE && !config_.flush)) {
    // DEVIATES: xen-blkback - it offers barriers on disks that can flush; we never offer them.
    unmap_segments(work);
    respond(request, taken_at, BLKIF_RSP_EOPNOTSUPP);
    return true;
  }
  const uint64_t number = ++last_number_;
  InFlight& held = in_flight_.emplace(number, std::move(work)).first->second;
  if (operation == BLKIF_OP_FLUSH_DISKCACHE) {
    start_flush(number);
  } else if (operation == BLKIF_OP_WRITE) {
    start_write(number);
  } else {
    held.data.resize(request.segment_sectors() * kBlkSectorBytes);
    image_.read(request.head.sector_number, held.data,
                [self = shared_from_this(), number](DiskImage::Status status) {
                  if (status == DiskImage::Status::ok && !self->write_guest(self->in_flight_.at(number))) {
                    status = DiskImage::Status::io_error;
                  }
                  self->finish(number, status);
                });
  }
  return true;
}

void BlkRing::dispatch_discard(const BlkRequest& request, Tick taken_at) {
  const std::string_view fault = fault_of_discard(request, image_.sectors(), config_.read_only);
  if (!fault.empty()) return refuse(request, taken_at, fault);
  if (!config_.discard) return respond(request, taken_at, BLKIF_RSP_EOPNOTSUPP);
  const uint64_t number = ++last_number_;
  in_flight_.emplace(number, InFlight{request, taken_at, {}, {}});
  image_.discard(
      request.head.sector_number, request.head.nr_sectors,
      [self = shared_from_this(), number](DiskImage::Status status) { self->finish(number, status); });
}

// REQ_PREFLUSH: the cache goes first, then what data the request carries.
void BlkRing::start_flush(uint64_t number) {
  image_.flush([self = shared_from_this(), number](DiskImage::Status status) {
    if (status == DiskImage::Status::ok && self->in_flight_.at(number).request.head.nr_segments != 0) {
      self->start_write(number);
    } else {
      self->finish(number, status);
    }
  });
}

void BlkRing::start_write(uint64_t number) {
  const InFlight& work = in_flight_.at(number);
  image_.write(
      work.request.head.sector_number, work.data,
      [self = shared_from_this(), number](DiskImage::Status status) { self->finish(number, status); });
}

bool BlkRing::map_segments(InFlight& work) {
  const bool read_only = !work.request.is_read();  // a disk's read writes to the guest
  for (const BlkSegmentRecord& segment : work.request.used_segments()) {
    const auto mapped =
        hypervisor_.grants.map(kBackendDomain, frontend_.id, GrantRef{segment.gref}, read_only);
    if (!mapped) return false;
    work.grants.push_back(*mapped);
  }
  return true;
}

void BlkRing::unmap_segments(InFlight& work) {
  for (const Grants::Mapped& grant : work.grants)
    (void)hypervisor_.grants.unmap(kBackendDomain, grant.handle);
  work.grants.clear();
}

// The guest's data is taken when the request is: what it changes afterwards does not reach the disk.
bool BlkRing::read_guest(InFlight& work) {
  work.data.resize(work.request.segment_sectors() * kBlkSectorBytes);
  uint8_t* into = work.data.data();
  for (size_t i = 0; i < work.grants.size(); ++i) {
    const BlkSegmentRecord& segment = work.request.segments[i];
    const uint64_t length = (segment.last_sect - segment.first_sect + 1u) * kBlkSectorBytes;
    const GuestPhys from = work.grants[i].frame.address() + segment.first_sect * kBlkSectorBytes;
    if (!hypervisor_.memory.read(from, into, length)) return false;
    into += length;
  }
  return true;
}

bool BlkRing::write_guest(const InFlight& work) {
  const uint8_t* from = work.data.data();
  for (size_t i = 0; i < work.grants.size(); ++i) {
    const BlkSegmentRecord& segment = work.request.segments[i];
    const uint64_t length = (segment.last_sect - segment.first_sect + 1u) * kBlkSectorBytes;
    const GuestPhys into = work.grants[i].frame.address() + segment.first_sect * kBlkSectorBytes;
    if (!hypervisor_.memory.write(into, from, length)) return false;
    from += length;
  }
  return true;
}

void BlkRing::finish(uint64_t number, DiskImage::Status status) {
  const auto place = in_flight_.find(number);
  InFlight work = std::move(place->second);
  in_flight_.erase(place);
  unmap_segments(work);
  const uint8_t operation = work.request.head.operation;
  const bool optional = operation == BLKIF_OP_FLUSH_DISKCACHE || operation == BLKIF_OP_DISCARD;
  int16_t answer = BLKIF_RSP_ERROR;
  if (status == DiskImage::Status::ok) answer = BLKIF_RSP_OKAY;
  if (status == DiskImage::Status::not_supported && optional) answer = BLKIF_RSP_EOPNOTSUPP;
  respond(work.request, work.taken_at, answer);
}

void BlkRing::refuse(const BlkRequest& request, Tick taken_at, std::string_view why) {
  notice(NoticeKind::unusual,
         fmt::format("request {:#x} (operation {}, sector {}) is refused: {}", request.head.id,
                     request.head.operation, request.head.sector_number, why));
  respond(request, taken_at, BLKIF_RSP_ERROR);
}

void BlkRing::respond(const BlkRequest& request, Tick taken_at, int16_t status) {
  if (!live_) return;
  const BlkResponseRecord record{.id = request.head.id,
                                 .latency = (hypervisor_.clock.now - taken_at).ps,
                                 .slot = Indices::slot_of(ring_->rsp_prod_private()),
                                 .status = status,
                                 .operation = request.head.operation,
                                 .reserved = 0};
  std::vector<uint8_t> payload(sizeof record);
  std::memcpy(payload.data(), &record, sizeof record);
  const Verdict verdict = wires_.response.pass(Direction::in, payload);
  if (verdict.fail != 0 && payload.size() >= sizeof record) {
    const int16_t failed = verdict.fail == -XEN_EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR;
    std::memcpy(payload.data() + offsetof(BlkResponseRecord, status), &failed, sizeof failed);
  }
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.delay.ps == 0) {
      put_response(payload);
      continue;
    }
    hypervisor_.events.schedule(saturating_add(hypervisor_.clock.now, verdict.delay), "blkif/late_response",
                                [self = shared_from_this(), payload] { self->put_response(payload); });
  }
}

void BlkRing::put_response(const std::vector<uint8_t>& payload) {
  if (!live_) return;
  BlkResponseRecord record{};
  std::memcpy(&record, payload.data(), std::min(payload.size(), sizeof record));
  blkif_response response{};
  response.id = record.id;
  response.operation = record.operation;
  response.status = record.status;
  ring_->put(response);
  const bool notify = ring_->push();
  sample_indices(Direction::in);
  if (notify) (void)hypervisor_.channels.send(kBackendDomain, port_);
}

void BlkRing::pause() {
  paused_ = true;
  pause_end_ = hypervisor_.events.schedule(saturating_add(hypervisor_.clock.now, kBackOff), "blkif/back_off",
                                           [weak = weak_from_this()] {
                                             const auto self = weak.lock();
                                             if (!self) return;
                                             self->paused_ = false;
                                             self->serve();
                                           });
}

void BlkRing::sample_indices(Direction direction) {
  if (!wires_.indices.tapped()) return;
  const RingIndices shared = ring_->indices();
  const BlkIndicesRecord record{.req_prod = shared.req_prod,
                                .req_event = shared.req_event,
                                .rsp_prod = shared.rsp_prod,
                                .rsp_event = shared.rsp_event,
                                .req_cons = ring_->req_cons(),
                                .in_flight = static_cast<uint32_t>(in_flight_.size())};
  std::vector<uint8_t> sample(sizeof record);
  std::memcpy(sample.data(), &record, sizeof record);
  if (sample == last_sample_) return;
  last_sample_ = sample;
  (void)wires_.indices.pass(direction, sample);
}

void BlkRing::notice(NoticeKind kind, std::string text) {
  frontend_.notices.emit(kind, "blkif/" + config_.name, std::move(text));
}

void BlkRing::visit_state(StateVisitor& visitor) const {
  uint64_t requests = 0;
  for (const auto& [number, work] : in_flight_) {
    requests = hash_mix(requests, number);
    requests = hash_mix(requests, work.request.head.id);
    requests = hash_mix(requests, work.taken_at.ps);
  }
  visitor.number("ring_frame", page_.frame.value);
  visitor.number("ring_port", port_.value);
  visitor.number("ring_req_cons", ring_->req_cons());
  visitor.number("ring_rsp_prod", ring_->rsp_prod_private());
  visitor.number("ring_halted", halted_);
  visitor.number("ring_paused", paused_);
  visitor.number("ring_in_flight", in_flight_.size());
  visitor.number("ring_requests", requests);
}

}  // namespace ringside
