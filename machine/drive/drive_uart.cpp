// Drives a UART with the register accesses of a recorded driver and the characters of its peer. Compared are
// the value of each read, the characters that leave, and the changes of the interrupt line, unless other
// devices have a part in that. What a UART says depends on time, so each access happens at its recorded tick.
// In a machine an event is served at the end of the guest's block in which it is due, here at once: a status
// bit may have changed a little sooner, and is right when a recorded read nearby has it so.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "devices/uart/uart.h"
#include "machine/drive/drive.h"
#include "machine/drive/stage.h"

namespace ringside {

namespace {

constexpr Tick kNearby = microseconds(20);

// What leaves a UART of one kind, in its order: recorded and found.
struct Leaving {
  struct Value {
    Tick at;
    uint8_t value = 0;
  };
  const char* what;  // "character", "interrupt line"
  std::vector<Value> recorded, found;
};

std::string shown(const std::vector<Leaving::Value>& values, size_t i) {
  return i < values.size() ? fmt::format("0x{:02x} at {}", values[i].value, to_string(values[i].at)) : "none";
}

void compare(const Leaving& leaving, DriveReport& report) {
  const size_t count = std::max(leaving.recorded.size(), leaving.found.size());
  report.compared += count;
  for (size_t i = 0; i < count; ++i) {
    const bool both = i < leaving.recorded.size() && i < leaving.found.size();
    if (both && leaving.recorded[i].value == leaving.found[i].value) continue;
    report.differ({i < leaving.recorded.size() ? leaving.recorded[i].at : leaving.found[i].at,
                   fmt::format("{} {}", leaving.what, i + 1), shown(leaving.recorded, i),
                   shown(leaving.found, i)});
    if (!both) break;  // one line says where it ends
  }
}

// The peer's characters come as inputs, on the UART's own wire or, of the first, on the console's.
bool is_for(const InputRecord& input, const UartScenario& uart, bool is_console) {
  return input.wire == fmt::format("{}/{}/in", uart.domain, uart.name) ||
         (is_console && input.wire == uart.domain + "/console/in");
}

struct UartDrive {
  const SessionSide& side;
  const UartScenario& scenario;
  bool is_console = false;
  bool owns_line = false;  // nobody else is on it
  DriveStage stage;
  DriveReport report;
  Leaving characters{"character", {}, {}};
  Leaving line{"change of the interrupt line", {}, {}};
  uint64_t by_fault = 0;
  std::vector<std::pair<Tick, BusAccessRecord>> reads;  // recorded ones of status registers

  bool on_registers(const SessionCrossing& crossing) const {
    return side.wires[crossing.wire].name.find("/pio/") != std::string::npos;
  }
  static bool is_status(uint64_t offset) {
    return offset == 2 || offset == 5 || offset == 6;
  }  // IIR, LSR, MSR

  void list_status_reads() {
    for (const SessionCrossing& crossing : side.crossings) {
      BusAccessRecord record;
      if (crossing.payload.size() < sizeof record || !on_registers(crossing)) continue;
      std::memcpy(&record, crossing.payload.data(), sizeof record);
      if (record.write == 0 && is_status(record.address - scenario.port))
        reads.emplace_back(crossing.at, record);
    }
  }

  // Each bit is as a recorded read nearby has it.
  bool nearly_as_recorded(Tick at, const BusAccessRecord& record, uint64_t found) const {
    if (!is_status(record.address - scenario.port)) return false;
    const Tick first = at > kNearby ? at - kNearby : Tick{};
    uint64_t ones = 0, zeros = 0;
    auto read = std::lower_bound(reads.begin(), reads.end(), first,
                                 [](const auto& one, Tick tick) { return one.first < tick; });
    for (; read != reads.end() && read->first <= saturating_add(at, kNearby); ++read) {
      if (read->second.address != record.address) continue;
      ones |= read->second.value;
      zeros |= ~read->second.value;
    }
    return (found & ~ones) == 0 && (~found & ~zeros) == 0;
  }

