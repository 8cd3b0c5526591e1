// Proves that a reader of a 9P conversation sees what each fid stands for, that it forgets what the protocol
// forgets, and that no message, however cut or wrong, takes it further than that.
#include "host/9p/message_renderer.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "host/9p/fid_paths.h"
#include "host/9p/messages.h"

namespace ringside {

namespace {

using Bytes = std::vector<uint8_t>;

constexpr Field kHead[] = {{"ring", 0, 1}};
const PayloadType kPayload{.id = 65300,
                           .name = "test_9p",
                           .title = "9P",
                           .size = 1,
                           .fields = kHead,
                           .tail = TailKind::bytes,
                           .tail_name = "message",
                           .make_renderer = make_ninep_renderer};

struct Message {
  Bytes bytes = Bytes(7);
  Message(uint8_t type, uint16_t tag) {
    bytes[4] = type;
    std::memcpy(&bytes[5], &tag, 2);
  }
  Message& number(uint64_t value, unsigned length) {
    for (; length > 0; --length, value >>= 8) bytes.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  Message& text(std::string_view value) {
    number(value.size(), 2);
    bytes.insert(bytes.end(), value.begin(), value.end());
    return *this;
  }
  Message& qid() { return number(0x80, 1).number(0, 4).number(1, 8); }
  operator Bytes() {
    const auto size = static_cast<uint32_t>(bytes.size());
    std::memcpy(bytes.data(), &size, 4);
    return bytes;
  }
};

struct Reader {
  SessionDecoder decoder;
  std::string line(const Bytes& message, const std::string& wire = "dom1/9p/share/T", size_t lost = 0) {
    Bytes payload{3};
    payload.insert(payload.end(), message.begin(), message.end());
    return to_line(decoder.decode(kPayload, wire, payload, payload.size() + lost));
  }
  std::string answer(const Bytes& message) { return line(message, "dom1/9p/share/R"); }
  // The path of a fid, by asking for something harmless.
  std::string path(uint32_t fid) {
    const std::string text = line(Message(ninep::Tclunk, 999).number(fid, 4));
    (void)answer(Message(ninep::Rclunk, 999));
    const size_t at = text.find("fid_path=\"");
    return at == std::string::npos ? "" : text.substr(at + 10, text.size() - at - 11);
  }
  void attach(uint32_t fid) {
    line(Message(ninep::Tattach, 1).number(fid, 4).number(~0u, 4).text("root").text("").number(0, 4));
    answer(Message(ninep::Rattach, 1).qid());
  }
  void walk(uint32_t fid, uint32_t newfid, const std::vector<std::string>& names, size_t found = 99) {
    Message walk = Message(ninep::Twalk, 2).number(fid, 4).number(newfid, 4).number(names.size(), 2);
    for (const std::string& name : names) walk.text(name);
    line(walk);
    found = std::min(found, names.size());
    Message answered = Message(ninep::Rwalk, 2).number(found, 2);
    for (size_t i = 0; i < found; ++i) answered.qid();
    answer(answered);
  }
};

}  // namespace

TEST_CASE("9P in a session: one line a message, with paths") {
  Reader reader;
  CHECK(reader.line(Message(ninep::Tversion, 0xffff).number(8192, 4).text("9P2000.L")) ==
        "ring=3 message=Tversion tag=NOTAG msize=8192 version=\"9P2000.L\"");
  reader.answer(Message(ninep::Rversion, 0xffff).number(8192, 4).text("9P2000.L"));
  reader.attach(0);
  CHECK(reader.line(
            Message(ninep::Twalk, 7).number(0, 4).number(1, 4).number(2, 2).text("etc").text("hosts")) ==
        "ring=3 message=Twalk tag=7 fid=0 fid_path=\"/\" newfid=1 wname=[\"etc\" \"hosts\"]");
  CHECK(reader.answer(Message(ninep::Rwalk, 7).number(2, 2).qid().qid()) ==
        "ring=3 message=Rwalk tag=7 path=\"/\" wqid=[(1 0 'd') (1 0 'd')]");
  CHECK(reader.line(Message(ninep::Tread, 8).number(1, 4).number(5, 8).number(100, 4)) ==
        "ring=3 message=Tread tag=8 fid=1 fid_path=\"/etc/hosts\" offset=5 count=100");
  CHECK(reader.answer(Message(ninep::Rread, 8).number(2, 4).number(0x6968, 2)) ==
        "ring=3 message=Rread tag=8 path=\"/etc/hosts\" data=2 bytes: 6869");
}

TEST_CASE("9P in a session: a walk moves only what it has found") {
  Reader reader;
  reader.attach(0);
  reader.walk(0, 1, {"a", "b", ".."});
  CHECK(reader.line(Message(ninep::Tclunk, 9).number(1, 4)).ends_with("fid_path=\"/a\""));
  reader.answer(Message(ninep::Rclunk, 9));
  reader.walk(0, 2, {"a", "b"}, 1);
  CHECK(reader.path(2).empty());
  reader.walk(0, 0, {".."});
  CHECK(reader.path(0) == "/");
}

TEST_CASE("9P in a session: creation, extended attributes, renames") {
  Reader reader;
  reader.attach(0);
  reader.walk(0, 1, {"d"});
  reader.walk(0, 2, {"d", "f"});
  reader.walk(0, 3, {"dd"});
  SECTION("Tlcreate") {
    reader.line(
        Message(ninep::Tlcreate, 4).number(1, 4).text("new").number(2, 4).number(0644, 4).number(0, 4));
    reader.answer(Message(ninep::Rlcreate, 4).qid().number(0, 4));
    CHECK(reader.path(1) == "/d/new");
  }
  SECTION("a creation that fails") {
    reader.line(
        Message(ninep::Tlcreate, 4).number(1, 4).text("new").number(2, 4).number(0644, 4).number(0, 4));
    reader.answer(Message(ninep::Rlerror, 4).number(13, 4));
    CHECK(reader.path(1) == "/d");
  }
  SECTION("Txattrwalk") {
    reader.line(Message(ninep::Txattrwalk, 4).number(2, 4).number(9, 4).text("user.x"));
    reader.answer(Message(ninep::Rxattrwalk, 4).number(3, 8));
    CHECK(reader.path(9) == "/d/f(xattr user.x)");
  }
  SECTION("Trename moves what is below, and nothing beside") {
    reader.line(Message(ninep::Trename, 4).number(1, 4).number(3, 4).text("e"));
    reader.answer(Message(ninep::Rrename, 4));
    CHECK(reader.path(1) == "/dd/e");
    CHECK(reader.path(2) == "/dd/e/f");
    CHECK(reader.path(3) == "/dd");
  }
  SECTION("Trenameat") {
    reader.line(Message(ninep::Trenameat, 4).number(1, 4).text("f").number(0, 4).text("g"));
    reader.answer(Message(ninep::Rrenameat, 4));
    CHECK(reader.path(2) == "/g");
  }
  SECTION("Twstat") {
    reader.answer(Message(ninep::Rversion, 5).number(8192, 4).text("9P2000"));
    reader.line(Message(ninep::Tattach, 1).number(0, 4).number(~0u, 4).text("root").text(""));
    reader.answer(Message(ninep::Rattach, 1).qid());
    reader.walk(0, 2, {"d", "f"});
    Message stat(0, 0);
    stat.bytes.clear();
    stat.number(0, 2).number(0, 2).number(0, 4).qid().number(0, 4).number(0, 4).number(0, 4).number(0, 8);
    stat.text("h").text("").text("").text("");
    Message wstat = Message(ninep::Twstat, 4).number(2, 4).number(stat.bytes.size(), 2);
    wstat.bytes.insert(wstat.bytes.end(), stat.bytes.begin(), stat.bytes.end());
    reader.line(wstat);
    reader.answer(Message(ninep::Rwstat, 4));
    CHECK(reader.path(2) == "/d/h");
  }
}

TEST_CASE("9P in a session: what the protocol forgets is forgotten") {
  Reader reader;
  reader.attach(0);
  reader.walk(0, 1, {"a"});
  SECTION("Tclunk, whatever the answer") {
    reader.line(Message(ninep::Tclunk, 4).number(1, 4));
    reader.answer(Message(ninep::Rlerror, 4).number(5, 4));
    CHECK(reader.path(1).empty());
  }
  SECTION("Tremove, whatever the answer") {
    reader.line(Message(ninep::Tremove, 4).number(1, 4));
    reader.answer(Message(ninep::Rlerror, 4).number(5, 4));
    CHECK(reader.path(1).empty());
  }
  SECTION("Tversion") {
    reader.line(Message(ninep::Tversion, 0xffff).number(8192, 4).text("9P2000.L"));
    CHECK(reader.path(1) == "/a");
    reader.attach(0);
    reader.walk(0, 1, {"a"});
    reader.line(Message(ninep::Tversion, 0xffff).number(8192, 4).text("9P2000.L"));
    reader.answer(Message(ninep::Rversion, 0xffff).number(8192, 4).text("9P2000.L"));
    CHECK(reader.path(1).empty());
  }
  SECTION("a request that was flushed") {
    reader.line(Message(ninep::Twalk, 4).number(0, 4).number(2, 4).number(1, 2).text("b"));
    reader.line(Message(ninep::Tflush, 5).number(4, 2));
    reader.answer(Message(ninep::Rflush, 5));
    reader.answer(Message(ninep::Rwalk, 4).number(1, 2).qid());
    CHECK(reader.path(2).empty());
  }
}

TEST_CASE("9P in a session: other shares are other conversations") {
  Reader reader;
  reader.attach(0);
  CHECK(reader.line(Message(ninep::Tclunk, 3).number(0, 4), "dom1/9p/other/T") ==
        "ring=3 message=Tclunk tag=3 fid=0");
}

TEST_CASE("9P in a session: what is cut or malformed says so") {
  Reader reader;
  CHECK(reader.line({}) == "ring=3");
  CHECK(reader.line({1, 0, 0}) == "ring=3 message=cut problem=\"3 bytes are no message\"");
  const Bytes read = Message(ninep::Tread, 8).number(1, 4).number(5, 8).number(100, 4);
  CHECK_THAT(reader.line(Bytes(read.begin(), read.begin() + 12)),
             Catch::Matchers::Contains("message=Tread tag=8 fid=1 problem="));
  // By the recording's policy, not by whoever sent it.
  CHECK(reader.line(Bytes(read.begin(), read.begin() + 12), "dom1/9p/share/T", 11) ==
        "ring=3 message=Tread tag=8 fid=1");
  CHECK(reader.line(Message(200, 1)) == "ring=3 message=unknown tag=1 problem=\"type 200 is unknown\"");
}

TEST_CASE("9P in a session: any bytes are read to the end of what there is") {
  std::mt19937 random(7);
  Reader reader;
  reader.attach(0);
  for (int round = 0; round < 200'000; ++round) {
    Bytes message(random() % 60);
    for (uint8_t& byte : message) byte = static_cast<uint8_t>(random() % 4 == 0 ? random() : random() % 4);
    if (message.size() > 4 && random() % 8 != 0) {
      const auto size = static_cast<uint32_t>(message.size());
      std::memcpy(message.data(), &size, 4);
      message[4] = static_cast<uint8_t>(random() % 128);
    }
    reader.line(message, random() % 2 ? "dom1/9p/share/T" : "dom1/9p/share/R");
  }
  SUCCEED("none of them was read further");
}

TEST_CASE("9P in a session: a conversation cannot make a reader keep more and more") {
  Reader reader;
  reader.attach(0);
  // A name that grows with each walk stops to be followed.
  const std::string name(200, 'x');
  for (int i = 0; i < 100; ++i) reader.walk(0, 0, {name});
  CHECK(reader.path(0).empty());
}

}  // namespace ringside
