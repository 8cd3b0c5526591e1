// Proves that fids, tags and latencies of a 9P session are what its messages say.
#include "host/9p/messages.h"
#include "tests/unit/viewer/story/story_table.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::story_test;

namespace {

void put(Bytes& bytes, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}
void put(Bytes& bytes, std::string_view text) {
  put(bytes, text.size(), 2);
  bytes.insert(bytes.end(), text.begin(), text.end());
}

Bytes attach(uint32_t fid) {
  Bytes body;
  put(body, fid, 4);
  put(body, ninep::nofid, 4);
  put(body, std::string_view("root"));
  put(body, std::string_view(""));
  put(body, 0, 4);
  return body;
}
Bytes walk(uint32_t fid, uint32_t newfid, const std::vector<std::string>& names) {
  Bytes body;
  put(body, fid, 4);
  put(body, newfid, 4);
  put(body, names.size(), 2);
  for (const std::string& name : names) put(body, std::string_view(name));
  return body;
}
Bytes qids(size_t count) {
  Bytes body;
  put(body, count, 2);
  body.resize(body.size() + count * ninep::qid_bytes);
  return body;
}
Bytes fid_and(uint32_t fid, uint64_t more = 0, size_t size = 0) {
  Bytes body;
  put(body, fid, 4);
  put(body, more, size);
  return body;
}

const NinePState& share_at(Story& story, Row row) {
  REQUIRE(story.ninep(row).size() == 1);
  return story.ninep(row)[0];
}

}  // namespace

TEST_CASE("fids are paths from when they are walked to until they are clunked") {
  Rows rows;
  rows.ninep(ninep::Tattach, 1, attach(0));
  const Row attached = rows.ninep(ninep::Rattach, 1, Bytes(ninep::qid_bytes));
  const Row asked = rows.ninep(ninep::Twalk, 2, walk(0, 5, {"folder", "file"}));
  const Row walked = rows.ninep(ninep::Rwalk, 2, qids(2));
  rows.ninep(ninep::Twalk, 3, walk(0, 6, {"folder", "none"}));
  const Row halfway = rows.ninep(ninep::Rwalk, 3, qids(1));
  rows.ninep(ninep::Tlopen, 4, fid_and(5, 0, 4));
  const Row opened = rows.ninep(ninep::Rlopen, 4, Bytes(ninep::qid_bytes + 4));
  rows.ninep(ninep::Tclunk, 5, fid_and(5));
  const Row clunked = rows.ninep(ninep::Rclunk, 5);
  Story story(rows.table);
  story.update();
  CHECK(share_at(story, attached).share == "dom1/9p/share");
  REQUIRE(share_at(story, attached).fids.size() == 1);
  CHECK(share_at(story, attached).fids[0].path == "/");
  CHECK(share_at(story, attached).fids[0].since == attached);
  CHECK(share_at(story, asked).fids.size() == 1);
  REQUIRE(share_at(story, walked).fids.size() == 2);
  CHECK(share_at(story, walked).fids[1].path == "/folder/file");
  CHECK(share_at(story, walked).fids[1].since == walked);
  CHECK_FALSE(share_at(story, walked).fids[1].open);
  CHECK(share_at(story, halfway).fids.size() == 2);
  CHECK(share_at(story, opened).fids[1].open);
  CHECK(share_at(story, opened).fids[1].since == walked);
  CHECK(share_at(story, clunked).fids.size() == 1);
}

TEST_CASE("tags are in flight until they are answered, or flushed") {
  Rows rows;
  const Row first = rows.ninep(ninep::Tclunk, 1, fid_and(1));
  const Row second = rows.ninep(ninep::Tclunk, 2, fid_and(2));
  const Row lost = rows.ninep(ninep::Rclunk, 1, {}, 0, Crossing::kCanonical | Crossing::kDropped);
  Bytes old_tag;
  put(old_tag, 1, 2);
  rows.ninep(ninep::Tflush, 3, old_tag);
  const Row flushed = rows.ninep(ninep::Rflush, 3);
  const Row error = rows.ninep(ninep::Rlerror, 2, fid_and(5));
  Story story(rows.table);
  story.update();
  REQUIRE(share_at(story, second).in_flight.size() == 2);
  CHECK(share_at(story, second).in_flight[0].tag == 1);
  CHECK(share_at(story, second).in_flight[0].type == ninep::Tclunk);
  CHECK(share_at(story, second).in_flight[0].request == first);
  CHECK(share_at(story, lost).in_flight.size() == 2);
  REQUIRE(share_at(story, flushed).in_flight.size() == 1);
  CHECK(share_at(story, flushed).in_flight[0].tag == 2);
  CHECK(share_at(story, error).in_flight.empty());

  const Lane& lane = lane_of(story, "dom1/9p/share");
  REQUIRE(lane.spans.size() == 3);
  CHECK(lane.spans[0].end == flushed);
  CHECK(lane.spans[0].failed);
  CHECK(lane.spans[1].end == error);
  CHECK(lane.spans[1].failed);
  CHECK_FALSE(lane.spans[2].failed);
  CHECK(lane.levels == 3);
}

TEST_CASE("latencies are counted by type") {
  Rows rows;
  rows.step = nanoseconds(3);
  rows.ninep(ninep::Tclunk, 1, fid_and(1));
  rows.ninep(ninep::Rclunk, 1);
  rows.step = nanoseconds(100);
  rows.ninep(ninep::Tclunk, 1, fid_and(1));
  rows.ninep(ninep::Rlerror, 1, fid_and(9));
  Story story(rows.table);
  story.update();
  const NinePState& share = share_at(story, rows.table.size() - 1);
  REQUIRE(share.latencies.size() == 1);
  const NinePState::TypeLatency& latency = share.latencies[0];
  CHECK(latency.name == "Tclunk");
  CHECK(latency.count == 2);
  CHECK(latency.errors == 1);
  CHECK(latency.sum == nanoseconds(103));
  CHECK(latency.smallest == nanoseconds(3));
  CHECK(latency.largest == nanoseconds(100));
  REQUIRE(latency.histogram.size() == 7);
  CHECK(latency.histogram[1] == 1);
  CHECK(latency.histogram[6] == 1);
}
