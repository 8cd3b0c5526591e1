// Proves what rings without slots show: a share's from its indices, those of console and XenStore from their
// messages, an e1000's from its registers; and what consoles have printed.
#include <algorithm>

#include "devices/nic/payloads.h"
#include "devices/platform/payloads.h"
#include "devices/uart/payloads.h"
#include "tests/unit/viewer/story/story_table.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::story_test;

TEST_CASE("a share's ring has the indices of its page, and the size of the pages that were mapped") {
  Rows rows;
  rows.ninep(100, 0xffff);
  rows.write("device/9pfs/0/ring-ref0", "8");
  rows.write("device/9pfs/0/ring-ref1", "13");
  for (const uint32_t ref : {8u, 9u, 10u, 11u, 12u, 13u, 14u}) rows.grant(GrantOperation::map, ref);
  rows.grant(GrantOperation::unmap, 14);
  const auto sample = [&](const char* ring, uint32_t out_prod) {
    return rows.add(std::string("dom1/ring/share/") + ring + "/indices", 182, Direction::out,
                    bytes_of(P9IndicesRecord{out_prod, 5, 9, 3, 1, 0}));
  };
  const Row first = sample("0", 21), second = sample("1", 40);
  Story story(rows.table);
  story.update();
  const RingState* ring = story.ring("dom1/ring/share/0", first);
  REQUIRE(ring != nullptr);
  CHECK(ring->kind == RingState::Kind::bytes);
  CHECK(ring->device == "share");
  CHECK(ring->out.size == 8192);  // four pages, a half each way
  CHECK(ring->in.size == 8192);
  CHECK(ring->out.prod == 21);
  CHECK(ring->out.cons == 5);
  CHECK(ring->in.prod == 9);
  CHECK(ring->in.cons == 3);
  CHECK_FALSE(ring->is_estimate);
  CHECK(story.ring("dom1/ring/share/1", second)->out.size == 2048);
  CHECK(story.ring("dom1/ring/share/1", first)->last == kNoRow);
}

TEST_CASE("the rings of console and XenStore are reckoned from what crossed them") {
  Rows rows;
  rows.add("dom1/console/out", 130, Direction::out, bytes_of('h', "ello"));
  const Row typed = rows.add("dom1/console/in", 130, Direction::in, bytes_of('l', "s\r"));
  const Row asked = rows.store(XS_READ, Direction::out, 1, std::string_view("name\0", 5));
  Story story(rows.table);
  story.update();
  const RingState* console = story.ring("dom1/console", typed);
  REQUIRE(console != nullptr);
  CHECK(console->is_estimate);
  CHECK(console->out.prod == 5);
  CHECK(console->out.cons == 5);
  CHECK(console->in.prod == 3);
  CHECK(console->in.cons == 0);
  CHECK(console->out.size == 2048);
  CHECK(console->in.size == 1024);
  CHECK(story.ring("dom1/xenstore", asked)->out.prod == 16 + 5);
  CHECK(story.ring("dom1/no", asked) == nullptr);
}

TEST_CASE("an e1000 has two descriptor rings") {
  Rows rows;
  const auto add = [&](NicRing ring, uint32_t head, uint32_t tail, uint32_t descriptors) {
    return rows.add("dom1/nic/eth0/ring", 221, Direction::out,
                    bytes_of(NicRingRecord{static_cast<uint8_t>(ring), 0, {}, head, tail, descriptors}));
  };
  const Row receive = add(NicRing::receive, 3, 8, 32);
  const Row transmit = add(NicRing::transmit, 1, 2, 0xffffffff);
  Story story(rows.table);
  story.update();
  CHECK(story.ring("dom1/nic/eth0/receive", transmit)->head == 3);
  CHECK(story.ring("dom1/nic/eth0/receive", transmit)->tail == 8);
  CHECK(story.ring("dom1/nic/eth0/receive", transmit)->size == 32);
  CHECK(story.ring("dom1/nic/eth0/receive", transmit)->kind == RingState::Kind::descriptors);
  CHECK(story.ring("dom1/nic/eth0/transmit", receive)->size == 0);
  CHECK(story.ring("dom1/nic/eth0/transmit", transmit)->size == 65536);
}

TEST_CASE("a console is its text up to the row, the last 64 KiB of it") {
  Rows rows;
  const auto character = [&](char byte) {
    return rows.add("dom1/uart0/tx", 200, Direction::out,
                    bytes_of(UartCharacter{static_cast<uint8_t>(byte), 0}));
  };
  const Row h = character('h');
  const Row i = character('i');
  rows.add("dom1/debugcon", 231, Direction::out, bytes_of(DebugTextRecord{0x402}, "SeaBIOS"));
  const Row more = rows.add("dom1/debugcon", 231, Direction::out, bytes_of(DebugTextRecord{0x402}, "boots"));
  rows.add("dom2/console/out", 130, Direction::out, bytes_of('x'));
  Row lost = rows.add("dom2/console/out", 130, Direction::out, bytes_of('y'), Crossing::kDropped);
  for (int k = 0; k < 70; ++k)
    rows.add("dom2/console/out", 130, Direction::out, Bytes(1000, static_cast<uint8_t>('0' + k % 10)));
  Story story(rows.table);
  story.update();
  const auto& names = story.consoles();
  CHECK(names == std::vector<std::string>{"dom1", "dom1/debugcon", "dom2"});
  CHECK(story.console("dom1", h) == "h");
  CHECK(story.console("dom1", i) == "hi");
  CHECK(story.console("dom1", kNoRow).empty());
  CHECK(story.console("dom1/debugcon", more) == "SeaBIOS\nboots\n");
  CHECK(story.console("dom2", lost) == "x");
  const std::string text = story.console("dom2", rows.table.size() - 1);
  CHECK(text.size() == 64 << 10);
  CHECK(text.ends_with("9999"));
  CHECK(story.console("dom3", lost).empty());
}
