// Proves that slots and indices of a block ring are what Xen's ring protocol makes of its crossings, whatever
// these are. What the frontend has consumed is reckoned, so that this shows only when it must have.
#include "tests/unit/viewer/story/story_table.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::story_test;

namespace {

const RingState& ring_at(Story& story, Row row) {
  const RingState* const ring = story.ring("dom1/ring/xvda", row);
  REQUIRE(ring != nullptr);
  return *ring;
}

}  // namespace

TEST_CASE("a slot is published, taken, answered and empty again") {
  Rows rows;
  const Row start = rows.indices(0, 0, 0, 1);
  const Row published = rows.indices(2, 0, 0, 1);
  const Row first = rows.request(0, 7, 2), second = rows.request(1, 8, 2);
  rows.indices(2, 2, 0, 1);
  // Out of order: the answer to 8 lies where rsp_prod stands.
  const Row answer = rows.response(0, 8);
  const Row shown = rows.indices(2, 2, 1, 1);
  rows.response(1, 7);
  rows.indices(2, 2, 2, 1);
  const Row consumed = rows.indices(3, 2, 2, 3);
  Story story(rows.table);
  CHECK(story.update());

  CHECK(ring_at(story, kNoRow).size == 0);
  CHECK(ring_at(story, start).size == 32);
  CHECK(ring_at(story, start).slots.size() == 32);
  CHECK(ring_at(story, published).slots[0].state == SlotState::published);
  CHECK(ring_at(story, published).slots[1].published == published);
  CHECK(ring_at(story, published).slots[2].state == SlotState::empty);
  CHECK(ring_at(story, first).slots[0].state == SlotState::taken);
  CHECK(ring_at(story, first).slots[1].state == SlotState::published);
  CHECK(ring_at(story, second).slots[1].request == second);
  CHECK(ring_at(story, answer).slots[0].state == SlotState::answered);
  CHECK(ring_at(story, answer).slots[0].response == answer);
  CHECK(ring_at(story, answer).rsp_prod == 0);
  CHECK(ring_at(story, shown).rsp_prod == 1);
  CHECK(ring_at(story, shown).slots[1].state == SlotState::taken);
  CHECK(ring_at(story, consumed).rsp_cons == 2);
  CHECK(ring_at(story, consumed).slots[0].state == SlotState::empty);
  CHECK(ring_at(story, consumed).slots[2].state == SlotState::published);
  CHECK(ring_at(story, consumed).last == consumed);
  CHECK(ring_at(story, consumed).device == "xvda");
}

TEST_CASE("a slot that is used again was consumed, though no event was asked for") {
  Rows rows;
  rows.indices(0, 0, 0, 1);
  for (uint32_t i = 0; i < 32; ++i) rows.request(i, i, 32);
  for (uint32_t i = 0; i < 32; ++i) rows.response(i, i);
  const Row full = rows.indices(32, 32, 32, 1);
  const Row again = rows.indices(40, 32, 32, 1);
  Story story(rows.table);
  story.update();
  CHECK(ring_at(story, full).rsp_cons == 0);
  CHECK(ring_at(story, full).slots[31].state == SlotState::answered);
  CHECK(ring_at(story, again).rsp_cons == 8);
  CHECK(ring_at(story, again).slots[7].state == SlotState::published);
  CHECK(ring_at(story, again).slots[7].index == 39);
  CHECK(ring_at(story, again).slots[8].state == SlotState::answered);
}

TEST_CASE("a lost answer leaves its slot taken, and a late one is there with the indices") {
  Rows rows;
  rows.request(0, 7, 2);
  rows.request(1, 8, 2);
  const Row lost = rows.response(0, 7, 0, Crossing::kCanonical | Crossing::kInjected | Crossing::kDropped);
  const Row late = rows.response(0, 8, 0, Crossing::kCanonical | Crossing::kInjected | Crossing::kDelayed);
  const Row there = rows.indices(2, 2, 1, 1);
  Story story(rows.table);
  story.update();
  CHECK(ring_at(story, lost).slots[0].state == SlotState::taken);
  CHECK(ring_at(story, late).slots[0].state == SlotState::taken);
  CHECK(ring_at(story, there).slots[0].state == SlotState::answered);
  CHECK(ring_at(story, there).slots[1].state == SlotState::taken);
}

TEST_CASE("the ring's size is what the frontend has agreed, or what it is seen to hold") {
  Rows rows;
  SECTION("by ring-page-order") {
    rows.write("device/vbd/51712/ring-page-order", "2");
    rows.write("device/vbd/51712/event-channel", "3");
    const Row row = rows.indices(0, 0, 0, 1);
    Story story(rows.table);
    story.update();
    CHECK(ring_at(story, row).size == 128);
  }
  SECTION("of another disk") {
    rows.write("device/vbd/51728/ring-page-order", "2");
    rows.write("device/vbd/51712/event-channel", "3");
    const Row row = rows.indices(0, 0, 0, 1);
    Story story(rows.table);
    story.update();
    CHECK(ring_at(story, row).size == 32);
  }
  SECTION("by a slot") {
    const Row small = rows.request(3, 3, 4);
    const Row large = rows.request(70, 70, 71, 128);
    Story story(rows.table);
    story.update();
    CHECK(ring_at(story, small).size == 32);
    CHECK(ring_at(story, large).size == 128);
    CHECK(ring_at(story, large).slots[70].request == large);
    CHECK(ring_at(story, large).slots[3].request == small);
  }
}

