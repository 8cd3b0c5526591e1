#include "hv-model/backends/blk/blk_ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "hv-model/backends/blk/blk_work.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};
// dispatch_rw_block_io sleeps that long after a request that it refused.
constexpr Tick kBackOff = milliseconds(1);

// A slot may lie across two pages, which are neighbours only in the ring.
void copy_in(const Memory& memory, const GrantedPages& pages, uint64_t offset, std::span<uint8_t> into) {
  const size_t here = std::min<size_t>(into.size(), kPageSize - offset % kPageSize);
  (void)memory.read(pages.address(offset), into.data(), here);
  if (here != into.size())
    (void)memory.read(pages.address(offset + here), into.data() + here, into.size() - here);
}

void copy_out(Memory& memory, const GrantedPages& pages, uint64_t offset, std::span<const uint8_t> from) {
  const size_t here = std::min<size_t>(from.size(), kPageSize - offset % kPageSize);
  (void)memory.write(pages.address(offset), from.data(), here);
  if (here != from.size())
    (void)memory.write(pages.address(offset + here), from.data() + here, from.size() - here);
}

}  // namespace

std::shared_ptr<BlkRing> BlkRing::connect(const BlkDisk& disk, BlkWires wires, BlkRingGrant grant) {
  std::shared_ptr<BlkRing> ring(new BlkRing(disk, wires, std::move(grant)));
  // The handler may be called once more after the port was closed: it must not keep the ring alive.
  const std::weak_ptr<BlkRing> weak = ring;
  const auto serve = [weak] {
    if (const auto held = weak.lock()) held->serve();
  };
  disk.hypervisor.channels.set_handler(ring->port_, serve);
  ring->accept_faults();
  // Requests may have been there before the channel was bound: Xen raises an event at binding for that
  // reason.
  disk.hypervisor.events.schedule(disk.hypervisor.clock.now, "blkif/first_look", serve);
  return ring;
}

BlkRing::BlkRing(const BlkDisk& disk, BlkWires wires, BlkRingGrant grant)
    : disk_(disk),
      wires_(wires),
      port_(grant.port),
      layout_(*grant.layout),
      persistent_(grant.persistent),
      pages_(std::move(grant.pages)),
      ring_(disk.hypervisor.memory, pages_.address(0),
            BackRingIndices::slots_in(pages_.size() * kPageSize, layout_.slot_bytes)),
      kept_(disk.config.persistent_grants_max, [&grants = disk.hypervisor.grants](uint32_t handle) {
        (void)grants.unmap(kBackendDomain, handle);
      }) {}

BlkRing::~BlkRing() = default;

void BlkRing::close() {
  if (!live_) return;
  live_ = false;
  disk_.hypervisor.events.cancel(pause_end_);
  disk_.hypervisor.events.cancel(purge_);
  barriers_.clear();
  wires_.request.set_rewriter(nullptr);
  wires_.response.set_rewriter(nullptr);
  kept_.close();
  (void)disk_.hypervisor.channels.close(kBackendDomain, port_);
  pages_.unmap();
}

void BlkRing::die() {
  close();
  for (const auto& work : works_) {
    if (work->busy) abandon(*work);
  }
}

// The slots of a ring's page, as faults want them. A backend has copied a request before anybody can change
// it, but the frontend that made it may look once more; a response may change between two of its looks.
void BlkRing::accept_faults() {
  const auto rewriter = [weak = weak_from_this()](void (BlkRing::*rewrite)(std::span<const uint8_t>)) {
    return [weak, rewrite](std::span<const uint8_t> payload) {
      const auto self = weak.lock();
      if (self && self->live_) (*self.*rewrite)(payload);
    };
  };
  wires_.request.set_rewriter(rewriter(&BlkRing::rewrite_request));
  wires_.response.set_rewriter(rewriter(&BlkRing::rewrite_response));
}

void BlkRing::rewrite_request(std::span<const uint8_t> payload) {
  BlkRequest request;
  if (!request.from_payload(payload) || request.head.slot >= ring_.slots()) return;
  const uint64_t offset = BackRingIndices::kSlotsOffset + uint64_t{request.head.slot} * layout_.slot_bytes;
  std::array<uint8_t, kBlkSlotBytesMax> bytes;
  const std::span<uint8_t> slot = std::span(bytes).first(layout_.slot_bytes);
  copy_in(disk_.hypervisor.memory, pages_, offset, slot);
  write_blk_request(layout_, request, slot);
  copy_out(disk_.hypervisor.memory, pages_, offset, slot);
}

