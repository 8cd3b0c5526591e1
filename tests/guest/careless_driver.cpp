// A driver that breaks the rules of its devices (careless_driver.c): proves that the checkers name what it
// does, that the run ends with the exit code for it, and that a session shows each violation. Cannot show:
// that a careful driver is left in peace; the scenarios do that.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "machine/machine.h"

using namespace ringside;

namespace {

constexpr const char* kScenario =
    "name = \"careless\"\n"
    "[[domain]]\npersonality = \"bare\"\nmemory = \"16M\"\nkernel = \"" RINGSIDE_GUESTS
    "/careless-driver.elf\"\n"
    "[[disk]]\nname = \"hda\"\nimage = \"" RINGSIDE_GUESTS
    "/../scenarios/disk-read/disk.img\"\n"
    "[expect]\nshutdown = \"poweroff\"\nwithin = \"20s\"\nconsole = [\"careless-driver: PASS\"]\n";

const std::set<std::string> kBroken = {
    "device/uart_thr_overrun",
    "device/pic_eoi_without_service",
    "device/pit_illegal_count",
    "device/ata_data_without_drq",
    "device/ata_register_while_busy",
    "device/ata_command_while_busy",
    "dma/mastering_disabled",
    "dma/buffers_overlap",
    "dma/buffer_overlaps_ring",
    "dma/outside_ram",
    "dma/into_page_table",
};

RunReport run(const Overrides& overrides, std::string& console) {
  const auto scenario = parse_scenario(kScenario, "careless_driver.cpp", overrides);
  if (!scenario) FAIL(scenario.error().message);
  MachineOptions options;
  options.on_console = [&console](const std::string&, std::span<const uint8_t> bytes) {
    console.append(bytes.begin(), bytes.end());
  };
  auto machine = Machine::create(*scenario, options);
  if (!machine) FAIL(machine.error().message);
  const auto report = (*machine)->run();
  REQUIRE(report);
  return *report;
}

}  // namespace

TEST_CASE("a careless driver is told what it breaks") {
  std::string console;
  const RunReport report = run({}, console);
  INFO(console);
  CHECK(report.missing.empty());
  CHECK(report.exit_code == ExitCode::invariant_broken);
  std::set<std::string> rules;
  for (const Violation& violation : report.violations) {
    rules.insert(violation.rule);
    CHECK(violation.sequence != 0);
  }
  CHECK(rules == kBroken);
}

TEST_CASE("a careless driver that is allowed to be") {
  std::string console;
  const RunReport report = run({{"check.allow", "[\"device/*\", \"dma/*\"]"}}, console);
  INFO(console);
  CHECK(report.exit_code == ExitCode::ok);
  CHECK(report.violations.size() >= kBroken.size());
}
