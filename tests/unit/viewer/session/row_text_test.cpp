// Proves that rows are put into words as `ringside show` does, that what has to be decoded in order is, and
// again after another history began, and that rows of any kind have a verb.
#include "viewer/session/row_text.h"

#include <algorithm>

#include "sim/fault/fault_actions.h"
#include "sim/message_renderer.h"
#include "tests/unit/viewer/session/session_bench.h"
#include "viewer/session/kept_fields.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::session_bench;

namespace {

constexpr uint8_t kTattach = 104, kRattach = 105, kTwalk = 110, kRwalk = 111, kTclunk = 120;

void put(Bytes& body, uint64_t number, unsigned size) {
  for (unsigned i = 0; i < size; ++i) body.push_back(static_cast<uint8_t>(number >> (8 * i)));
}
void put(Bytes& body, std::string_view text) {
  put(body, text.size(), 2);
  body.insert(body.end(), text.begin(), text.end());
}
Bytes attach(uint32_t fid) {
  Bytes body;
  put(body, fid, 4);
  put(body, 0xffffffff, 4);
  put(body, "root");
  put(body, "");
  put(body, 0, 4);
  return body;
}
Bytes walk(uint32_t fid, uint32_t newfid, std::string_view name) {
  Bytes body;
  put(body, fid, 4);
  put(body, newfid, 4);
  put(body, 1, 2);
  put(body, name);
  return body;
}
Bytes walked() {
  Bytes body(2 + 13, 1);
  body[1] = 0;
  return body;
}
Bytes clunk(uint32_t fid) {
  Bytes body;
  put(body, fid, 4);
  return body;
}

struct Share {
  Share()
      : requests(made.wire("dom1/9p/share/T", WireKind::message, kP9RequestPayload)),
        answers(made.wire("dom1/9p/share/R", WireKind::message, kP9ResponsePayload)) {
    made.add(requests, ninep(kTattach, 1, attach(1)));
    made.add(answers, ninep(kRattach, 1, Bytes(13, 1)), Direction::in);
    made.add(requests, ninep(kTwalk, 2, walk(1, 2, "docs")));
    made.add(answers, ninep(kRwalk, 2, walked()), Direction::in);
    made.add(requests, ninep(kTclunk, 3, clunk(2)));
  }
  Table made;
  uint32_t requests, answers;
};

void check_equal(const std::vector<DecodedField>& left, const std::vector<DecodedField>& right) {
  REQUIRE(left.size() == right.size());
  for (size_t i = 0; i < left.size(); ++i) {
    CHECK(left[i].name == right[i].name);
    CHECK(left[i].text == right[i].text);
    CHECK(left[i].number == right[i].number);
    CHECK(left[i].offset == right[i].offset);
    CHECK(left[i].size == right[i].size);
    CHECK(left[i].is_number == right[i].is_number);
    check_equal(left[i].children, right[i].children);
  }
}

}  // namespace

TEST_CASE("a row is decoded by its wire's table, and says that it was cut or struck") {
  Table made;
  const uint32_t ring = made.wire("dom1/ring/xvda/request", WireKind::message, kBlkRequestPayload);
  const uint32_t events = made.wire("dom1/evtchn", WireKind::signal, kEventPayload);
  const Row plain = made.add(ring, read_request(2048));
  const Row cut = made.add(events, event(EventOperation::deliver, 5), Direction::in, 1, 100);
  const Row struck =
      made.add(events, event(EventOperation::send, 6), Direction::in,
               Crossing::kCanonical | Crossing::kInjected | Crossing::kDropped | Crossing::kDelayed);
  RowText text(made.table);
  const auto fields = text.fields(plain);
  check_equal(fields, decode(kBlkRequestPayload, made.table.payload(plain)));
  CHECK(text.line(plain) == to_line(fields));
  CHECK_THAT(text.line(plain), Catch::Contains("operation=READ") && Catch::Contains("sector_number=2048") &&
                                   Catch::Contains("segments=[{gref=9"));
  CHECK_THAT(text.line(cut), Catch::StartsWith("op=deliver port=5") && Catch::EndsWith(" (cut)"));
  CHECK_THAT(text.line(struck), Catch::EndsWith(" [injected: dropped, delayed]"));
}

TEST_CASE("payloads that are too short, or of unknown types, are decoded as far as they go") {
  Table made;
  const uint32_t ring = made.wire("dom1/ring/xvda/request", WireKind::message, kBlkRequestPayload);
  const uint32_t unknown = made.table.add_wire("dom1/unknown", WireKind::message, 65432, {});
  const uint32_t share = made.wire("dom1/9p/share/T", WireKind::message, kP9RequestPayload);
  const Row empty = made.add(ring, {}), one = made.add(ring, {1}), strange = made.add(unknown, {1, 2, 3});
  const Row message = made.add(share, {}), part = made.add(share, {0, 0, 0, 0, 9, 0});
  RowText text(made.table);
  CHECK(text.fields(empty).empty());
  CHECK(text.line(empty).empty());
  CHECK(text.verb(empty).empty());
  CHECK(text.verb(one) == "WRITE");
  CHECK(text.fields(strange).empty());
  CHECK(text.verb(strange).empty());
  CHECK(text.fields(message).empty());
  CHECK(text.verb(message).empty());
  CHECK(text.verb(part).empty());
  CHECK_FALSE(text.fields(part).empty());
  CHECK(text.fields(made.table.size()).empty());
  CHECK(text.line(kNoRow).empty());
  CHECK(text.verb(kNoRow).empty());
}

