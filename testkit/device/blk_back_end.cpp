// The backend of a blkif ring, played by the test. What it takes and answers crosses the same wires as our
// own backend's.
#include <fmt/format.h>

#include "hv-model/backends/blk/blk_layout.h"
#include "testkit/device/xen_house.h"

namespace ringside::test {

namespace {

// The segments that the pages of an indirect request list.
void read_lists(house::BlkRing& ring, const blkif_request_indirect& request, std::vector<BlkSegment>& into,
                const SourcePlace& place) {
  constexpr size_t kPerPage = kPageSize / sizeof(blkif_request_segment);
  const size_t pages =
      std::min<size_t>((request.nr_segments + kPerPage - 1) / kPerPage, BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST);
  for (size_t page = 0; page < pages; ++page) {
    const house::MappedPage mapped = house::map_grant(ring.bench, request.indirect_grefs[page], true, place);
    const size_t count = std::min(kPerPage, request.nr_segments - page * kPerPage);
    for (size_t i = 0; i < count; ++i) {
      const auto segment = ring.bench.memory->load<blkif_request_segment>(mapped.frame.address() +
                                                                          i * sizeof(blkif_request_segment));
      into.emplace_back(segment.gref, segment.first_sect, segment.last_sect);
    }
    ring.bench.unmap(mapped);
  }
}

BlkRequest request_of(house::BlkRing& ring, const blkif_request& slot) {
  BlkRequest request;
  request.operation = slot.operation;
  request.id = slot.id;
  request.sector = slot.sector_number;
  if (slot.operation == BLKIF_OP_DISCARD) {
    blkif_request_discard discard;
    std::memcpy(&discard, &slot, sizeof discard);
    request.id = discard.id;
    request.sector = discard.sector_number;
    request.sectors = discard.nr_sectors;
    request.flag = discard.flag;
  } else if (slot.operation == BLKIF_OP_INDIRECT) {
    blkif_request_indirect indirect;
    std::memcpy(&indirect, &slot, sizeof indirect);
    request.operation = indirect.indirect_op;
    request.id = indirect.id;
    request.sector = indirect.sector_number;
    request.nr_segments = indirect.nr_segments;
    read_lists(ring, indirect, request.segments, {});
  } else {
    request.nr_segments = slot.nr_segments;
    const size_t count = std::min<size_t>(slot.nr_segments, BLKIF_MAX_SEGMENTS_PER_REQUEST);
    for (size_t i = 0; i < count; ++i)
      request.segments.emplace_back(slot.seg[i].gref, slot.seg[i].first_sect, slot.seg[i].last_sect);
  }
  return request;
}

// Shows the request as our backend would; false when a fault has taken it away.
bool show(house::BlkRing::Played& played, const blkif_request& slot, uint32_t index, uint32_t req_prod) {
  if (!played.request_wire->tapped()) return true;
  ringside::BlkRequest request;
  ringside::read_blk_request(ringside::blk_native_layout(),
                             {reinterpret_cast<const uint8_t*>(&slot), sizeof slot}, request);
  request.head.slot = played.ring->slot_of(index);
  request.head.req_prod = req_prod;
  request.head.req_cons = index;
  std::vector<uint8_t> payload;
  request.to_payload(payload);
  return played.request_wire->pass(ringside::Direction::out, payload).copies != 0;
}

house::BlkRing::Played& connected(house::BlkRing& ring) {
  if (!ring.played->ring) throw Error("the played backend is not connected to the ring: backend().connect()");
  return *ring.played;
}

}  // namespace

XenBus BlkBackEnd::xenbus() const { return ring_->backend_bus(); }
EventChannel BlkBackEnd::evtchn() const { return {ring_->bench, true, ring_->played->port}; }

void BlkBackEnd::connect(SourcePlace place) {
  house::BlkRing::Played& played = *ring_->played;
  xenbus().expect_other(BusState::initialised, std::chrono::milliseconds(100), place);
  played.page = house::map_grant(ring_->bench, ring_->frontend_number("ring-ref", place), false, place);
  played.port = ring_->bench.bind_from_domain_0(ring_->frontend_number("event-channel", place), place);
  played.ring.emplace(*ring_->bench.memory, played.page.frame.address());
  xenbus().set_state(BusState::connected, place);
}

std::optional<BlkRequest> BlkBackEnd::take() {
  house::BlkRing::Played& played = connected(*ring_);
  while (played.ring->final_check()) {
    const uint32_t index = played.ring->req_cons();
    const blkif_request slot = played.ring->take();
    if (show(played, slot, index, played.ring->indices().req_prod)) return request_of(*ring_, slot);
  }
  return std::nullopt;
}

BlkRequest BlkBackEnd::expect_request(Duration within, SourcePlace place) {
  std::optional<BlkRequest> taken;
  if (!ring_->bench.wait_for([&] { return (taken = take()).has_value(); }, within))
    house::fail_expectation(place,
                            "expected a request on the ring within " + to_string(within) + "; there is none");
  return std::move(*taken);
}

bool BlkBackEnd::respond(const BlkRequest& request, int16_t status) {
  house::BlkRing::Played& played = connected(*ring_);
  BlkResponseRecord record{};
  record.id = request.id.value_or(0);
  record.operation = request.operation;
  record.status = status;
  record.slot = played.ring->slot_of(played.ring->rsp_prod_private());
  (void)played.response_wire->show(ringside::Direction::in, record);
  blkif_response response{};
  response.id = record.id;
  response.operation = record.operation;
  response.status = record.status;
  played.ring->put(response);
  return played.ring->push();
}

Buffer BlkBackEnd::map(uint32_t grant, bool read_only, SourcePlace place) {
  house::BlkRing::Played& played = connected(*ring_);
  auto found = played.mapped.find(grant);
  if (found == played.mapped.end())
    found = played.mapped.emplace(grant, house::map_grant(ring_->bench, grant, read_only, place)).first;
  return ring_->bench.page_of(found->second.frame);
}

void BlkBackEnd::unmap(uint32_t grant) {
  house::BlkRing::Played& played = connected(*ring_);
  const auto node = played.mapped.extract(grant);
  if (!node) throw Error(fmt::format("grant {} is not mapped by the played backend", grant));
  ring_->bench.unmap(node.mapped());
}

}  // namespace ringside::test
