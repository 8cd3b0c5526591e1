// A 9P client that builds its messages byte by byte, with the numbers of the manual pages restated here, and
// a clock that it moves. Nothing of the code under test is used to make or to read a message.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "host/9p/file_tree.h"
#include "host/9p/server.h"

namespace ringside::ninep_test {

using Bytes = std::vector<uint8_t>;

// Message types: intro(5) of Plan 9, diod's protocol.md and Linux's 9p.h.
enum : uint8_t {
  Rlerror = 7,
  Tstatfs = 8,
  Tlopen = 12,
  Tlcreate = 14,
  Tsymlink = 16,
  Tmknod = 18,
  Trename = 20,
  Treadlink = 22,
  Tgetattr = 24,
  Tsetattr = 26,
  Txattrwalk = 30,
  Txattrcreate = 32,
  Treaddir = 40,
  Tfsync = 50,
  Tlock = 52,
  Tgetlock = 54,
  Tlink = 70,
  Tmkdir = 72,
  Trenameat = 74,
  Tunlinkat = 76,
  Tversion = 100,
  Tauth = 102,
  Tattach = 104,
  Rerror = 107,
  Tflush = 108,
  Twalk = 110,
  Topen = 112,
  Tcreate = 114,
  Tread = 116,
  Twrite = 118,
  Tclunk = 120,
  Tremove = 122,
  Tstat = 124,
  Twstat = 126,
};
inline constexpr uint16_t kNotag = 0xffff;
inline constexpr uint32_t kNofid = 0xffffffff;

struct Message {
  explicit Message(uint8_t type) { bytes = {0, 0, 0, 0, type, 0, 0}; }
  Message& number(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
  Message& u8(uint64_t value) { return number(value, 1); }
  Message& u16(uint64_t value) { return number(value, 2); }
  Message& u32(uint64_t value) { return number(value, 4); }
  Message& u64(uint64_t value) { return number(value, 8); }
  Message& text(const std::string& value) {
    u16(value.size());
    bytes.insert(bytes.end(), value.begin(), value.end());
    return *this;
  }
  Message& raw(const Bytes& value) {
    bytes.insert(bytes.end(), value.begin(), value.end());
    return *this;
  }
  // With the size and this tag.
  Bytes tagged(uint16_t tag) const {
    Bytes whole = bytes;
    for (int i = 0; i < 4; ++i) whole[static_cast<size_t>(i)] = static_cast<uint8_t>(whole.size() >> (8 * i));
    whole[5] = static_cast<uint8_t>(tag);
    whole[6] = static_cast<uint8_t>(tag >> 8);
    return whole;
  }
  Bytes bytes;
};

struct Qid {
  uint8_t type = 0;
  uint32_t version = 0;
  uint64_t path = 0;
  bool operator==(const Qid&) const = default;
};

// An R message, read from its first byte on.
struct Answer {
  Bytes bytes;
  size_t at = 7;

  bool none() const { return bytes.empty(); }
  uint8_t type() const { return bytes.at(4); }
  uint16_t tag() const { return static_cast<uint16_t>(bytes.at(5) | bytes.at(6) << 8); }
  uint64_t number(size_t size) {
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | bytes.at(at + i);
    at += size;
    return value;
  }
  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  std::string take(size_t size) {
    REQUIRE(at + size <= bytes.size());
    std::string value(bytes.begin() + static_cast<ptrdiff_t>(at),
                      bytes.begin() + static_cast<ptrdiff_t>(at + size));
    at += size;
    return value;
  }
  std::string text() {
    const size_t size = u16();
    return take(size);
  }
  std::string data() {
    const size_t size = u32();
    return take(size);
  }
  Qid qid() {
    Qid value;
    value.type = u8();
    value.version = u32();
    value.path = u64();
    return value;
  }
  bool at_end() const { return at == bytes.size(); }
  // Of Rlerror; 0 for any other answer.
  int error() const {
    if (bytes.empty() || type() != Rlerror) return 0;
    Answer copy = *this;
    copy.at = 7;
    return static_cast<int>(copy.u32());
  }
  // Of Rerror; "" for any other answer.
  std::string ename() const {
    if (bytes.empty() || type() != Rerror) return {};
    Answer copy = *this;
    copy.at = 7;
    return copy.text();
  }
};

// A machine's clock and queue, and a tree. Several conversations may stand on it.
struct World {
  explicit World(const FileTreeConfig& config = {}) : tree(config, clock) {}

