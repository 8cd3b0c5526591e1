// Proves the story of real runs, and that it does not depend on the order in which it is asked for, on how
// the table grew, or on another history before it.
#include <algorithm>

#include "sim/random.h"
#include "tests/unit/viewer/story/story_table.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::story_test;

namespace {

size_t count_open(const Lane& lane) {
  return static_cast<size_t>(std::count_if(lane.spans.begin(), lane.spans.end(),
                                           [](const Span& span) { return span.end == kNoRow; }));
}

size_t in_flight(const RingState& ring) {
  return static_cast<size_t>(std::count_if(ring.slots.begin(), ring.slots.end(), [](const RingSlot& slot) {
    return slot.state == SlotState::published || slot.state == SlotState::taken;
  }));
}

void copy_rows(const CrossingTable& from, Row first, Row end, CrossingTable& to) {
  for (const ViewedWire& wire : from.wires())
    to.add_wire(wire.name, wire.kind, wire.payload_type, wire.capture);
  for (Row row = first; row < end; ++row)
    to.add(from.at(row), from.sequence(row), from.wire(row), from.direction(row), from.flags(row),
           from.full_size(row), from.payload(row));
}

// All that is shown behind a row, as a text or as equal states.
void check_equal(Story& a, Story& b, Row row) {
  INFO("behind row " << row);
  REQUIRE(a.rings() == b.rings());
  for (const std::string& name : a.rings()) REQUIRE(equal(*a.ring(name, row), *b.ring(name, row)));
  REQUIRE(text_of(a.store(row).root) == text_of(b.store(row).root));
  REQUIRE(a.store(row).watches.size() == b.store(row).watches.size());
  const auto &ports = a.ports(row), &others = b.ports(row);
  REQUIRE(ports.size() == others.size());
  for (size_t i = 0; i < ports.size(); ++i) {
    REQUIRE(ports[i].ports.size() == others[i].ports.size());
    for (size_t k = 0; k < ports[i].ports.size(); ++k) {
      const PortState &x = ports[i].ports[k], &y = others[i].ports[k];
      REQUIRE(x.port == y.port);
      REQUIRE(x.use == y.use);
      REQUIRE(x.sent == y.sent);
      REQUIRE(x.last_delivery == y.last_delivery);
      REQUIRE(x.kind == y.kind);
    }
  }
  const auto &grants = a.grants(row), &other_grants = b.grants(row);
  REQUIRE(grants.size() == other_grants.size());
  for (size_t i = 0; i < grants.size(); ++i) {
    REQUIRE(grants[i].refs.size() == other_grants[i].refs.size());
    for (size_t k = 0; k < grants[i].refs.size(); ++k) {
      REQUIRE(grants[i].refs[k].last == other_grants[i].refs[k].last);
      REQUIRE(grants[i].refs[k].mapped == other_grants[i].refs[k].mapped);
      REQUIRE(grants[i].refs[k].use == other_grants[i].refs[k].use);
    }
  }
  REQUIRE(a.ninep(row).size() == b.ninep(row).size());
  for (size_t i = 0; i < a.ninep(row).size(); ++i) REQUIRE(equal(a.ninep(row)[i], b.ninep(row)[i]));
  REQUIRE(a.xenbus(row).size() == b.xenbus(row).size());
  for (size_t i = 0; i < a.xenbus(row).size(); ++i) {
    REQUIRE(a.xenbus(row)[i].frontend.path == b.xenbus(row)[i].frontend.path);
    REQUIRE(a.xenbus(row)[i].backend.path == b.xenbus(row)[i].backend.path);
  }
  for (const std::string& name : a.consoles()) REQUIRE(a.console(name, row) == b.console(name, row));
}

void check_equal_lanes(const Story& a, const Story& b) {
  REQUIRE(a.lanes().size() == b.lanes().size());
  for (size_t i = 0; i < a.lanes().size(); ++i) {
    const Lane &x = a.lanes()[i], &y = b.lanes()[i];
    REQUIRE(x.name == y.name);
    REQUIRE(x.levels == y.levels);
    REQUIRE(x.spans.size() == y.spans.size());
    for (size_t k = 0; k < x.spans.size(); ++k) {
      REQUIRE(x.spans[k].begin == y.spans[k].begin);
      REQUIRE(x.spans[k].end == y.spans[k].end);
      REQUIRE(x.spans[k].level == y.spans[k].level);
    }
  }
  REQUIRE(a.highlights().size() == b.highlights().size());
}

// One that is asked for at random equals one that goes row by row.
void check_random_access(const CrossingTable& table, uint64_t seed) {
  Story ordered(table), random(table);
  ordered.update();
  while (!random.update(777)) {
  }
  check_equal_lanes(ordered, random);
  Random numbers(seed);
  const Row step = std::max<Row>(1, table.size() / 25);
  for (Row row = 0; row < table.size(); row += step) {
    (void)random.ring(random.rings()[0], static_cast<Row>(numbers.below(table.size())));
    (void)random.store(static_cast<Row>(numbers.below(table.size())));
    (void)random.ports(static_cast<Row>(numbers.below(table.size())));
    (void)random.grants(static_cast<Row>(numbers.below(table.size())));
    check_equal(ordered, random, row);
  }
  check_equal(ordered, random, kNoRow);
}

}  // namespace

