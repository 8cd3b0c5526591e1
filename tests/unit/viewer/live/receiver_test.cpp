// What a feed says becomes rows; said again it changes nothing, said otherwise it begins another history.
// Packets may hold anything.
#include <catch2/catch.hpp>

#include <cstring>
#include <random>

#include "viewer/live/crossing_receiver.h"

using namespace ringside;
using namespace ringside::viewer;

namespace {

using Bytes = std::vector<uint8_t>;

template <class Record>
Bytes record(Record made, FeedKind kind, const Bytes& tail = {}) {
  auto& head = reinterpret_cast<FeedHead&>(made);
  head.kind = kind;
  head.size = static_cast<uint32_t>(sizeof made + tail.size());
  Bytes bytes(head.size);
  std::memcpy(bytes.data(), &made, sizeof made);
  std::copy(tail.begin(), tail.end(), bytes.begin() + sizeof made);
  return bytes;
}

Bytes wire(uint32_t index, const std::string& name) {
  FeedWire made;
  made.index = index;
  return record(made, FeedKind::wire, Bytes(name.begin(), name.end()));
}

Bytes crossing(uint64_t sequence, const Bytes& payload, uint32_t wire = 0, bool goes_on = false) {
  FeedCrossing made;
  made.head.goes_on = goes_on;
  made.at_ps = sequence * 10;
  made.sequence = sequence;
  made.wire = wire;
  made.full_size = static_cast<uint32_t>(payload.size());
  return record(made, FeedKind::crossing, payload);
}

struct Received {
  CrossingTable table;
  CrossingReceiver receiver{OwnedDescriptor(), table};
  Received() { receiver.take(wire(0, "a")); }
  void crossings(uint64_t from, uint64_t to, uint8_t byte) {
    for (uint64_t sequence = from; sequence <= to; ++sequence) receiver.take(crossing(sequence, {byte}));
  }
};

}  // namespace

TEST_CASE("rows that come again are known, and one that differs ends the history there") {
  Received received;
  received.crossings(1, 10, 7);
  const uint64_t history = received.table.history();
  received.crossings(4, 12, 7);
  CHECK(received.table.size() == 12);
  CHECK(received.table.history() == history);
  received.crossings(6, 6, 8);
  CHECK(received.table.size() == 6);
  CHECK(received.table.payload(5)[0] == 8);
  CHECK(received.table.history() > history);
}

TEST_CASE("a history that begins takes all behind its place away, once") {
  Received received;
  received.crossings(1, 10, 7);
  FeedHistory begins;
  begins.sequence = 4;
  received.receiver.take(record(begins, FeedKind::history));
  CHECK(received.table.size() == 4);
  const uint64_t history = received.table.history();
  received.receiver.take(record(begins, FeedKind::history));
  CHECK(received.table.history() == history);
  received.crossings(5, 6, 9);
  CHECK(received.table.size() == 6);
}

TEST_CASE("a payload may come in parts, and one that a machine's end cut is no row") {
  Received received;
  received.receiver.take(crossing(1, {1, 2}, 0, true));
  FeedHead last;
  received.receiver.take(record(last, FeedKind::more, {3}));
  REQUIRE(received.table.size() == 1);
  CHECK(received.table.payload(0).size() == 3);
  received.receiver.take(crossing(2, {1}, 0, true));
  received.receiver.take(crossing(3, {9}));
  received.receiver.take(record(last, FeedKind::more, {3}));
  REQUIRE(received.table.size() == 2);
  CHECK(received.table.sequence(1) == 3);
}

TEST_CASE("an index means the wire that was declared for it last") {
  Received received;
  received.receiver.take(crossing(1, {1}));
  received.receiver.take(wire(0, "b"));
  received.receiver.take(crossing(2, {1}));
  CHECK(received.table.wire_of(0).name == "a");
  CHECK(received.table.wire_of(1).name == "b");
}

TEST_CASE("packets of any bytes do no harm") {
  Received received;
  received.receiver.take(crossing(1, {1}, 77));
  CHECK(received.table.empty());
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    Bytes packet =
        round % 2 == 0 ? crossing(random() % 50, Bytes(random() % 20)) : wire(random() % 5, "name");
    const Bytes more = crossing(random() % 50, Bytes(random() % 20), random() % 3, random() % 2 != 0);
    for (const uint8_t byte : more) packet.push_back(byte);
    for (int change = 0; change < 3; ++change)
      packet[random() % packet.size()] = static_cast<uint8_t>(random());
    packet.resize(random() % (packet.size() + 1));
    received.receiver.take(packet);
  }
  for (Row row = 1; row < received.table.size(); ++row)
    REQUIRE(received.table.sequence(row) > received.table.sequence(row - 1));
}