void BlkRing::rewrite_response(std::span<const uint8_t> payload) {
  BlkResponseRecord record{};
  if (payload.size() < sizeof record) return;
  std::memcpy(&record, payload.data(), sizeof record);
  if (record.slot >= ring_.slots()) return;
  std::array<uint8_t, 16> bytes;
  copy_out(disk_.hypervisor.memory, pages_,
           BackRingIndices::kSlotsOffset + uint64_t{record.slot} * layout_.slot_bytes,
           write_blk_response(layout_, record, bytes));
}

void BlkRing::serve() {
  if (!live_ || halted_ || paused_ || barrier_active_) return;
  sample_indices(Direction::out);
  // The guest does not run meanwhile, so that this ends: at most a ring of requests is there.
  do {
    if (!take_requests()) return;
  } while (ring_.final_check());
  sample_indices(Direction::in);
  for (const BlkResponseRecord& record : std::exchange(surplus_, {})) put_response(record);
}

bool BlkRing::take_requests() {
  const uint32_t req_prod = ring_.indices().req_prod;
  if (ring_.producer_overflows(req_prod)) {
    halted_ = true;
    notice(
        NoticeKind::unusual,
        fmt::format(
            "req_prod is {}, but only {} requests fit behind response {}: ring processing halted until the "
            "frontend connects anew",
            req_prod, ring_.slots(), ring_.rsp_prod_private()));
    return false;
  }
  while (ring_.req_cons() != req_prod && !ring_.consumer_overflows()) {
    const uint32_t index = ring_.req_cons();
    fetch(ring_.consume(), req_prod, index);
    if (!receive()) {
      pause();
      return false;
    }
    if (barrier_active_) return false;
  }
  return true;
}

// The frontend may write to the slot at any time: it is copied once, and so are an indirect request's pages.
void BlkRing::fetch(uint32_t slot, uint32_t req_prod, uint32_t index) {
  std::array<uint8_t, kBlkSlotBytesMax> bytes;
  const std::span<uint8_t> copy = std::span(bytes).first(layout_.slot_bytes);
  copy_in(disk_.hypervisor.memory, pages_,
          BackRingIndices::kSlotsOffset + uint64_t{slot} * layout_.slot_bytes, copy);
  read_blk_request(layout_, copy, request_);
  request_.head.slot = slot;
  request_.head.req_prod = req_prod;
  request_.head.req_cons = index;
  if (request_.is_indirect()) fetch_indirect_segments();
}

// xen_blkbk_parse_indirect.
void BlkRing::fetch_indirect_segments() {
  if (!fault_of_count(request_, limits()).empty()) return;
  size_t left = request_.head.nr_segments;
  for (size_t number = 0; number < request_.indirect_pages(); ++number) {
    Page page;
    if (!map_page(request_.indirect_grefs[number], true, page)) {
      request_.fault = "the grant of a page with its segments cannot be mapped";
      return;
    }
    const size_t count = std::min(left, kBlkSegmentsPerPage);
    const uint8_t* bytes = disk_.hypervisor.memory.at(page.frame.address(), kPageSize);
    std::array<uint8_t, kPageSize> copy;
    std::memcpy(copy.data(), bytes, count * sizeof(BlkSegmentRecord));
    read_blk_segments(std::span(copy).first(count * sizeof(BlkSegmentRecord)), count, request_);
    left -= count;
    unmap_page(page);
  }
}

bool BlkRing::receive() {
  const Tick taken_at = disk_.hypervisor.clock.now;
  if (!wires_.request.tapped()) return dispatch(request_, taken_at, 0);
  request_.to_payload(payload_);
  const Verdict verdict = wires_.request.pass(Direction::out, payload_);
  // Cut short by a fault: nobody can say what it was.
  if (!request_.from_payload(payload_)) return true;
  bool accepted = true;
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.punctual()) {
      accepted = dispatch(request_, taken_at, verdict.fail) && accepted;
      continue;
    }
    wires_.request.release(verdict, "blkif/late_request",
                           [weak = weak_from_this(), request = request_, taken_at, fail = verdict.fail] {
                             const auto self = weak.lock();
                             if (self && self->live_) (void)self->dispatch(request, taken_at, fail);
                           });
  }
  return accepted;
}

