// Captures: what the reader takes and what it refuses and says, what the player sends and when, what the
// writer writes, byte for byte; and that tshark agrees where it is installed. Files are built here by hand.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "host/network/payloads.h"
#include "host/network/pcap_player.h"
#include "host/network/pcap_writer.h"
#include "sim/random.h"
#include "sim/session/writer.h"
#include "tests/unit/host/network_bench.h"

using namespace ringside;
using namespace ringside::network_bench;

namespace {

// Numbers in the byte order of the file under construction.
struct FileBytes {
  explicit FileBytes(bool swapped = false) : big_endian(swapped) {}
  FileBytes& put(uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) {
      bytes.push_back(static_cast<uint8_t>(value >> (8 * (big_endian ? size - 1 - i : i))));
    }
    return *this;
  }
  FileBytes& u16(uint64_t value) { return put(value, 2); }
  FileBytes& u32(uint64_t value) { return put(value, 4); }
  FileBytes& raw(const Bytes& more) {
    append(bytes, more);
    return *this;
  }
  bool big_endian;
  Bytes bytes;
};

FileBytes pcap(uint32_t magic = 0xa1b2c3d4, bool swapped = false, uint32_t network = 1) {
  FileBytes file(swapped);
  return file.u32(magic).u16(2).u16(4).u32(0).u32(0).u32(65535).u32(network);
}
FileBytes& record(FileBytes& file, uint32_t second, uint32_t fraction, const Bytes& frame) {
  return file.u32(second).u32(fraction).u32(frame.size()).u32(frame.size()).raw(frame);
}

FileBytes& block(FileBytes& file, uint32_t type, const Bytes& body) {
  const size_t padded = (body.size() + 3) / 4 * 4;
  file.u32(type).u32(12 + padded).raw(body).raw(Bytes(padded - body.size()));
  return file.u32(12 + padded);
}
FileBytes& section(FileBytes& file) {
  return block(file, 0x0a0d0d0a,
               FileBytes(file.big_endian).u32(0x1a2b3c4d).u16(1).u16(0).put(~0ull, 8).bytes);
}
FileBytes& interface(FileBytes& file, uint16_t link_type, const Bytes& options = {}) {
  return block(file, 1, FileBytes(file.big_endian).u16(link_type).u16(0).u32(0).raw(options).bytes);
}
FileBytes& packet(FileBytes& file, uint32_t number, uint64_t stamp, const Bytes& frame) {
  return block(file, 6,
               FileBytes(file.big_endian)
                   .u32(number)
                   .u32(stamp >> 32)
                   .u32(stamp & 0xffffffff)
                   .u32(frame.size())
                   .u32(frame.size())
                   .raw(frame)
                   .bytes);
}

Bytes numbered(uint8_t number, size_t size = 60) {
  Bytes bytes = frame(kEverybody, mac(1), 0x88b5, {number});
  bytes.resize(size);
  return bytes;
}

std::vector<CapturedFrame> parsed(const FileBytes& file) {
  auto result = parse_capture(file.bytes, "a.pcap");
  if (!result) FAIL(result.error().message);
  return *result;
}
std::string refusal(const Bytes& file) {
  const auto result = parse_capture(file, "a.pcap");
  return result ? std::string("accepted") : result.error().message;
}
bool says(const std::string& message, const std::string& part) {
  INFO(message);
  const bool found = message.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

struct TemporaryFile {
  explicit TemporaryFile(const std::string& name)
      : path("/tmp/ringside-test-" + std::to_string(getpid()) + "-" + name) {}
  ~TemporaryFile() { std::remove(path.c_str()); }
  Bytes bytes() const {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  }
  std::string path;
};

bool has_tshark() { return std::system("command -v tshark >/dev/null 2>&1") == 0; }
std::string tshark(const std::string& arguments) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("tshark " + arguments + " 2>/dev/null").c_str(), "r"),
                                             pclose);
  std::string text;
  for (int c = 0; pipe != nullptr && (c = std::fgetc(pipe.get())) != EOF;) text += static_cast<char>(c);
  return text;
}

}  // namespace

