// A hostile block frontend (hostile_blkfront.c) beside an honest domain with a disk of its own. Proves that
// each lie gets what xen-blkback gives it, that the device works again afterwards, and that host, hypervisor
// model and the other domain take no harm. Cannot show: lies that the list does not have (fuzz/blkif.cpp).
#include <catch2/catch.hpp>

#include "hv-model/mm/invariants.h"
#include "machine/machine.h"

using namespace ringside;

namespace {

constexpr const char* kScenario =
    "name = \"hostile-blkfront\"\n"
    "[[domain]]\nname = \"dom1\"\nmemory = \"16M\"\nkernel = \"" RINGSIDE_GUESTS
    "/hostile-blkfront.elf\"\n"
    "[[domain]]\nname = \"dom2\"\nmemory = \"16M\"\nkernel = \"" RINGSIDE_GUESTS
    "/../scenarios/blk-read/blk-read.elf\"\n"
    "[[disk]]\nname = \"xvdb\"\ndomain = \"dom1\"\nimage = \"" RINGSIDE_GUESTS
    "/../scenarios/blk-read/disk.img\"\n"
    "[[disk]]\nname = \"xvda\"\ndomain = \"dom2\"\nimage = \"" RINGSIDE_GUESTS
    "/../scenarios/blk-read/disk.img\"\n"
    "[check]\nallow = [\"*\"]\n"  // what it does is wrong: that is the point
    "[expect]\nshutdown = \"poweroff\"\nwithin = \"60s\"\n"
    "console = [\"hostile-blkfront: PASS\", \"blk-read: PASS\"]\n";

}  // namespace

TEST_CASE("a block frontend that lies harms nobody but itself") {
  const auto scenario = parse_scenario(kScenario, "hostile_blkfront.cpp", {});
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
