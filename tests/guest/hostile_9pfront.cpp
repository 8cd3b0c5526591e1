// A hostile frontend of a 9P share (hostile_9pfront.c) beside an honest domain with a share of its own.
// Proves that each lie makes the backend give the connection up or answer, that the share works again
// afterwards, and that host, hypervisor model and the other domain take no harm. Cannot show: lies that the
// list does not have (fuzz/9pfs.cpp, fuzz/9p.cpp).
#include <catch2/catch.hpp>

#include "hv-model/mm/invariants.h"
#include "machine/machine.h"

using namespace ringside;

namespace {

constexpr const char* kScenario =
    "name = \"hostile-9pfront\"\n"
    "[[domain]]\nname = \"dom1\"\nmemory = \"16M\"\nkernel = \"" RINGSIDE_GUESTS
    "/hostile-9pfront.elf\"\n"
    "[[domain]]\nname = \"dom2\"\nmemory = \"16M\"\nkernel = \"" RINGSIDE_GUESTS
    "/../scenarios/share-read/share-read.elf\"\n"
    "[[share]]\nname = \"bad\"\ndomain = \"dom1\"\nmemory = { \"hello.txt\" = \"Hello from a share!\\n\" }\n"
    "[[share]]\nname = \"good\"\ndomain = \"dom2\"\n"
    "memory = { \"hello.txt\" = \"Hello from a share!\\n\", \"folder/deep.txt\" = \"deep\\n\" }\n"
    "[check]\nallow = [\"*\"]\n"  // what it does is wrong: that is the point
    "[expect]\nshutdown = \"poweroff\"\nwithin = \"60s\"\n"
    "console = [\"hostile-9pfront: PASS\", \"share-read: PASS\"]\n";

}  // namespace

TEST_CASE("a 9P frontend that lies harms nobody but itself") {
  const auto scenario = parse_scenario(kScenario, "hostile_9pfront.cpp", {});
  if (!scenario) FAIL(scenario.error().message);
  std::string console;
  MachineOptions options;
  options.on_console = [&console](const std::string& domain, std::span<const uint8_t> bytes) {
    console += domain + ": " + std::string(bytes.begin(), bytes.end());
  };
  auto machine = Machine::create(*scenario, options);
  if (!machine) FAIL(machine.error().message);
  const auto report = (*machine)->run();
  REQUIRE(report);
  INFO(console);
  CHECK(report->reason == "poweroff");
  CHECK(report->missing == std::vector<std::string>{});
  CHECK(report->exit_code == ExitCode::ok);
  CHECK(memory_violations((*machine)->hypervisor()) == std::vector<std::string>{});
}