TEST_CASE("pcap in microseconds and nanoseconds, in both byte orders") {
  struct Kind {
    uint32_t magic;
    bool swapped;
    Tick unit;
  };
  for (const Kind& kind : {Kind{0xa1b2c3d4, false, microseconds(1)}, Kind{0xa1b2c3d4, true, microseconds(1)},
                           Kind{0xa1b23c4d, false, nanoseconds(1)}, Kind{0xa1b23c4d, true, nanoseconds(1)}}) {
    FileBytes file = pcap(kind.magic, kind.swapped);
    record(file, 1700000000, 999'999, numbered(1));
    record(file, 1700000002, 3, numbered(2, 1514));
    const auto frames = parsed(file);
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].at == Tick{});
    CHECK(frames[0].bytes == numbered(1));
    CHECK(frames[1].at == seconds(2) + kind.unit * 3 - kind.unit * 999'999);
    CHECK(frames[1].bytes == numbered(2, 1514));
  }
}

TEST_CASE(
    "frames are sorted by time, equal times stay in the order of the file, and a frame check sequence goes") {
  FileBytes file = pcap(0xa1b2c3d4, false, 1u << 26 | 2u << 28 | 1);
  Bytes with_fcs = numbered(3);
  append(with_fcs, {1, 2, 3, 4});
  record(file, 20, 0, with_fcs);
  with_fcs[14] = 1;
  record(file, 10, 0, with_fcs);
  with_fcs[14] = 2;
  record(file, 10, 0, with_fcs);
  const auto frames = parsed(file);
  REQUIRE(frames.size() == 3);
  for (uint8_t i = 0; i < 3; ++i) CHECK(frames[i].bytes == numbered(i + 1));
  CHECK(frames[2].at == seconds(10));
}

