#include <fmt/format.h>

#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/blk/virtual_device.h"
#include "testkit/device/xen_house.h"

namespace ringside::test {

namespace {

constexpr Duration kWalkLimit = std::chrono::milliseconds(100);
constexpr size_t kSegmentsPerPage = kPageSize / sizeof(blkif_request_segment);

uint32_t device_number(const std::string& name) {
  const std::optional<uint32_t> number = virtual_device_number(name);
  if (!number) throw Error("\"" + name + "\" is no name of a virtual disk; say xvda, sdb1, hda ...");
  return *number;
}

blkif_request_segment segment_of(const BlkSegment& from) { return {from.grant, from.first, from.last}; }

uint16_t count_of(const BlkRequest& request) {
  return request.nr_segments.value_or(static_cast<uint16_t>(request.segments.size()));
}

}  // namespace

namespace house {

namespace {

// What a request with more segments than a slot has room for becomes: pages that list them.
blkif_request make_indirect(BlkRing& ring, const BlkRequest& from, uint64_t id) {
  if (from.segments.size() > kSegmentsPerPage * BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST)
    throw Error(fmt::format("a request has at most {} segments, not {}",
                            kSegmentsPerPage * BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST, from.segments.size()));
  blkif_request_indirect made{};
  made.operation = BLKIF_OP_INDIRECT;
  made.indirect_op = from.operation;
  made.nr_segments = count_of(from);
  made.id = id;
  made.sector_number = from.sector;
  std::vector<GrantedPage>& lists = ring.lists[id];
  for (size_t at = 0; at < from.segments.size(); ++at) {
    if (at % kSegmentsPerPage == 0) {
      lists.push_back(ring.bench.grant(ring.bench.new_page(), true));
      made.indirect_grefs[at / kSegmentsPerPage] = lists.back().ref();
    }
    lists.back().store(at % kSegmentsPerPage * sizeof(blkif_request_segment), segment_of(from.segments[at]));
  }
  blkif_request slot{};
  static_assert(sizeof made <= sizeof slot);
  std::memcpy(&slot, &made, sizeof made);
  return slot;
}

blkif_request make_slot(BlkRing& ring, const BlkRequest& from, uint64_t id) {
  if (from.segments.size() > BLKIF_MAX_SEGMENTS_PER_REQUEST) return make_indirect(ring, from, id);
  blkif_request slot{};
  if (from.operation == BLKIF_OP_DISCARD) {
    blkif_request_discard made{};
    made.operation = BLKIF_OP_DISCARD;
    made.flag = from.flag;
    made.id = id;
    made.sector_number = from.sector;
    made.nr_sectors = from.sectors;
    std::memcpy(&slot, &made, sizeof made);
    return slot;
  }
  slot.operation = from.operation;
  slot.nr_segments = static_cast<uint8_t>(count_of(from));
  slot.id = id;
  slot.sector_number = from.sector;
  for (size_t i = 0; i < from.segments.size(); ++i) slot.seg[i] = segment_of(from.segments[i]);
  return slot;
}

}  // namespace

BlkRing::BlkRing(XenBench& the_bench, const BlkOptions& given)
    : XenDevice(the_bench, "vbd", device_number(given.name)), options(given) {
  if (options.played) {
    played.emplace();
    const std::string base = fmt::format("{}/ring/{}/", bench.options.domain, options.name);
    played->request_wire = &bench.wiring.add(base + "request", WireKind::message, kBlkRequestPayload);
    played->response_wire = &bench.wiring.add(base + "response", WireKind::message, kBlkResponsePayload);
    create_played({{"sectors", std::to_string(options.sectors)},
                   {"sector-size", "512"},
                   {"info", options.read_only ? "4" : "0"},
                   {"feature-flush-cache", options.flush ? "1" : "0"},
                   {"feature-max-indirect-segments", std::to_string(options.indirect_segments)}});
    return;
  }
  disk = std::make_unique<test::Disk>(make_disk(bench, options.name, options.image, options.sectors));
  BlkBackendConfig config;
  config.name = options.name;
  config.read_only = options.read_only;
  config.discard = options.discard;
  config.flush = options.flush;
  config.persistent = options.persistent;
  config.indirect_segments = options.indirect_segments;
  backend = std::make_unique<BlkBackend>(bench.hypervisor, bench.toolstack, *bench.domain,
                                         *disk->house().image, config);
}

BlkRing::~BlkRing() = default;

}  // namespace house

BlkRing::BlkRing(std::unique_ptr<house::BlkRing> made) : house_(std::move(made)) {
  if (house_->played) backend_ = std::make_unique<BlkBackEnd>(*house_);
}
BlkRing::~BlkRing() = default;

XenBus BlkRing::xenbus() const { return house_->frontend_bus(); }
EventChannel BlkRing::evtchn() const { return {house_->bench, false, house_->port}; }

void BlkRing::make_ring(uint32_t first_index) {
  house::BlkRing& own = *house_;
  if (!own.front.made()) own.page = own.bench.grant(own.bench.new_page(), false);
  own.front.init(own.page, first_index);
  own.responses.clear();
  own.lists.clear();
}

void BlkRing::publish_nodes(SourcePlace place) {
  house::BlkRing& own = *house_;
  if (!own.front.made()) make_ring();
  own.port = own.bench.alloc_event(place);
  const XenBus bus = xenbus();
  bus.write("ring-ref", std::to_string(own.page.ref()), place);
  bus.write("event-channel", std::to_string(own.port), place);
  bus.write("protocol", "x86_64-abi", place);
}

void BlkRing::connect(SourcePlace place) {
  const XenBus bus = xenbus();
  bus.expect_other(BusState::init_wait, kWalkLimit, place);
  make_ring();
  publish_nodes(place);
  bus.set_state(BusState::initialised, place);
  if (backend_) backend_->connect(place);
  bus.expect_other(BusState::connected, kWalkLimit, place);
  bus.set_state(BusState::connected, place);
  house_->bench.advance_to(house_->bench.clock.now + microseconds(10));
  evtchn().take();
}

void BlkRing::disconnect(SourcePlace place) {
  house::BlkRing& own = *house_;
  own.close(own.played.has_value(), place);
  if (own.played && own.played->ring) {
    own.bench.unbind_domain_0(std::exchange(own.played->port, 0));
    own.bench.unmap(own.played->page);
    own.played->ring.reset();
  }
  own.bench.end_channel(std::exchange(own.port, 0));
  own.page.revoke();
  own.front = {};
}

uint64_t BlkRing::put(const BlkRequest& request, SourcePlace place) {
  house::BlkRing& own = *house_;
  if (!own.front.made())
    house::fail_expectation(place, "the ring is not made yet: connect(), or make_ring()");
  if (own.front.full()) {
    house::fail_expectation(
        place,
        fmt::format("the ring is full: {} requests wait for their responses to be taken", own.front.kSlots));
  }
  const uint64_t id = request.id.value_or(own.last_id + 1);
  own.last_id = std::max(own.last_id, id);
  own.front.put(house::make_slot(own, request, id));
  return id;
}

bool BlkRing::publish() { return house_->front.publish(); }

uint64_t BlkRing::push(const BlkRequest& request, SourcePlace place) {
  const uint64_t id = put(request, place);
  publish();
  return id;
}

std::optional<BlkResponse> BlkRing::take() {
  house::BlkRing& own = *house_;
  if (own.responses.empty()) {
    const auto taken = own.front.take();
    if (!taken) return std::nullopt;
    if (const auto lists = own.lists.extract(taken->id)) {
      for (const GrantedPage& page : lists.mapped()) page.revoke();
    }
    return BlkResponse{taken->id, taken->operation, taken->status};
  }
  const BlkResponse first = own.responses.front();
  own.responses.pop_front();
  return first;
}

BlkResponse BlkRing::expect(const blk::response& wanted, Duration within, SourcePlace place) {
  house::BlkRing& own = *house_;
  std::optional<BlkResponse> found;
  std::deque<BlkResponse> others;
  const bool came = own.bench.wait_for(
      [&] {
        while (const auto taken = take()) {
          if (!wanted.id || taken->id == *wanted.id) {
            found = taken;
            return true;
          }
          others.push_back(*taken);
        }
        return false;
      },
      within);
  own.responses.insert(own.responses.begin(), others.begin(), others.end());
  const std::string which = wanted.id ? fmt::format("a response to request {}", *wanted.id) : "a response";
  if (!came) {
    house::fail_expectation(
        place, fmt::format("expected {} within {}; none came{}{}", which, to_string(within),
                           own.responses.empty() ? "" : ", but others did", house::last_notice(own.bench)));
  }
  if (found->status != wanted.status) {
    house::fail_expectation(
        place, fmt::format("expected {} with status {}; request {} has got {}{}", which, wanted.status,
                           found->id, found->status, house::last_notice(own.bench)));
  }
  return *found;
}

void BlkRing::expect_none(Duration duration, SourcePlace place) {
  house::BlkRing& own = *house_;
  if (own.bench.wait_for([&] { return !own.responses.empty() || own.front.has_responses(); }, duration))
    house::fail_expectation(place, "expected no response; there is one");
}

RingIndices BlkRing::indices() const { return house::indices_of(house_->front.page()); }
void BlkRing::set_indices(const RingIndices& indices) { house_->front.page().store(0, indices); }
uint32_t BlkRing::slots() const { return house_->front.kSlots; }
GrantedPage BlkRing::page() const { return house_->page; }

Disk& BlkRing::disk() {
  if (!house_->disk) throw Error("the backend of this ring is played by the test: it has no disk of ours");
  return *house_->disk;
}

BlkBackEnd& BlkRing::backend() {
  if (!backend_) throw Error("this ring has a backend of ours; BlkOptions::played makes it the test's");
  return *backend_;
}

}  // namespace ringside::test