TEST_CASE("9P messages name the files of their fids, whichever is asked for first") {
  Share share;
  RowText text(share.made.table), in_order(share.made.table);
  CHECK_THAT(text.line(4), Catch::Contains("message=Tclunk") && Catch::Contains("fid_path=\"/docs\""));
  CHECK_THAT(text.line(2), Catch::Contains("message=Twalk") && Catch::Contains("newfid=2"));
  SessionDecoder decoder;
  for (Row row = 0; row < share.made.table.size(); ++row) {
    const ViewedWire& wire = share.made.table.wire_of(row);
    const auto payload = share.made.table.payload(row);
    const auto expected = decoder.decode(*wire.type, wire.name, payload, payload.size());
    check_equal(text.fields(row), expected);
    check_equal(in_order.fields(row), expected);
  }
  CHECK(text.verb(0) == "Tattach");
  CHECK(text.verb(3) == "Rwalk");
}

TEST_CASE("what has to be decoded in order can be decoded in slices") {
  Share share;
  for (int i = 0; i < 2000; ++i)
    share.made.add(share.requests, ninep(kTwalk, 9, walk(1, 3, "name-" + std::to_string(i))));
  RowText text(share.made.table);
  int slices = 1;
  while (!text.prepare_for(std::chrono::nanoseconds(0))) ++slices;
  CHECK(slices > 4);
  CHECK(text.prepare_for(std::chrono::nanoseconds(0)));
  const size_t bytes = text.bytes();
  CHECK_THAT(text.line(4), Catch::Contains("fid_path=\"/docs\""));
  CHECK_THAT(text.line(2004), Catch::Contains("name-1999"));
  CHECK(text.bytes() == bytes);
  // A name of its own in each, and the fields' names only once.
  CHECK(bytes < 400 * 2000);
}

TEST_CASE("another history is decoded anew") {
  Share share;
  RowText text(share.made.table);
  CHECK_THAT(text.line(4), Catch::Contains("fid_path=\"/docs\""));
  share.made.table.truncate(2);
  share.made.add(share.requests, ninep(kTwalk, 2, walk(1, 2, "home")));
  share.made.add(share.answers, ninep(kRwalk, 2, walked()), Direction::in);
  share.made.add(share.requests, ninep(kTclunk, 3, clunk(2)));
  CHECK_THAT(text.line(4), Catch::Contains("fid_path=\"/home\""));
}

TEST_CASE("every kind of row has a verb") {
  Table made;
  RowText text(made.table);
  const auto verb_of = [&](const PayloadType& type, const Bytes& payload) {
    return std::string(
        text.verb(made.add(made.wire("dom1/" + std::string(type.name), WireKind::message, type), payload)));
  };
  CHECK(verb_of(kBlkRequestPayload, read_request(1, 1)) == "WRITE");
  CHECK(verb_of(kBlkRequestPayload, read_request(1, 77)) == "77");
  BlkResponseRecord response{};
  CHECK(verb_of(kBlkResponsePayload, payload_of(response)) == "READ");
  response.status = -1;
  CHECK(verb_of(kBlkResponsePayload, payload_of(response)) == "READ ERROR");
  CHECK(verb_of(kBlkIndicesPayload, Bytes(24)) == "indices");
  CHECK(verb_of(kEventPayload, event(EventOperation::deliver, 1)) == "deliver");
  CHECK(verb_of(kNoticePayload, notice(NoticeKind::violation, "blkfront", "x")) == "violation");
  GrantRecord grant;
  grant.operation = static_cast<uint8_t>(GrantOperation::map);
  CHECK(verb_of(kGrantPayload, payload_of(grant)) == "map");
  // Of types that stand in any session the table, or the list of exceptions, has a word for every payload.
  for (const PayloadType* type : PayloadRegistry::instance().all()) {
    const Bytes payload(size_t{type->size} + 8, 1);
    INFO(type->name);
    CHECK_FALSE(verb_of(*type, payload).empty());
  }
}

TEST_CASE("fields are kept as they were") {
  KeptFields kept;
  std::vector<DecodedField> fields(3);
  fields[0] = {"plain", "12", 12, 3, 4, true, {}};
  fields[1] = {"named", "READ", 0, 300, 1, true, {}};
  fields[2] = {"texts", "", UINT64_MAX, SIZE_MAX, 0, false, {fields[0], fields[1]}};
  const size_t first = kept.add(fields), none = kept.add({});
  for (uint64_t i = 0; i < 70'000; ++i) kept.add({{"path", "/" + std::to_string(i), 0, i, i, false, {}}});
  check_equal(kept.get(first), fields);
  CHECK(kept.get(none).empty());
  check_equal(kept.get(69'999 + 2), {{"path", "/69999", 0, 69'999, 69'999, false, {}}});
  kept.clear();
  CHECK(kept.size() == 0);
}
