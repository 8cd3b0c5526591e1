// Wires with an injector in front and somebody who listens behind, for the tests of sim/fault/.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/fault/fault_actions.h"
#include "sim/fault/fault_injector.h"
#include "sim/fault/fault_spec.h"
#include "sim/wire.h"

namespace ringside::fault_bench {

using Bytes = std::vector<uint8_t>;

inline constexpr FieldName kOperations[] = {{0, "read"}, {1, "write"}, {3, "flush"}};
inline constexpr FieldName kFlags[] = {{1, "parity"}, {2, "framing"}, {4, "overrun"}};
inline constexpr Field kFields[] = {
    {"operation", 0, 1, FieldFormat::enumeration, kOperations},
    {"flags", 1, 1, FieldFormat::flags, kFlags},
    {"status", 2, 2, FieldFormat::signed_decimal},
    {"sector", 4, 4, FieldFormat::hex},
    {"label", 8, 4, FieldFormat::text},
    {"latency", 12, 8, FieldFormat::duration},
};
inline constexpr Field kSegmentFields[] = {{"gref", 0, 4}, {"last", 4, 1}};
inline constexpr NamedFault kNamedFaults[] = {{"parity", "a parity error", "corrupt(flags, parity)"},
                                              {"lost", "it is lost", "drop"}};
inline constexpr PayloadType kAnswer{.id = 65011,
                                     .name = "bench_answer",
                                     .title = "An answer of the tests",
                                     .size = 20,
                                     .fields = kFields,
                                     .tail = TailKind::records,
                                     .tail_name = "segments",
                                     .tail_record_size = 5,
                                     .tail_fields = kSegmentFields,
                                     .faults = kNamedFaults};
inline constexpr PayloadType kText{.id = 65012,
                                   .name = "bench_text",
                                   .title = "A text of the tests",
                                   .size = 0,
                                   .fields = {},
                                   .tail = TailKind::text,
                                   .tail_name = "text"};

// What passed, and what became of it.
struct Seen {
  std::string wire;
  uint64_t sequence;
  Tick at;
  uint8_t flags;
  Verdict verdict;
  Bytes payload;
};

class Listener : public Tap {
 public:
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override {
    seen.push_back({wire.name(), crossing.sequence, crossing.at, crossing.flags, verdict, *crossing.payload});
  }
  std::vector<Seen> seen;
};

class Bench {
 public:
  explicit Bench(uint64_t seed = 1) : injector(wiring, events, seed) {
    wiring.add_tap(listener);
    answers = &wiring.add("dom1/ring/xvda/response", WireKind::message, kAnswer);
    texts = &wiring.add("dom1/console/out", WireKind::message, kText);
    calls = &wiring.add("dom1/hypercall", WireKind::call, kAnswer);
    events_wire = &wiring.add("dom1/evtchn", WireKind::signal, kAnswer);
    indices = &wiring.add("dom1/ring/xvda/indices", WireKind::sampled, kAnswer);
  }

  Result<> add(std::string_view text) {
    auto fault = parse_fault(text);
    if (!fault) return tl::unexpected(fault.error());
    return injector.add(std::move(*fault));
  }
  // The error's message; empty: there was none.
  std::string objection(std::string_view text) {
    const auto added = add(text);
    return added ? "" : added.error().message;
  }

  static Bytes answer(uint8_t operation = 0, uint32_t sector = 0, int16_t status = 0) {
    Bytes bytes(20);
    bytes[0] = operation;
    std::memcpy(&bytes[2], &status, 2);
    std::memcpy(&bytes[4], &sector, 4);
    return bytes;
  }
  Verdict pass(Wire& wire, Bytes payload = answer(), Direction direction = Direction::in) {
    last = std::move(payload);
    return wire.pass(direction, last);
  }
  // As send() of a model: what arrives, with its time.
  void send(Wire& wire, Bytes payload) {
    wire.send(Direction::out, std::move(payload), [this](std::span<const uint8_t> bytes) {
      arrived.emplace_back(clock.now, std::string(bytes.begin(), bytes.end()));
    });
  }
  void send(const std::string& text) { send(*texts, Bytes(text.begin(), text.end())); }
  void run_to(Tick time) {
    while (events.next_tick() <= time) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = time;
  }
  // Which of the first n crossings of the wire are dropped: "0010".
  std::string drops(Wire& wire, int n) {
    std::string pattern;
    for (int i = 0; i < n; ++i) pattern += pass(wire).copies == 0 ? '1' : '0';
    return pattern;
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  FaultInjector injector;
  Listener listener;
  Wire *answers, *texts, *calls, *events_wire, *indices;
  Bytes last;
  std::vector<std::pair<Tick, std::string>> arrived;
};

}  // namespace ringside::fault_bench