TEST_CASE(
    "pcapng: sections in both orders, resolutions by powers of ten and two, offsets, blocks that are "
    "skipped") {
  for (const bool swapped : {false, true}) {
    FileBytes file(swapped);
    section(file);
    const auto option = [&](uint16_t code, const Bytes& value) {
      FileBytes bytes(swapped);
      bytes.u16(code).u16(value.size()).raw(value).raw(Bytes((4 - value.size() % 4) % 4));
      return bytes.bytes;
    };
    Bytes nanoseconds_later = option(9, {9});
    append(nanoseconds_later, option(14, FileBytes(swapped).put(100, 8).bytes));
    append(nanoseconds_later, option(0, {}));
    interface(file, 1);                          // microseconds
    interface(file, 1, nanoseconds_later);       // and 100 s later
    interface(file, 1, option(9, {0x80 | 20}));  // 1/1048576 s
    interface(file, 105);                        // Wi-Fi, which nobody uses
    block(file, 4, Bytes(7));                    // names
    block(file, 0x0bad, Bytes(16));
    packet(file, 0, 5'000'000, numbered(1));
    packet(file, 1, 7, numbered(3));
    packet(file, 2, 6ull << 20 | 1u << 19, numbered(2, 61));  // 6.5 s
    section(file);
    interface(file, 1, option(9, {9}));  // its interface 0 is another one: nanoseconds
    packet(file, 0, 200'000'000'000, numbered(4));
    const auto frames = parsed(file);
    REQUIRE(frames.size() == 4);
    CHECK(frames[0].bytes == numbered(1));
    CHECK(frames[1].bytes == numbered(2, 61));
    CHECK(frames[1].at == milliseconds(1500));
    CHECK(frames[2].bytes == numbered(3));
    CHECK(frames[2].at == seconds(95) + nanoseconds(7));
    CHECK(frames[3].at == seconds(195));
  }
}

TEST_CASE("what is no capture is refused with what, where and what to do") {
  CHECK(says(refusal({}), "a.pcap: 0 bytes are no capture"));
  CHECK(says(refusal({0x1f, 0x8b, 8, 0, 0}), "neither pcap nor pcapng; save the capture"));
  CHECK(says(refusal(part(pcap().bytes, 0, 23)), "at byte 0: the file ends within a record"));
  CHECK(says(refusal(pcap(0xa1b2c3d4, false, 113).bytes), "at byte 20: frames of link type 113"));
  FileBytes other = pcap();
  other.bytes[4] = 7;
  CHECK(says(refusal(other.bytes), "pcap of version 7.4"));

  FileBytes file = pcap();
  record(file, 1, 1'000'000, numbered(1));
  CHECK(says(refusal(file.bytes), "at byte 28: frame 1 has 1000000 parts of a second that has 1000000"));
  file = pcap();
  record(file, 1, 0, numbered(1));
  CHECK(says(refusal(part(file.bytes, 0, file.bytes.size() - 1)), "at byte 24: the file ends within"));
  file.u32(1).u32(0).u32(60).u32(1514).raw(Bytes(60));
  CHECK(says(refusal(file.bytes), "at byte 100: frame 2 has 60 of its 1514 bytes; capture whole frames"));
  file = pcap();
  record(file, 1, 0, Bytes(13));
  CHECK(says(refusal(file.bytes), "frame 1 has 13 bytes, and Ethernet has 14 to 16384"));
  file = pcap();
  record(file, 1, 0, Bytes(16'385));
  CHECK(says(refusal(file.bytes), "frame 1 has 16385 bytes"));
  file = pcap();
  file.u32(1).u32(0).u32(0xffffffff).u32(0xffffffff);
  CHECK(says(refusal(file.bytes), "the file ends within a record"));
  file = pcap();
  record(file, 0, 0, numbered(1));
  record(file, 30'000'000, 0, numbered(2));  // 347 days
  CHECK(says(refusal(file.bytes), "a frame more than 213 days behind the first one"));
}

TEST_CASE("pcapng that contradicts itself is refused") {
  const auto sound = [] {
    FileBytes file;
    section(file);
    interface(file, 1);
    return file;
  };
  FileBytes file = sound();
  packet(file, 1, 0, numbered(1));
  CHECK(says(refusal(file.bytes), "at byte 48: a packet of interface 1, which is unknown"));
  file = FileBytes();
  section(file);
  interface(file, 147);
  packet(file, 0, 0, numbered(1));
  CHECK(says(refusal(file.bytes), "frames of link type 147"));
  file = sound();
  file.u32(6).u32(13).u32(0);
  CHECK(says(refusal(file.bytes), "a block of 13 bytes"));
  file = sound();
  file.u32(6).u32(0xfffffffc).u32(0);
  CHECK(says(refusal(file.bytes), "a block of 4294967292 bytes"));
  file = sound();
  packet(file, 0, 0, numbered(1));
  file.bytes.back() ^= 1;
  CHECK(says(refusal(file.bytes), "two lengths differ"));
  file = sound();
  block(file, 6, FileBytes().u32(0).u32(0).u32(0).u32(61).u32(61).raw(Bytes(60)).bytes);
  CHECK(says(refusal(file.bytes), "a packet that is longer than its block"));
  file = sound();
  block(file, 6, Bytes(16));
  CHECK(says(refusal(file.bytes), "too short"));
  file = sound();
  block(file, 3, FileBytes().u32(60).raw(Bytes(60)).bytes);
  CHECK(says(refusal(file.bytes), "convert it with `editcap"));
  file = FileBytes();
  section(file);
  interface(file, 1, {9, 0, 200, 0, 1, 2, 3, 4});
  CHECK(says(refusal(file.bytes), "an option that is longer than its block"));
  for (const uint8_t resolution : {19, 0x80 | 64, 0xff, 127}) {
    file = FileBytes();
    section(file);
    interface(file, 1, {9, 0, 1, 0, resolution, 0, 0, 0});
    CHECK(says(refusal(file.bytes), "the resolution"));
  }
  file = FileBytes();
  block(file, 0x0a0d0d0a, FileBytes().u32(0x1a2b3c4e).u16(1).u16(0).put(0, 8).bytes);
  CHECK(says(refusal(file.bytes), "byte-order magic"));
}

TEST_CASE("damaged captures, wherever the damage is, end in frames or an error") {
  FileBytes classic = pcap();
  for (uint8_t i = 0; i < 5; ++i) record(classic, i, i, numbered(i, 60 + i));
  FileBytes ng;
  section(ng);
  interface(ng, 1, {9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0});
  for (uint8_t i = 0; i < 5; ++i) packet(ng, 0, i * 1000u, numbered(i, 60 + i));
  Random random(7);
  unsigned refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes = random.one_in(2) ? classic.bytes : ng.bytes;
    for (uint64_t changes = random.below(4); changes > 0; --changes) {
      bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.one_in(3) ? 0xff : random.next());
    }
    if (random.one_in(3)) bytes.resize(random.below(bytes.size()));
    const auto result = parse_capture(bytes, "a.pcap");
    if (!result) {
      ++refused;
      continue;
    }
    for (size_t frame = 1; frame < result->size(); ++frame) {
      if ((*result)[frame].at < (*result)[frame - 1].at) FAIL("out of order");
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("a file that cannot be read says so") {
  const auto missing = read_capture("/nowhere/a.pcap");
  REQUIRE_FALSE(missing);
  CHECK(says(missing.error().message, "/nowhere/a.pcap: cannot be opened: No such file"));
  const auto folder = read_capture("/tmp");
  REQUIRE_FALSE(folder);
  CHECK(says(folder.error().message, "/tmp: cannot be read"));
}

TEST_CASE("the player sends at the frames' distances from its start, padded, and once") {
  Segment lan(microseconds(1));
  Station station(lan, "a");
  Bytes unpadded = numbered(2);
  unpadded.resize(42);
  PcapPlayer player({{Tick{}, numbered(1)}, {microseconds(7), unpadded}, {microseconds(7), numbered(3, 100)}},
                    milliseconds(2), lan.lan.attach("peer0"), lan.events);
  const uint64_t before = state_digest(player);
  lan.run_to(milliseconds(2));
  CHECK(station.heard.empty());
  CHECK(player.sent() == 1);
  CHECK(state_digest(player) != before);
  lan.run_for(seconds(1));
  REQUIRE(station.heard.size() == 3);
  CHECK(station.heard[0] == Heard{milliseconds(2) + microseconds(1), numbered(1)});
  CHECK(station.heard[1].at == milliseconds(2) + microseconds(8));
  CHECK(station.heard[1].frame.size() == 60);
  CHECK(station.heard[2] == Heard{milliseconds(2) + microseconds(8), numbered(3, 100)});
  CHECK(player.finished());
  CHECK(lan.events.empty());
}

TEST_CASE("the writer's file, byte for byte, and the same again") {
  const auto run = [](const std::string& path) {
    Segment lan(microseconds(1));
    Station a(lan, "a"), b(lan, "b");
    auto writer = PcapWriter::create(path, lan.lan.attach("capture"), lan.clock);
    REQUIRE(writer);
    a.port.transmit(frame(kEverybody, mac(1), 0x88b5, {1}));
    lan.run_to(seconds(3) + Tick{4'999});
    b.port.transmit(frame(mac(1), mac(2), 0x88b5, {2}));  // for a alone; the monitor hears it
    lan.run_for(seconds(1));
    CHECK((*writer)->frames() == 2);
    CHECK((*writer)->close());
  };
  TemporaryFile first("first.pcap"), second("second.pcap");
  run(first.path);
  run(second.path);
  FileBytes expected;
  expected.u32(0xa1b23c4d).u16(2).u16(4).u32(0).u32(0).u32(262144).u32(1);
  record(expected, 0, 1'000, frame(kEverybody, mac(1), 0x88b5, {1}));
  record(expected, 3, 1'004, frame(mac(1), mac(2), 0x88b5, {2}));
  CHECK(first.bytes() == expected.bytes);
  CHECK(second.bytes() == expected.bytes);
  // And our reader takes it.
  const auto frames = read_capture(first.path);
  REQUIRE(frames);
  CHECK(frames->size() == 2);
  CHECK((*frames)[1].at == seconds(3) + nanoseconds(4));
}

TEST_CASE("the file grows while the machine runs, and a failure is told once, at the end") {
  TemporaryFile file("grows.pcap");
  Segment lan(nanoseconds(1));
  Station a(lan, "a");
  auto writer = PcapWriter::create(file.path, lan.lan.attach("capture"), lan.clock);
  REQUIRE(writer);
  for (int i = 0; i < 200; ++i) {
    a.port.transmit(numbered(1, 1514));
    lan.run_for(microseconds(1));
  }
  CHECK(file.bytes().size() > 200'000);
  writer->reset();
  CHECK(file.bytes().size() == 24 + 200 * (16 + 1514));

  if (access("/dev/full", W_OK) != 0) return;
  auto full = PcapWriter::create("/dev/full", lan.lan.attach("full"), lan.clock);
  REQUIRE(full);
  for (int i = 0; i < 200; ++i) {
    a.port.transmit(numbered(1, 1514));
    lan.run_for(microseconds(1));
  }
  const auto closed = (*full)->close();
  REQUIRE_FALSE(closed);
  CHECK(says(closed.error().message, "cannot write the capture '/dev/full' at byte 0: No space left"));
  const auto nowhere = PcapWriter::create("/nowhere/a.pcap", lan.lan.attach("none"), lan.clock);
  REQUIRE_FALSE(nowhere);
  CHECK(says(nowhere.error().message, "cannot create the capture '/nowhere/a.pcap'"));
}

TEST_CASE("a forked child writes nothing into its parent's capture") {
  TemporaryFile file("fork.pcap");
  Segment lan(nanoseconds(1));
  Station a(lan, "a");
  auto writer = PcapWriter::create(file.path, lan.lan.attach("capture"), lan.clock);
  REQUIRE(writer);
  a.port.transmit(numbered(1));
  lan.run_for(microseconds(1));
  const pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 200; ++i) {
      a.port.transmit(numbered(2, 1514));
      lan.run_for(microseconds(1));
    }
    writer->reset();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  a.port.transmit(numbered(3));
  lan.run_for(microseconds(1));
  CHECK((*writer)->close());
  const auto frames = read_capture(file.path);
  REQUIRE(frames);
  REQUIRE(frames->size() == 2);
  CHECK((*frames)[1].bytes == numbered(3));
}

TEST_CASE("tshark reads the writer's file, and frames in a session, by itself") {
  if (!has_tshark()) {
    WARN("tshark is not installed: not checked");
    return;
  }
  const Bytes request =
      frame(kEverybody, mac(15), 0x0806,
            {0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0, 0, 15, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 1});
  const Bytes echo = frame(mac(1), mac(15), 0x0800, ipv4(1, ping(0x77, 5, Bytes(56))));
  TemporaryFile capture("tshark.pcap"), session("tshark.pcapng");
  {
    Segment lan(nanoseconds(250));
    Station a(lan, "a");
    auto writer = PcapWriter::create(capture.path, lan.lan.attach("capture"), lan.clock);
    REQUIRE(writer);
    a.port.transmit(request);
    a.port.transmit(echo);
    lan.run_for(microseconds(1));
  }
  CHECK(tshark("-r " + capture.path + " -T fields -e frame.time_epoch -e frame.protocols") ==
        "0.000000250\teth:ethertype:arp\n0.000000250\teth:ethertype:ip:icmp:data\n");
  CHECK(tshark("-r " + capture.path + " -o ip.check_checksum:TRUE -Y _ws.malformed").empty());

  register_network_payload_types();
  auto written = SessionWriter::create(session.path, {});
  REQUIRE(written);
  SessionWriter& writer = **written;
  writer.add_wire({"dom1/eth/nic0/tx", WireKind::message, 220, {}});
  writer.add_wire({"dom1/eth/nic0/rx", WireKind::message, 220, {}});
  writer.write(SessionCrossing{microseconds(1), 1, 0, Direction::out, 1,
                               static_cast<uint32_t>(request.size()), request});
  writer.write(
      SessionCrossing{microseconds(2), 2, 1, Direction::in, 1, static_cast<uint32_t>(echo.size()), echo});
  writer.write(RunOutcome{0, "poweroff", microseconds(3), 1});
  REQUIRE(writer.close());
  CHECK(tshark("-r " + session.path +
               " -Y eth -T fields -e frame.interface_name -e frame.protocols -e icmp.seq") ==
        "dom1/eth/nic0/tx\teth:ethertype:arp\t\ndom1/eth/nic0/rx\teth:ethertype:ip:icmp:data\t5\n");
}