TEST_CASE("blk-read: every request is answered, and the ring is empty at the end") {
  const CrossingTable table = table_of_scenario("blk-read", {{"domain.cmdline", "quick"}});
  Story story(table);
  story.update();
  const Row last = table.size() - 1;
  const Lane& lane = lane_of(story, "dom1/ring/xvda");
  CHECK(lane.spans.size() > 40);
  CHECK(count_open(lane) == 0);
  CHECK(lane.levels <= 32);
  CHECK(count_open(lane_of(story, "dom1/xenstore")) == 0);
  const RingState* ring = story.ring("dom1/ring/xvda", last);
  REQUIRE(ring != nullptr);
  CHECK(ring->size == 32);
  CHECK(in_flight(*ring) == 0);
  CHECK(ring->req_prod == ring->rsp_prod);
  CHECK(ring->req_prod == lane.spans.size());
  // In the middle of it there are as many in flight as the backend says of itself.
  const uint32_t wire = *table.find_wire("dom1/ring/xvda/indices");
  size_t most = 0;
  for (const Row row : table.wires()[wire].rows) {
    BlkIndicesRecord record;
    std::memcpy(&record, table.payload(row).data(), sizeof record);
    ring = story.ring("dom1/ring/xvda", row);
    REQUIRE(ring->req_prod == record.req_prod);
    REQUIRE(ring->rsp_prod == record.rsp_prod);
    REQUIRE(in_flight(*ring) == record.req_prod - record.rsp_prod);
    most = std::max(most, in_flight(*ring));
  }
  CHECK(most == 32);
  CHECK(story.xenbus(last)[0].frontend.state == 6);
  CHECK(story.console("dom1", last).find("PASS") != std::string::npos);
  const PortState& port = story.ports(table.wires()[wire].rows[5])[0].ports[2];
  CHECK(port.use == "xvda");
  check_random_access(table, 1);
}

TEST_CASE("net-echo-pv: what is sent is answered, and buffers wait") {
  const CrossingTable table = table_of_scenario("net-echo-pv");
  Story story(table);
  story.update();
  CHECK(count_open(lane_of(story, "dom1/ring/vif0/tx")) == 0);
  CHECK(count_open(lane_of(story, "dom1/ring/vif0/rx")) == 0);
  CHECK(in_flight(*story.ring("dom1/ring/vif0/tx", table.size() - 1)) == 0);
  CHECK(in_flight(*story.ring("dom1/ring/vif0/rx", table.size() - 1)) > 200);
  check_random_access(table, 2);
}

TEST_CASE("share-read: fids and tags of two rings") {
  const CrossingTable table = table_of_scenario("share-read");
  Story story(table);
  story.update();
  const Row last = table.size() - 1;
  const Lane& lane = lane_of(story, "dom1/9p/share");
  CHECK(lane.spans.size() > 20);
  CHECK(count_open(lane) == 0);
  const NinePState& share = story.ninep(last)[0];
  CHECK(share.in_flight.empty());
  CHECK(std::any_of(share.fids.begin(), share.fids.end(),
                    [](const auto& fid) { return fid.path.ends_with("deep.txt") && fid.open; }));
  CHECK(story.ring("dom1/ring/share/1", last)->out.size == 8192);
  check_random_access(table, 3);
}

TEST_CASE("xenstore-domains: the tree of two domains' messages") {
  const CrossingTable table = table_of_scenario("xenstore-domains");
  Story story(table);
  story.update();
  CHECK(count_open(lane_of(story, "dom2/xenstore")) == 0);
  const StoreState& store = story.store(table.size() - 1);
  CHECK(store.root.children.at("local").children.at("domain").children.contains("2"));
  // It opens as many as it may, and ends none of them.
  CHECK(store.transactions_open == 11);
  check_random_access(table, 4);
}

TEST_CASE("blk-buggy: a completion that is lost leaves its request under way") {
  const CrossingTable table = table_of_scenario("blk-buggy", {{"fault", "ring/xvda/response@5 drop"}});
  Story story(table);
  story.update();
  const Lane& lane = lane_of(story, "dom1/ring/xvda");
  CHECK(count_open(lane) >= 1);
  const auto& highlights = story.highlights();
  REQUIRE_FALSE(highlights.empty());
  CHECK(highlights[0].kind == Story::Highlight::Kind::fault);
  check_random_access(table, 5);
}

TEST_CASE("another history leaves nothing of the one before") {
  const CrossingTable blk = table_of_scenario("blk-read", {{"domain.cmdline", "quick"}});
  const CrossingTable faulty = table_of_scenario("blk-buggy", {{"fault", "ring/xvda/response@5 drop"}});
  const Row kept = std::min(blk.size(), faulty.size()) / 3;
  CrossingTable table, fresh;
  for (const CrossingTable* from : {&blk, &faulty})
    for (const ViewedWire& wire : from->wires())
      table.add_wire(wire.name, wire.kind, wire.payload_type, wire.capture);
  const auto add = [](const CrossingTable& from, Row first, CrossingTable& to) {
    for (Row row = first; row < from.size(); ++row) {
      const ViewedWire& wire = from.wire_of(row);
      to.add(from.at(row), from.sequence(row),
             to.add_wire(wire.name, wire.kind, wire.payload_type, wire.capture), from.direction(row),
             from.flags(row), from.full_size(row), from.payload(row));
    }
  };
  add(blk, 0, table);
  Story story(table);
  story.update();
  for (Row row = 0; row < table.size(); row += 97) {
    for (const std::string& name : story.rings()) (void)story.ring(name, row);
    (void)story.store(row), (void)story.ports(row), (void)story.grants(row), (void)story.xenbus(row);
  }
  table.truncate(kept);
  add(faulty, kept, table);
  story.update();
  copy_rows(table, 0, table.size(), fresh);
  Story other(fresh);
  other.update();
  check_equal_lanes(story, other);
  for (Row row = 0; row < table.size(); row += 61) check_equal(story, other, row);
  check_equal(story, other, table.size() - 1);
}
