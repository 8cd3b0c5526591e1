// Proves which crossing is said to be another one's cause.
#include <algorithm>

#include "host/payloads.h"
#include "tests/unit/viewer/story/story_table.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::story_test;

namespace {

bool has(const std::vector<Link>& links, Row from, Row to, Link::Kind kind) {
  return std::any_of(links.begin(), links.end(), [&](const Link& link) {
    return link.from == from && link.to == to && link.kind == kind;
  });
}

}  // namespace

TEST_CASE("an event leads to the request, to the image, to the answer, to the event") {
  Rows rows;
  rows.event(EventOperation::alloc_unbound, 3, ChannelState::unbound);
  rows.write("device/vbd/51712/event-channel", "3");
  rows.indices(0, 0, 0, 1);
  const Row sent = rows.event(EventOperation::send, 3);
  rows.step = microseconds(2);
  rows.indices(2, 0, 0, 1);
  const Row read = rows.request(0, 1, 2, 32, 64), other = rows.request(1, 2, 2, 32, 800);
  rows.indices(2, 2, 0, 1);
  const auto image = [&](uint64_t sector) {
    ImageRecord record{};
    record.sector = sector;
    record.count = 8;
    return rows.add("image/xvda", 20, Direction::in, bytes_of(record));
  };
  const Row other_done = image(800), done = image(64);
  const Row answer = rows.response(0, 1);
  rows.indices(2, 2, 1, 1);
  const Row delivered = rows.event(EventOperation::deliver, 3);
  const Row quiet = rows.response(1, 2);
  rows.indices(2, 2, 2, 7);  // rsp_event asks for a later one
  rows.event(EventOperation::deliver, 3);
  Story story(rows.table);
  story.update();
  const auto links = story.links(0, rows.table.size() - 1, 1000);
  CHECK(has(links, sent, read, Link::Kind::handler));
  CHECK(has(links, read, done, Link::Kind::completion));
  CHECK(has(links, done, answer, Link::Kind::completion));
  CHECK(has(links, other, other_done, Link::Kind::completion));
  CHECK(has(links, answer, delivered, Link::Kind::event));
  CHECK(std::none_of(links.begin(), links.end(), [&](const Link& link) { return link.from == quiet; }));
  // Of a part of the rows, those that end there as well.
  const auto part = story.links(answer, answer, 1000);
  CHECK(part.size() == 2);
  CHECK(has(part, done, answer, Link::Kind::completion));
  CHECK(has(part, answer, delivered, Link::Kind::event));
  CHECK(story.links(0, rows.table.size() - 1, 2).size() == 2);
  CHECK(story.links(5, 4, 10).empty());
  CHECK(story.links(kNoRow, kNoRow, 10).empty());
}

TEST_CASE("an event that another one overtakes causes nothing") {
  Rows rows;
  rows.event(EventOperation::alloc_unbound, 3, ChannelState::unbound);
  rows.write("device/vbd/51712/event-channel", "3");
  rows.indices(0, 0, 0, 1);
  rows.step = microseconds(10);
  const Row needless = rows.event(EventOperation::send, 3);
  const Row first = rows.event(EventOperation::send, 3);
  rows.step = microseconds(1);
  const Row coalesced = rows.event(EventOperation::send, 3);
  const Row taken = rows.request(0, 1, 1);
  Story story(rows.table);
  story.update();
  const auto links = story.links(0, rows.table.size() - 1, 1000);
  CHECK_FALSE(has(links, needless, taken, Link::Kind::handler));
  CHECK(has(links, first, taken, Link::Kind::handler));
  CHECK_FALSE(has(links, coalesced, taken, Link::Kind::handler));
}

TEST_CASE("a long request's answer knows its request") {
  Rows rows;
  const Row request = rows.ninep(120, 1, Bytes(4));
  for (int i = 0; i < 3000; ++i) rows.hypercall(1, i % 2 != 0);
  const Row answer = rows.ninep(121, 1);
  Story story(rows.table);
  story.update();
  CHECK(has(story.links(answer, answer, 10), request, answer, Link::Kind::completion));
}
