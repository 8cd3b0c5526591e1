// Proves where requests begin and end, on which level, and which rows stand out.
#include "devices/disk/payloads.h"
#include "tests/unit/viewer/story/story_table.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::story_test;

TEST_CASE("a block request begins where it is published and ends with its answer") {
  Rows rows;
  rows.indices(0, 0, 0, 1);
  const Row published = rows.indices(2, 0, 0, 1);
  const Row taken = rows.request(0, 7, 2);
  rows.request(1, 8, 2);
  rows.indices(2, 2, 0, 1);
  const Row first = rows.response(0, 8), second = rows.response(1, 7, -1);
  Story story(rows.table);
  story.update();
  const Lane& lane = lane_of(story, "dom1/ring/xvda");
  REQUIRE(lane.spans.size() == 2);
  CHECK(lane.spans[0].begin == published);
  CHECK(lane.spans[1].begin == published);
  CHECK(lane.spans[0].end == second);
  CHECK(lane.spans[1].end == first);
  CHECK(lane.spans[0].failed);
  CHECK_FALSE(lane.spans[1].failed);
  CHECK(lane.spans[0].level == 0);
  CHECK(lane.spans[1].level == 1);
  CHECK(lane.levels == 2);
  CHECK(story.span_of(published) == &lane.spans[0]);
  CHECK(story.span_of(taken) == &lane.spans[0]);
  CHECK(story.span_of(first) == &lane.spans[1]);
  CHECK(story.span_of(0) == nullptr);
  CHECK(story.span_of(kNoRow) == nullptr);
}

TEST_CASE("what is published and not taken is under way all the same") {
  Rows rows;
  rows.indices(0, 0, 0, 1);
  const Row published = rows.indices(2, 0, 0, 1);
  Story story(rows.table);
  story.update();
  const Lane& lane = lane_of(story, "dom1/ring/xvda");
  REQUIRE(lane.spans.size() == 2);
  CHECK(lane.spans[1].begin == published);
  CHECK(lane.spans[1].end == kNoRow);
  CHECK(lane.levels == 2);
  CHECK(story.span_of(published) == &lane.spans[0]);
  const Row taken = rows.request(0, 1, 2);
  story.update();
  REQUIRE(lane.spans.size() == 2);
  CHECK(story.span_of(taken) == &lane.spans[0]);
  // A file that publishes four billion requests makes no spans of them.
  rows.indices(0x7fffffff, 1, 0, 1);
  story.update();
  CHECK(lane.spans.size() == 2);
}

TEST_CASE("an answer that a fault takes away ends nothing, and one too many neither") {
  Rows rows;
  rows.request(0, 1, 2);
  rows.request(1, 2, 2);
  rows.response(0, 1, 0, Crossing::kCanonical | Crossing::kInjected | Crossing::kDropped);
  rows.response(0, 2);
  rows.response(1, 2);
  Story story(rows.table);
  story.update();
  const Lane& lane = lane_of(story, "dom1/ring/xvda");
  REQUIRE(lane.spans.size() == 2);
  CHECK(lane.spans[0].end == kNoRow);
  CHECK(lane.spans[1].end != kNoRow);
  REQUIRE(story.highlights().size() == 1);
  CHECK(story.highlights()[0].kind == Story::Highlight::Kind::fault);
}

TEST_CASE("a level is free again once its span has ended") {
  Rows rows;
  const Row a = rows.store(XS_READ, Direction::out, 1, "a");
  const Row b = rows.store(XS_READ, Direction::out, 2, "b");
  rows.store(XS_READ, Direction::in, 1, "x");
  const Row c = rows.store(XS_READ, Direction::out, 3, "c");
  rows.store(XS_WATCH_EVENT, Direction::in, 3, std::string_view("p\0t\0", 4));
  const Row refused = rows.store(XS_ERROR, Direction::in, 3, "ENOENT");
  rows.store(XS_READ, Direction::in, 2, "y");
  Story story(rows.table);
  story.update();
  CHECK(story.span_of(a)->level == 0);
  CHECK(story.span_of(b)->level == 1);
  CHECK(story.span_of(c)->level == 0);
  CHECK(story.span_of(c)->end == refused);
  CHECK(story.span_of(c)->failed);
}

TEST_CASE("numbers that are in use twice are answered in their order") {
  Rows rows;
  const Row a = rows.store(XS_READ, Direction::out, 0, "a");
  const Row b = rows.store(XS_READ, Direction::out, 0, "b");
  const Row c = rows.store(XS_READ, Direction::out, 0, "c");
  const Row x = rows.store(XS_READ, Direction::in, 0, "x");
  const Row y = rows.store(XS_READ, Direction::in, 0, "y");
  Story story(rows.table);
  story.update();
  CHECK(story.span_of(a)->end == x);
  CHECK(story.span_of(b)->end == y);
  CHECK(story.span_of(c)->end == kNoRow);
}

TEST_CASE("three hundred requests at once share the highest level") {
  Rows rows;
  for (uint32_t i = 0; i < 300; ++i) rows.store(XS_READ, Direction::out, i, "a");
  Story story(rows.table);
  story.update();
  const Lane& lane = lane_of(story, "dom1/xenstore");
  CHECK(lane.levels == 255);
  CHECK(lane.spans[254].level == 254);
  CHECK(lane.spans[299].level == 254);
}

TEST_CASE("hypercalls and ATA commands come one at a time") {
  Rows rows;
  const Row call = rows.hypercall(1, false);
  const Row back = rows.hypercall(1, true, -22);
  const Row shutdown = rows.hypercall(2, false);
  AtaCommandRecord command{};
  command.opcode = 0x20;
  const Row read = rows.add("dom1/ata/hda/command", 210, Direction::out, bytes_of(command));
  AtaCompletionRecord completion{};
  completion.status = 0x51;
  const Row done = rows.add("dom1/ata/hda/completion", 211, Direction::in, bytes_of(completion));
  Story story(rows.table);
  story.update();
  CHECK(story.span_of(call)->end == back);
  CHECK(story.span_of(back)->failed);
  CHECK(story.span_of(shutdown)->end == kNoRow);
  CHECK(story.span_of(read)->end == done);
  CHECK(story.span_of(read)->failed);
  CHECK(lane_of(story, "dom1/ata/hda").spans.size() == 1);
}

TEST_CASE("faults, notices and violations stand out") {
  Rows rows;
  const auto notice = [&](uint8_t kind) {
    Bytes bytes(32);
    bytes[0] = kind;
    return rows.add("dom1/notice", 1, Direction::out, bytes);
  };
  const Row unusual = notice(3), violation = notice(5);
  const Row struck = rows.add("fault", 5, Direction::out, Bytes(24, 1));
  Bytes refused(24);
  refused[0] = 255;
  rows.add("fault", 5, Direction::out, refused);
  Story story(rows.table);
  story.update();
  const auto& highlights = story.highlights();
  REQUIRE(highlights.size() == 3);
  CHECK(highlights[0].row == unusual);
  CHECK(highlights[0].kind == Story::Highlight::Kind::notice);
  CHECK(highlights[1].row == violation);
  CHECK(highlights[1].kind == Story::Highlight::Kind::violation);
  CHECK(highlights[2].row == struck);
  CHECK(highlights[2].kind == Story::Highlight::Kind::fault);
}