void BlkRing::respond(const BlkRequest& request, Tick taken_at, int16_t status) {
  if (!live_) return;
  BlkResponseRecord record{.id = request.head.id,
                           .latency = (disk_.hypervisor.clock.now - taken_at).ps,
                           .slot = ring_.slot(ring_.rsp_prod_private()),
                           .status = status,
                           .operation = request.operation(),
                           .reserved = 0};
  if (!wires_.response.tapped()) return put_response(record);
  payload_.resize(sizeof record);
  std::memcpy(payload_.data(), &record, sizeof record);
  const Verdict verdict = wires_.response.pass(Direction::in, payload_);
  record = {};
  std::memcpy(&record, payload_.data(), std::min(payload_.size(), sizeof record));
  if (verdict.fail != 0) record.status = blk_status_of_fault(verdict.fail);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.punctual()) {
      put_response(record);
      continue;
    }
    wires_.response.release(verdict, "blkif/late_response", [weak = weak_from_this(), record] {
      if (const auto self = weak.lock()) self->put_response(record);
    });
  }
}

void BlkRing::put_response(const BlkResponseRecord& record) {
  if (!live_) return;
  if (ring_.response_overwrites()) return surplus_.push_back(record);
  std::array<uint8_t, 16> bytes;
  const auto response = write_blk_response(layout_, record, bytes);
  const uint64_t slot = ring_.produce();
  copy_out(disk_.hypervisor.memory, pages_, BackRingIndices::kSlotsOffset + slot * layout_.slot_bytes,
           response);
  const bool notify = ring_.push();
  sample_indices(Direction::in);
  if (notify) (void)disk_.hypervisor.channels.send(kBackendDomain, port_);
}

void BlkRing::pause() {
  paused_ = true;
  pause_end_ = disk_.hypervisor.events.schedule(saturating_add(disk_.hypervisor.clock.now, kBackOff),
                                                "blkif/back_off", [weak = weak_from_this()] {
                                                  const auto self = weak.lock();
                                                  if (!self) return;
                                                  self->paused_ = false;
                                                  self->serve();
                                                });
}

void BlkRing::sample_indices(Direction direction) {
  if (!wires_.indices.tapped()) return;
  const RingIndices shared = ring_.indices();
  const BlkIndicesRecord record{.req_prod = shared.req_prod,
                                .req_event = shared.req_event,
                                .rsp_prod = shared.rsp_prod,
                                .rsp_event = shared.rsp_event,
                                .req_cons = ring_.req_cons(),
                                .in_flight = static_cast<uint32_t>(in_flight_)};
  if (record == last_sample_) return;
  last_sample_ = record;
  (void)wires_.indices.show(direction, record);
}

void BlkRing::notice(NoticeKind kind, std::string text) {
  disk_.frontend.notices.emit(kind, "blkif/" + disk_.config.name, std::move(text));
}

void BlkRing::visit_state(StateVisitor& visitor) const {
  uint64_t requests = 0;
  for (const auto& work : works_) {
    requests = hash_mix(requests, work->busy);
    if (!work->busy) continue;
    requests = hash_mix(requests, work->request.head.id);
    requests = hash_mix(requests, work->taken_at.ps);
  }
  for (const Barrier& barrier : barriers_) requests = hash_mix(requests, barrier.request.head.id);
  if (live_) visitor.number("ring_frame", pages_.frame(0).value);
  visitor.number("ring_port", port_.value);
  visitor.number("ring_live", live_);
  visitor.number("ring_slots", ring_.slots());
  visitor.number("ring_req_cons", ring_.req_cons());
  visitor.number("ring_rsp_prod", ring_.rsp_prod_private());
  visitor.number("ring_halted", halted_);
  visitor.number("ring_paused", paused_);
  visitor.number("ring_barriers", barriers_.size() << 1 | barrier_active_);
  visitor.number("ring_in_flight", in_flight_);
  visitor.number("ring_requests", requests);
  kept_.visit_state(visitor);
}

}  // namespace ringside
