// A hostile network frontend (hostile_netfront.c) beside an honest domain on the same network. Proves that
// each lie gets what netback gives it, that the interface works again afterwards, and that host, hypervisor
// model and the other domain take no harm. Cannot show: lies that the list does not have (fuzz/netif.cpp).
#include <catch2/catch.hpp>

#include "hv-model/mm/invariants.h"
#include "machine/machine.h"

using namespace ringside;
using Catch::Matchers::Contains;

namespace {

constexpr unsigned kFatalAttacks = 13;

std::string scenario_text() {
  std::string text =
      "name = \"hostile-netfront\"\n"
      "[[domain]]\nname = \"dom1\"\nmemory = \"16M\"\nkernel = \"" RINGSIDE_GUESTS
      "/hostile-netfront.elf\"\n"
      "[[domain]]\nname = \"dom2\"\nmemory = \"16M\"\nkernel = \"" RINGSIDE_GUESTS
      "/../scenarios/net-pv/net-pv.elf\"\n"
      "cmdline = \"address=10.0.2.15 peer=10.0.2.1 pings=3000 datagrams=3000\"\n"
      "[[nic]]\nname = \"vif0\"\ndomain = \"dom1\"\n[[nic]]\nname = \"vif1\"\ndomain = \"dom2\"\n"
      "[[peer]]\nkind = \"responder\"\nname = \"responder\"\n"
      "[check]\nallow = [\"*\"]\n"  // what it does is wrong: that is the point
      "[expect]\nshutdown = \"poweroff\"\nwithin = \"60s\"\n"
      "console = [\"hostile-netfront: PASS\", \"3000 pings and 3000 datagrams answered\", \"net-pv: "
      "PASS\"]\n";
  for (unsigned attack = 0; attack < kFatalAttacks; ++attack) {
    text +=
        "[[input]]\ndomain = \"dom1\"\nwire = \"toolstack\"\nwhen = \"take it away\"\n"
        "send = \"network-detach vif0 --force\\nnetwork-attach vif0\"\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a network frontend that lies harms nobody but itself") {
  const auto scenario = parse_scenario(scenario_text(), "hostile_netfront.cpp", {});
  REQUIRE(scenario);
  std::string console;
  MachineOptions options;
  options.on_console = [&console](const std::string& domain, std::span<const uint8_t> bytes) {
    if (domain == "dom1") console.append(bytes.begin(), bytes.end());
  };
  auto machine = Machine::create(*scenario, options);
  REQUIRE(machine);
  const auto report = (*machine)->run();
  REQUIRE(report);
  INFO(console);
  CHECK(report->reason == "poweroff");
  CHECK(report->missing == std::vector<std::string>{});
  CHECK(report->exit_code == ExitCode::ok);
  CHECK(report->notices >= kFatalAttacks + 30);
  CHECK(memory_violations((*machine)->hypervisor()) == std::vector<std::string>{});
}