TEST_CASE("a connection begins with an empty ring") {
  Rows rows;
  rows.indices(5, 5, 5, 6);
  const Row old = rows.request(5, 1, 6);
  const Row anew = rows.indices(0, 0, 0, 1);
  Story story(rows.table);
  story.update();
  CHECK(ring_at(story, old).slots[5].state == SlotState::taken);
  CHECK(ring_at(story, anew).slots[5].state == SlotState::empty);
  CHECK(ring_at(story, anew).req_prod == 0);
  CHECK(lane_of(story, "dom1/ring/xvda").spans[0].end == kNoRow);
}

TEST_CASE("impossible indices are shown, and change no slot") {
  Rows rows;
  rows.write("device/vbd/51712/event-channel", "3");
  rows.indices(1, 0, 0, 1);
  const Row hostile = rows.indices(0xfffffff0, 0, 0, 0x80000000);
  const Row overrun = rows.indices(33, 0, 0, 1);
  Story story(rows.table);
  story.update();
  CHECK(ring_at(story, hostile).req_prod == 0xfffffff0);
  CHECK(ring_at(story, hostile).slots.size() == 32);
  CHECK(ring_at(story, hostile).slots[0].state == SlotState::published);
  CHECK(ring_at(story, hostile).slots[1].state == SlotState::empty);
  CHECK(ring_at(story, overrun).slots[1].state == SlotState::empty);
}

TEST_CASE("slots are bounded whatever a file says, and indices wrap") {
  Rows rows;
  rows.request(0xfffffffe, 1, 0, 32);
  const Row wrapped = rows.request(0xffffffff, 2, 1, 32);
  const Row over = rows.request(0, 3, 1, 32);
  const Row absurd = rows.add("dom1/ring/xvda/request", 143, Direction::out, [] {
    BlkRequestRecord record{};
    record.slot = 0x7fffffff;
    record.req_cons = 1;
    record.req_prod = 0x10000;
    return bytes_of(record);
  }());
  Story story(rows.table);
  story.update();
  CHECK(ring_at(story, wrapped).slots[31].state == SlotState::taken);
  CHECK(ring_at(story, over).slots[0].state == SlotState::taken);
  CHECK(ring_at(story, over).slots[30].state == SlotState::taken);
  CHECK(ring_at(story, over).req_cons == 1);
  CHECK(ring_at(story, absurd).slots.size() == 32);
}

TEST_CASE("a network interface has two rings of 256 slots") {
  Rows rows;
  rows.add("dom1/ring/vif0/tx/request", 150, Direction::out,
           bytes_of(NetTxRequestRecord{.gref = 5, .id = 1, .slot = 0, .req_prod = 1, .req_cons = 0}));
  const Row sent = rows.add("dom1/ring/vif0/tx/response", 152, Direction::in,
                            bytes_of(NetTxResponseRecord{.slot = 0, .id = 1, .status = 0}));
  const Row waiting =
      rows.add("dom1/ring/vif0/rx/indices", 155, Direction::out,
               bytes_of(NetIndicesRecord{.req_prod = 256, .req_event = 1, .rsp_prod = 0, .rsp_event = 1}));
  const Row used = rows.add("dom1/ring/vif0/rx/request", 153, Direction::out,
                            bytes_of(NetRxRequestRecord{.gref = 9, .id = 0, .slot = 0, .req_prod = 256}));
  Story story(rows.table);
  story.update();
  const RingState* tx = story.ring("dom1/ring/vif0/tx", sent);
  REQUIRE(tx != nullptr);
  CHECK(tx->kind == RingState::Kind::net_tx);
  CHECK(tx->slots.size() == 256);
  // Without indices the answer itself says where rsp_prod stands.
  CHECK(tx->rsp_prod == 1);
  CHECK(tx->slots[0].state == SlotState::answered);
  const RingState* rx = story.ring("dom1/ring/vif0/rx", waiting);
  CHECK(rx->kind == RingState::Kind::net_rx);
  CHECK(rx->slots[255].state == SlotState::published);
  CHECK(story.ring("dom1/ring/vif0/rx", used)->slots[0].state == SlotState::taken);
  CHECK(story.ring("dom1/ring/vif0/rx", used)->device == "vif0");
  // A buffer that waits for a frame is no request under way.
  CHECK(lane_of(story, "dom1/ring/vif0/rx").spans.size() == 1);
}
