// The rules of 9P, each broken once by a client or a server. Messages are written out by hand.
#include "host/9p/messages.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "tests/unit/checkers/checker_bench.h"

using namespace ringside;

namespace {

// Little-endian fields behind a header.
class Fields {
 public:
  Fields& u8(uint64_t value) { return put(value, 1); }
  Fields& u16(uint64_t value) { return put(value, 2); }
  Fields& u32(uint64_t value) { return put(value, 4); }
  Fields& u64(uint64_t value) { return put(value, 8); }
  Fields& text(const std::string& value) {
    u16(value.size());
    bytes.insert(bytes.end(), value.begin(), value.end());
    return *this;
  }
  Fields& zeros(size_t count) {
    bytes.resize(bytes.size() + count);
    return *this;
  }
  std::vector<uint8_t> bytes;

 private:
  Fields& put(uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
};

struct NinePBench : CheckerBench {
  NinePBench() : CheckerBench("9p") {}
  Wire& t = wire("dom1/9p/share/T", WireKind::message, kP9RequestPayload);
  Wire& r = wire("dom1/9p/share/R", WireKind::message, kP9ResponsePayload);
  uint32_t msize = 8192;

  void message(Wire& on, uint8_t type, uint16_t tag, const Fields& fields) {
    Fields whole;
    whole.u32(7 + fields.bytes.size()).u8(type).u16(tag);
    whole.bytes.insert(whole.bytes.end(), fields.bytes.begin(), fields.bytes.end());
    cross(on, &on == &t ? Direction::out : Direction::in, P9MessageRecord{1, 0, 0}, whole.bytes);
  }
  void ask(uint8_t type, uint16_t tag, const Fields& fields) { message(t, type, tag, fields); }
  void answer(uint8_t type, uint16_t tag, const Fields& fields = {}) { message(r, type, tag, fields); }
  void version(const std::string& dialect = "9P2000.L") {
    ask(ninep::Tversion, ninep::notag, Fields().u32(msize).text(dialect));
    answer(ninep::Rversion, ninep::notag, Fields().u32(msize).text(dialect));
  }
  void attach(uint32_t fid) {
    ask(ninep::Tattach, 1, Fields().u32(fid).u32(ninep::nofid).text("").text("").u32(0));
    answer(ninep::Rattach, 1, Fields().zeros(13));
  }
  static Fields walk_to(uint32_t fid, uint32_t new_fid, const std::vector<std::string>& names) {
    Fields fields;
    fields.u32(fid).u32(new_fid).u16(names.size());
    for (const std::string& name : names) fields.text(name);
    return fields;
  }
  void walk(uint32_t fid, uint32_t new_fid, const std::vector<std::string>& names = {}) {
    ask(ninep::Twalk, 1, walk_to(fid, new_fid, names));
    answer(ninep::Rwalk, 1, Fields().u16(names.size()).zeros(13 * names.size()));
  }
  void open(uint32_t fid) {
    ask(ninep::Tlopen, 1, Fields().u32(fid).u32(0));
    answer(ninep::Rlopen, 1, Fields().zeros(17));
  }
  void clunk(uint32_t fid) {
    ask(ninep::Tclunk, 1, Fields().u32(fid));
    answer(ninep::Rclunk, 1);
  }
  static Fields read_of(uint32_t fid, uint32_t count) { return Fields().u32(fid).u64(0).u32(count); }
  void begin() {
    version();
    attach(0);
  }
};

}  // namespace

TEST_CASE("a session in order", "[checkers][9p]") {
  NinePBench bench;
  bench.begin();
  bench.walk(0, 1, {"a", "b"});
  bench.open(1);
  bench.ask(ninep::Tread, 7, bench.read_of(1, 100));
  bench.ask(ninep::Tread, 8, bench.read_of(1, 100));
  bench.answer(ninep::Rread, 8, Fields().u32(100).zeros(100));
  bench.answer(ninep::Rlerror, 7, Fields().u32(5));
  // A walk that ends on its way makes no fid.
  bench.ask(ninep::Twalk, 1, bench.walk_to(0, 2, {"a", "c"}));
  bench.answer(ninep::Rwalk, 1, Fields().u16(1).zeros(13));
  bench.walk(0, 2);
  bench.walk(2, 2, {"a"});
  bench.clunk(2);
  bench.clunk(1);
  bench.clunk(0);
  bench.end();
  CHECK(bench.clean());
}

TEST_CASE("fids", "[checkers][9p]") {
  NinePBench bench;
  bench.begin();
  SECTION("of nobody") {
    bench.ask(ninep::Tclunk, 1, Fields().u32(9));
    CHECK(bench.only("fid_unknown"));
  }
  SECTION("of a walk that failed") {
    bench.ask(ninep::Twalk, 1, bench.walk_to(0, 2, {"a"}));
    bench.answer(ninep::Rlerror, 1, Fields().u32(2));
    bench.ask(ninep::Tlopen, 1, Fields().u32(2).u32(0));
    CHECK(bench.only("fid_unknown"));
  }
  SECTION("that are being clunked") {
    bench.walk(0, 1);
    bench.ask(ninep::Tclunk, 1, Fields().u32(1));
    bench.ask(ninep::Tgetattr, 2, Fields().u32(1).u64(0));
    CHECK(bench.only("fid_unknown"));
  }
  SECTION("that a remove has ended, though it failed") {
    bench.walk(0, 1);
    bench.ask(ninep::Tremove, 1, Fields().u32(1));
    bench.answer(ninep::Rlerror, 1, Fields().u32(1));
    bench.ask(ninep::Tclunk, 1, Fields().u32(1));
    CHECK(bench.only("fid_unknown"));
  }
  SECTION("made where they are in use") {
    bench.walk(0, 1);
    bench.ask(ninep::Twalk, 1, bench.walk_to(0, 1, {}));
    CHECK(bench.only("fid_in_use"));
  }
  SECTION("read unopened, and opened twice") {
    bench.walk(0, 1);
    bench.ask(ninep::Tread, 1, bench.read_of(1, 10));
    CHECK(bench.only("fid_not_open"));
    bench.answer(ninep::Rlerror, 1, Fields().u32(9));
    bench.open(1);
    CHECK(bench.clean());
    bench.ask(ninep::Tlopen, 1, Fields().u32(1).u32(0));
    CHECK(bench.only("fid_opened_again"));
  }
  SECTION("left behind by an unmount") {
    bench.walk(0, 1);
    bench.clunk(0);
    bench.end();
    CHECK(bench.only("fid_leaked"));
  }
  SECTION("left behind by a power-off that unmounts nothing") {
    bench.walk(0, 1);
    bench.end();
    CHECK(bench.clean());
  }
  SECTION("left behind by a new session") {
    bench.walk(0, 1);
    bench.clunk(0);
    bench.version();
    CHECK(bench.only("fid_leaked"));
    bench.attach(1);
    CHECK(bench.clean());
  }
}

TEST_CASE("tags", "[checkers][9p]") {
  NinePBench bench;
  bench.begin();
  bench.ask(ninep::Tgetattr, 5, Fields().u32(0).u64(0));
  SECTION("in flight") {
    bench.ask(ninep::Tgetattr, 5, Fields().u32(0).u64(0));
    CHECK(bench.only("tag_reused"));
  }
  SECTION("answered twice") {
    bench.answer(ninep::Rlerror, 5, Fields().u32(1));
    bench.answer(ninep::Rlerror, 5, Fields().u32(1));
    CHECK(bench.only("reply_without_request"));
  }
  SECTION("NOTAG") {
    bench.ask(ninep::Tgetattr, ninep::notag, Fields().u32(0).u64(0));
    CHECK(bench.only("notag_misused"));
    bench.ask(ninep::Tversion, 3, Fields().u32(8192).text("9P2000.L"));
    CHECK(bench.only("notag_misused"));
  }
  SECTION("flushed, and answered before Rflush") {
    bench.ask(ninep::Tflush, 6, Fields().u16(5));
    bench.answer(ninep::Rlerror, 5, Fields().u32(1));
    bench.answer(ninep::Rflush, 6);
    bench.ask(ninep::Tgetattr, 5, Fields().u32(0).u64(0));
    CHECK(bench.clean());
  }
  SECTION("flushed, and answered behind Rflush") {
    bench.ask(ninep::Tflush, 6, Fields().u16(5));
    bench.answer(ninep::Rflush, 6);
    bench.answer(ninep::Rlerror, 5, Fields().u32(1));
    CHECK(bench.only("reply_after_flush"));
    bench.ask(ninep::Tgetattr, 5, Fields().u32(0).u64(0));
    bench.answer(ninep::Rlerror, 5, Fields().u32(1));
    CHECK(bench.clean());
  }
}

TEST_CASE("answers", "[checkers][9p]") {
  NinePBench bench;
  bench.begin();
  bench.walk(0, 1);
  bench.open(1);
  bench.ask(ninep::Tread, 5, bench.read_of(1, 10));
  SECTION("of another type") {
    bench.answer(ninep::Rwrite, 5, Fields().u32(10));
    CHECK(bench.only("reply_type"));
  }
  SECTION("of the other dialect's error") {
    bench.answer(ninep::Rerror, 5, Fields().text("no"));
    CHECK(bench.only("reply_type"));
  }
  SECTION("with too much") {
    bench.answer(ninep::Rread, 5, Fields().u32(11).zeros(11));
    CHECK(bench.only("reply_exceeds_count"));
  }
  SECTION("cut short") {
    bench.answer(ninep::Rread, 5, Fields().u32(11).zeros(5));
    CHECK(bench.only("malformed"));
  }
  SECTION("larger than msize") {
    bench.ask(ninep::Tread, 6, bench.read_of(1, 9000));
    bench.answer(ninep::Rread, 6, Fields().u32(9000).zeros(9000));
    CHECK(bench.only("message_exceeds_msize"));
  }
}

TEST_CASE("requests before the session, and of the plain dialect", "[checkers][9p]") {
  NinePBench bench;
  bench.ask(ninep::Tclunk, 1, Fields().u32(0));
  CHECK(bench.said() == std::vector<std::string>{"request_before_version", "fid_unknown"});
  bench.version("9P2000");
  bench.ask(ninep::Tattach, 1, Fields().u32(0).u32(ninep::nofid).text("").text(""));
  bench.answer(ninep::Rattach, 1, Fields().zeros(13));
  bench.ask(ninep::Topen, 1, Fields().u32(0).u8(0));
  bench.answer(ninep::Rerror, 1, Fields().text("no"));
  CHECK(bench.clean());
  bench.ask(ninep::Tlopen, 2, Fields().u32(0).u32(0));
  CHECK(bench.only("malformed"));
}

TEST_CASE("what a fault has changed leaves the fid unsure", "[checkers][9p]") {
  NinePBench bench;
  bench.begin();
  bench.ask(ninep::Twalk, 1, bench.walk_to(0, 1, {"a"}));
  bench.flags = Crossing::kCanonical | Crossing::kInjected;
  bench.answer(ninep::Rlerror, 1, Fields().u32(5));
  bench.flags = Crossing::kCanonical;
  bench.walk(0, 1);
  bench.clunk(1);
  CHECK(bench.clean());
}
