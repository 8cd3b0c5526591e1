// The checker `driver`: what a driver does to its own operating system. Hosted, the runtime below the driver
// (guest/driver.c, which stands for the operating system) sees it and reports it with the file and line of
// the driver's call; on the emulated core the same runtime prints it, and ends the program as crashed.
//
// And what the driver lets a device do: of a hosted PC it is known which pages the driver has, so that any
// other transfer goes astray.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "checkers/device_checkers.h"
#include "checkers/driver/driver_report.h"
#include "sim/dma.h"
#include "sim/payloads.h"

namespace ringside {

namespace {

constexpr std::string_view kName = "driver";
constexpr std::string_view kOutside = "dma_outside_pages";

const std::vector<CheckerRule> kRules{
    {"sleep_in_handler", "a function that sleeps was called in a handler"},
    {"sleep_interrupts_off", "a function that sleeps was called with interrupts off"},
    {"interrupts_off", "a handler or the program returned with interrupts off"},
    {"restore_without_save", "rs_irq_restore() without rs_irq_save()"},
    {"pages_leaked", "pages were not freed when the program returned"},
    {"grant_leaked", "a grant was not ended when the program returned"},
    {"port_leaked", "an event channel was not closed when the program returned"},
    {"line_leaked", "an interrupt line was not freed when the program returned"},
    {"freed_twice", "pages were freed twice"},
    {"freed_not_given", "pages were freed that the driver was not given so"},
    {"freed_while_granted", "pages were freed that another domain may still use"},
    {"freed_not_requested", "a line was freed that the driver had not requested"},
    {"granted_not_given", "memory was granted that is no page of the driver's"},
    {"ended_not_granted", "a grant was ended that there was not"},
    {"registers_outside", "a register outside of its mapping was accessed"},
    {"not_here", "a function that the domain has not: ports under Xen, grants on a PC"},
    {kOutside, "a device's transfer touched memory that is no page of the driver's"},
};

class DriverChecker final : public Checker {
 public:
  explicit DriverChecker(Checkers& checkers) : Checker(checkers, kName) {}
  std::vector<std::string> wires() const override { return {"driver", "dma/*"}; }
  bool wants(const Wire& wire) const override {
    return wire.payload_type().id == kDriverReportPayload.id || machine().outside_pages != nullptr;
  }
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;

 private:
  void report(const Wire& wire, const Crossing& crossing);
  void judge_transfer(const Wire& wire, const Crossing& crossing);
};

void DriverChecker::on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) {
  (void)verdict;
  if (wire.payload_type().id == kDriverReportPayload.id) {
    report(wire, crossing);
  } else if (wire.payload_type().id == kDmaPayload.id) {
    judge_transfer(wire, crossing);
  }
}

void DriverChecker::report(const Wire& wire, const Crossing& crossing) {
  const std::span<const uint8_t> bytes = crossing.bytes();
  if (bytes.size() < sizeof(DriverReport)) return;
  const auto* characters = reinterpret_cast<const char*>(bytes.data());
  const std::string_view named(characters, strnlen(characters, sizeof(DriverReport)));
  const std::string text(characters + sizeof(DriverReport), bytes.size() - sizeof(DriverReport));
  violate(named, wire, &crossing, text);
}

void DriverChecker::judge_transfer(const Wire& wire, const Crossing& crossing) {
  DmaRecord record;
  if (crossing.bytes().size() < sizeof record) return;
  std::memcpy(&record, crossing.bytes().data(), sizeof record);
  if (record.done == 0) return;  // the checker `dma` says so
  const std::string_view domain = std::string_view(wire.name()).substr(0, wire.name().find('/'));
  const std::optional<std::string> place = machine().outside_pages(domain, record.address, record.length);
  if (!place) return;
  violate(kOutside, wire, &crossing,
          fmt::format(
              "{}: the device {} {} bytes at {:#x}, which is in no page of rs_alloc_pages(); this was the "
              "driver's last call",
              *place, record.write != 0 ? "stores" : "reads", record.length, record.address));
}

constexpr Field kFields[] = {
    {"rule", offsetof(DriverReport, rule), sizeof(DriverReport::rule), FieldFormat::text}};

}  // namespace

const PayloadType kDriverReportPayload{.id = 33,
                                       .name = "driver",
                                       .title = "What a hosted driver has done wrong",
                                       .size = sizeof(DriverReport),
                                       .fields = kFields,
                                       .tail = TailKind::text,
                                       .tail_name = "text"};

void register_checker_payload_types() { PayloadRegistry::instance().add(kDriverReportPayload); }

KnownChecker driver_checker() {
  return {.name = kName,
          .title = "what a driver does wrong to its own operating system",
          .make = [](Checkers& checkers) -> std::unique_ptr<Checker> {
            return std::make_unique<DriverChecker>(checkers);
          },
          .rules = [] { return kRules; }};
}

}  // namespace ringside
