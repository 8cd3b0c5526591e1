// Keeps what crosses the wires of a machine or a bench, for tests that look at it later
// (ringside/crossing.h). A ring: of more than a million crossings, or of payloads that are larger than its
// memory, the oldest go. Handles (Crossing, Crossings) share the store, so that they may outlive the machine.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ringside/crossing.h"
#include "sim/message_renderer.h"
#include "sim/wire.h"

namespace ringside::test {

struct CrossingStoreLimits {
  size_t crossings_max = 1'000'000;
  size_t payload_bytes_max = 256u << 20;
};

class CrossingStore : public std::enable_shared_from_this<CrossingStore> {
 public:
  struct Record {
    Tick at;
    uint64_t sequence;
    uint32_t wire;
    uint32_t size;
    const uint8_t* payload;  // in a block
    ringside::Direction direction;
    uint8_t flags;
    Verdict verdict;
  };
  struct WireName {
    std::string name;
    const PayloadType* type = nullptr;
  };

  explicit CrossingStore(const CrossingStoreLimits& limits = {}) : limits_(limits) {}

  void add_wire(const Wire& wire);
  void add(const Wire& wire, const ringside::Crossing& crossing, const Verdict& verdict);

  // The number of the next crossing; those from first() on are there.
  uint64_t next() const { return first_ + records_.size(); }
  uint64_t first() const { return first_; }
  // Error: it is gone.
  const Record& at(uint64_t number) const;
  const std::string& wire_of(uint64_t number) const { return wires_[at(number).wire].name; }
  const std::vector<DecodedField>& fields_of(uint64_t number);
  std::string line_of(uint64_t number);

  // Those of the wires that match, from a number on. Error, with near names, when no wire does.
  Crossings select(std::string_view glob, uint64_t from = 0);
  bool knows(std::string_view glob) const;
  std::string no_such_wire(std::string_view glob) const;
  std::vector<std::string> wire_names() const;
  Crossing handle(uint64_t number) { return {shared_from_this(), number}; }

 private:
  // Payloads lie in blocks, one behind the other; a block goes with the last crossing that has bytes in it.
  struct Block {
    std::unique_ptr<uint8_t[]> bytes;
    size_t size = 0, used = 0;
    uint64_t last = 0;  // the number of the last crossing in it
  };
  const uint8_t* keep(std::span<const uint8_t> payload);
  void forget_oldest();

  const CrossingStoreLimits limits_;
  std::vector<WireName> wires_;  // by Wire::index()
  std::deque<Record> records_;
  uint64_t first_ = 0;
  std::deque<Block> blocks_;
  size_t block_bytes_ = 0;
  // Of payloads that are decoded in their order: what has been decoded so far.
  SessionDecoder decoder_;
  std::map<uint64_t, std::vector<DecodedField>> rendered_;
  uint64_t rendered_to_ = 0;
  // Of all others: the last one that somebody asked for.
  uint64_t cached_ = UINT64_MAX;
  std::vector<DecodedField> cached_fields_;
};

// The tap that fills a store. It stands behind the checkers, so that it sees what is left of a crossing.
class CrossingLog final : public Tap {
 public:
  CrossingLog() : store_(std::make_shared<CrossingStore>()) {}
  void on_wire_added(const Wire& wire) override { store_->add_wire(wire); }
  void on_crossing(const Wire& wire, ringside::Crossing& crossing, Verdict& verdict) override {
    store_->add(wire, crossing, verdict);
  }
  CrossingStore& store() { return *store_; }
  const CrossingStore& store() const { return *store_; }

 private:
  std::shared_ptr<CrossingStore> store_;
};

// A line of at most so many columns; what is cut off is "...".
std::string cut_line(std::string line, size_t columns);

inline Time to_time(Tick tick) {
  return tick.ps > static_cast<uint64_t>(INT64_MAX) ? kNever : Time{static_cast<int64_t>(tick.ps)};
}
inline Tick to_tick(Time time) {
  if (time == kNever) return Tick::never();
  return Tick{time.count() < 0 ? 0 : static_cast<uint64_t>(time.count())};
}

}  // namespace ringside::test