  void access(Uart& uart, const SessionCrossing& crossing) {
    BusAccessRecord record;
    if (crossing.payload.size() < sizeof record) return;
    std::memcpy(&record, crossing.payload.data(), sizeof record);
    const uint64_t offset = record.address - scenario.port;
    if (record.address < scenario.port || record.size == 0 || record.size > 8 ||
        offset + record.size > Uart::kBusLength)
      return;
    const bool lost = (crossing.flags & (Crossing::kDropped | Crossing::kFailed)) != 0;
    if (lost) {
      ++by_fault;
      return;
    }
    ++report.requests;
    if (record.write != 0) return uart.write(offset, record.size, record.value);
    const uint64_t found = uart.read(offset, record.size);
    if ((crossing.flags & Crossing::kInjected) != 0) {
      ++by_fault;
      return;
    }
    ++report.compared;
    if (found == record.value || nearly_as_recorded(crossing.at, record, found)) return;
    report.differ({crossing.at, fmt::format("read of port 0x{:x}", record.address),
                   fmt::format("0x{:02x}", record.value), fmt::format("0x{:02x}", found)});
  }

  void record(const SessionCrossing& crossing, const std::string& wire) {
    if (crossing.payload.empty() || (crossing.flags & Crossing::kInjected) != 0) {
      by_fault += (crossing.flags & Crossing::kInjected) != 0;
      return;
    }
    Leaving& leaving = wire.ends_with("/tx") ? characters : line;
    leaving.recorded.push_back({crossing.at, crossing.payload[0]});
  }

  void run(Uart& uart) {
    list_status_reads();
    size_t next_input = 0;
    const auto type_until = [&](Tick at) {
      for (; next_input < side.inputs.size() && side.inputs[next_input].at <= at; ++next_input) {
        const InputRecord& input = side.inputs[next_input];
        if (!is_for(input, scenario, is_console)) continue;
        stage.run_until(input.at);
        uart.receive(input.bytes);
      }
    };
    for (const SessionCrossing& crossing : side.crossings) {
      const std::string& wire = side.wires[crossing.wire].name;
      type_until(crossing.at);
      stage.run_until(crossing.at);
      if (on_registers(crossing)) {
        access(uart, crossing);
      } else {
        record(crossing, wire);
      }
      report.recorded_end = crossing.at;
    }
    type_until(side.end);
    // What the recording saw to its end, and not what would have come behind it.
    stage.run_until(side.end);
    report.end = stage.clock.now;
  }
};

}  // namespace

Result<DriveReport> drive_uart(const DriveInput& input) {
  const std::string name = input.base.substr(input.base.rfind('/') + 1);
  const std::string domain = input.base.substr(0, input.base.find('/'));
  const UartScenario* scenario = nullptr;
  bool is_console = true;
  unsigned on_line = 0;
  for (const UartScenario& uart : input.scenario.uarts) {
    if (uart.domain != domain) continue;
    if (uart.name == name) scenario = &uart;
    is_console = is_console && (scenario != nullptr || uart.name == name);
  }
  if (scenario == nullptr) {
    return fail(
        fmt::format("of the devices with registers a UART can be driven, and '{}' of {} is none: the others "
                    "move data by DMA, whose bytes a session does not hold",
                    name, input.scenario.name));
  }
  for (const UartScenario& uart : input.scenario.uarts) {
    on_line += uart.domain == domain && uart.irq == scenario->irq;
  }
  const std::string line = fmt::format("{}/irq/{}", domain, scenario->irq);
  auto side = read_session_side(input.options.session, input.options.session,
                                {input.base, fmt::format("{}/{}/tx", domain, name), line});
  if (!side) return tl::unexpected(side.error());

  UartDrive drive{.side = *side, .scenario = *scenario, .is_console = is_console, .owns_line = on_line == 1};
  drive.report.what = fmt::format("{} with UART '{}' of {}", input.base, name, input.scenario.name);
  Notices notices(drive.stage.wiring, domain);
  const DeviceSite site{domain, name, drive.stage.clock, drive.stage.events, drive.stage.wiring, notices};
  Uart uart(site, {.clock_hz = scenario->clock_hz, .peer_waits_for_room = scenario->wait_for_room});
  const Clock& clock = drive.stage.clock;
  uart.set_output([&](uint8_t byte) { drive.characters.found.push_back({clock.now, byte}); });
  uart.interrupt.connect([&](bool level) { drive.line.found.push_back({clock.now, level}); });
  drive.run(uart);
  compare(drive.characters, drive.report);
  if (drive.owns_line) {
    compare(drive.line, drive.report);
  } else {
    drive.report.remark(drive.line.found.size(),
                        "changes of an interrupt line that others share are not compared");
  }
  drive.report.remark(drive.by_fault, "crossings were changed by faults, and are not compared");
  return std::move(drive.report);
}

}  // namespace ringside