  void run_to(Tick to) {
    while (events.next_tick() <= to) {
      if (events.next_tick() > clock.now) clock.now = events.next_tick();
      events.run_due(clock.now);
    }
    if (to > clock.now) clock.now = to;
  }
  void run_for(Tick time) { run_to(clock.now + time); }

  // Straight into the tree, by path: "/a/b".
  FileRef add(const std::string& path, const NewFile& file, const std::string& contents = {}) {
    const size_t slash = path.rfind('/');
    const FileResult<FileRef> made =
        tree.create(*tree.find(path.substr(0, slash)), path.substr(slash + 1), file);
    REQUIRE(made);
    if (!contents.empty()) {
      REQUIRE(tree.write(*made, 0, {reinterpret_cast<const uint8_t*>(contents.data()), contents.size()}));
    }
    return *made;
  }
  FileRef add_file(const std::string& path, const std::string& contents, uint32_t mode = 0644) {
    return add(path, {.mode = file_mode::regular | mode}, contents);
  }
  FileRef add_directory(const std::string& path, uint32_t mode = 0755) {
    return add(path, {.mode = file_mode::directory | mode});
  }
  std::string contents(const std::string& path) {
    const FileResult<FileRef> file = tree.find(path);
    REQUIRE(file);
    std::string text(static_cast<size_t>(tree.status(*file).size), '?');
    REQUIRE(tree.read(*file, 0, {reinterpret_cast<uint8_t*>(text.data()), text.size()}));
    return text;
  }
  bool exists(const std::string& path) { return tree.find(path).has_value(); }

  Clock clock;
  EventQueue events;
  FileTree tree;
};

struct Client {
  explicit Client(World& with, const NinePServerConfig& config = {})
      : world(with), server(config, with.tree, with.clock, with.events) {
    server.set_complaint([this](NoticeKind, const std::string& what) { complaints.push_back(what); });
  }

  // Sends it and does not wait; the answer comes into `answers`.
  void send(const Message& message, uint16_t tag) { send_bytes(message.tagged(tag)); }
  void send_bytes(Bytes bytes) {
    server.receive(std::move(bytes), [this](Bytes answer) { answers.push_back({std::move(answer)}); });
  }
  // Sends it and waits for its answer: nothing where there is none within a second.
  Answer ask(const Message& message, uint16_t tag = 1) {
    const size_t before = answers.size();
    send(message, tag);
    CHECK(answers.size() == before);  // never from within receive()
    world.run_for(seconds(1));
    return answers.size() == before ? Answer{} : answers.back();
  }

  Answer version(const std::string& name, uint32_t msize = 65'536) {
    return ask(Message(Tversion).u32(msize).text(name), kNotag);
  }
  // 9P2000.L, fid 0 at the root for this user.
  void mount(uint32_t uid = 0, uint32_t msize = 65'536) {
    version("9P2000.L", msize);
    REQUIRE(ask(Message(Tattach).u32(0).u32(kNofid).text("").text("").u32(uid)).type() == Tattach + 1);
  }
  // 9P2000, fid 0 at the root.
  void mount_base(const std::string& user = "root", uint32_t msize = 65'536) {
    version("9P2000", msize);
    REQUIRE(ask(Message(Tattach).u32(0).u32(kNofid).text(user).text("")).type() == Tattach + 1);
  }
  Answer walk(uint32_t fid, uint32_t new_fid, const std::vector<std::string>& names) {
    Message message(Twalk);
    message.u32(fid).u32(new_fid).u16(names.size());
    for (const std::string& name : names) message.text(name);
    return ask(message);
  }
  Answer clunk(uint32_t fid) { return ask(Message(Tclunk).u32(fid)); }
  Answer read(uint32_t fid, uint64_t offset, uint32_t count) {
    return ask(Message(Tread).u32(fid).u64(offset).u32(count));
  }
  Answer write(uint32_t fid, uint64_t offset, const std::string& data) {
    return ask(Message(Twrite).u32(fid).u64(offset).u32(data.size()).raw(Bytes(data.begin(), data.end())));
  }
  Answer lopen(uint32_t fid, uint32_t flags) { return ask(Message(Tlopen).u32(fid).u32(flags)); }
  Answer open(uint32_t fid, uint8_t mode) { return ask(Message(Topen).u32(fid).u8(mode)); }

  World& world;
  NinePServer server;
  std::vector<Answer> answers;
  std::vector<std::string> complaints;
};

}  // namespace ringside::ninep_test
