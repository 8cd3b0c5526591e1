// Texts of faults, and what they do to payloads of any length. An input is lines of faults, then a zero byte
// and bytes that pass all wires in pieces. Whatever the text, an error or a fault whose own text is that
// fault again; whatever the payload, no byte beyond it is touched, and all that was held is released.
#include "sim/fault/fault_spec.h"

#include <algorithm>
#include <string_view>

#include "fuzz/driver.h"
#include "sim/assert.h"
#include "sim/fault/fault_injector.h"

namespace ringside {

namespace {

constexpr FieldName kNames[] = {{0, "read"}, {1, "write"}};
constexpr Field kFields[] = {{"operation", 0, 1, FieldFormat::enumeration, kNames},
                             {"flags", 1, 1, FieldFormat::flags, kNames},
                             {"status", 2, 2, FieldFormat::signed_decimal},
                             {"sector", 4, 8, FieldFormat::hex},
                             {"label", 12, 5, FieldFormat::text},
                             {"latency", 17, 8, FieldFormat::duration}};
constexpr Field kTailFields[] = {{"gref", 0, 4}, {"last", 4, 1}};
constexpr NamedFault kNamed[] = {{"torn", "torn", "corrupt(status,flip)"}};
constexpr PayloadType kRecords{.id = 65021,
                               .name = "fuzz_records",
                               .title = "A record with a tail of records",
                               .size = 25,
                               .fields = kFields,
                               .tail = TailKind::records,
                               .tail_name = "segments",
                               .tail_record_size = 5,
                               .tail_fields = kTailFields,
                               .faults = kNamed};
constexpr PayloadType kText{.id = 65022,
                            .name = "fuzz_text",
                            .title = "A text",
                            .size = 0,
                            .fields = {},
                            .tail = TailKind::text,
                            .tail_name = "text"};

class AnyTarget final : public FaultTargets {
 public:
  bool crash(const Wire&, Tick) override { return true; }
  bool can_crash(const Wire&) const override { return true; }
};

class Bench {
 public:
  Bench() {
    injector.set_targets(&targets);
    constexpr WireKind kKinds[] = {WireKind::message, WireKind::call, WireKind::signal, WireKind::sampled};
    for (const WireKind kind : kKinds) {
      for (const PayloadType* type : {&kRecords, &kText}) {
        Wire& wire =
            wiring.add("dom1/" + std::string(to_string(kind)) + "/" + std::string(type->name), kind, *type);
        wire.set_stimulus([this](std::span<const uint8_t> payload) { made += payload.size(); });
        wire.set_rewriter([this](std::span<const uint8_t> payload) { made += payload.size(); });
        wires.push_back(&wire);
      }
    }
  }

  void add(std::string_view line) {
    auto fault = parse_fault(line);
    if (!fault) {
      SIM_ASSERT(fault.error().message.size() < 2000);
      return;
    }
    const auto again = parse_fault(fault->text);
    SIM_ASSERT(again && again->text == fault->text && again->action.text == fault->action.text);
    (void)injector.add(std::move(*fault));
  }

  void pass(std::span<const uint8_t> bytes) {
    for (Wire* wire : wires) {
      wire->send(Direction::in, {bytes.begin(), bytes.end()},
                 [this](std::span<const uint8_t> payload) { made += payload.empty() ? 0 : payload.back(); });
    }
    clock.now += microseconds(1);
    events.run_due(clock.now);
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  FaultInjector injector{wiring, events, 1};
  AnyTarget targets;
  std::vector<Wire*> wires;
  size_t made = 0;
};

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  for (const std::string_view text :
       {"message/*@2 drop\nsignal/*@every(2) duplicate\n*@3 delay(1us)\n",
        "n: message/fuzz_records[operation=write,sector>=0x10]@2..5@chance(0.5) corrupt(segments[1].gref, "
        "flip)\n"
        "*@after(n) truncate(3)\n",
        "message/fuzz_text[text~\"a,]\"]@in corrupt(text+2, 0xff)\n*/fuzz_text corrupt(text,abc)\n",
        "message/*@from(1us)@until(9us) stall(2us)\nsignal/*@2 stall\n*@at(3us) spurious(status=-1, "
        "label=\"ab\")\n",
        "*@1 rewrite(sector, 7, 1us)\n*@2 crash(1ms)\n*@1 reorder(2)\n*@1.. torn\ncall/* fail(EIO)\n"}) {
    seeds.emplace_back(text.begin(), text.end());
    seeds.back().push_back(0);
    for (int i = 0; i < 120; ++i) seeds.back().push_back(static_cast<uint8_t>(i));
  }
  return seeds;
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  const std::span<const uint8_t> input(data, size);
  const size_t zero = static_cast<size_t>(std::find(input.begin(), input.end(), uint8_t{0}) - input.begin());
  std::string_view text(reinterpret_cast<const char*>(data), zero);
  Bench bench;
  (void)parse_fault(text);
  (void)parse_fault_action(text);
  for (int lines = 0; !text.empty() && lines < 16; ++lines) {
    const size_t end = std::min(text.find('\n'), text.size());
    bench.add(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  (void)bench.injector.check();
  auto bytes = input.subspan(std::min(zero + 1, size));
  for (int passed = 0; !bytes.empty() && passed < 64; ++passed) {
    const size_t length = std::min<size_t>(bytes[0] % 40, bytes.size());
    bench.pass(bytes.first(length));
    bytes = bytes.subspan(std::max<size_t>(length, 1));
  }
  for (int i = 0; i < 1000 && bench.events.next_tick() < seconds(1); ++i) {
    bench.clock.now = std::max(bench.clock.now, bench.events.next_tick());
    bench.events.run_due(bench.clock.now);
  }
  (void)state_digest(bench.injector);
  (void)bench.injector.unmatched();
  return 0;
}
