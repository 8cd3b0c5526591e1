// What a scenario says of a PC and its devices, and what is said about a wrong one.
#include <catch2/catch.hpp>

#include "machine/scenario.h"

using namespace ringside;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

constexpr const char* kWhole = R"(name = "pc"
[[domain]]
personality = "pc"
memory = "128M"
kernel = "vmlinuz"
ramdisk = "initramfs"
apic_frequency = "50MHz"
[[disk]]
name = "hda"
image = "a.img"
write_cache = false
ata = { command_overhead = "30us", spin_up = "4s" }
[[uart]]
clock = "3686400Hz"
wait_for_room = false
[[uart]]
name = "com2"
port = 0x2f8
irq = 3
[[nic]]
mac = "52:54:00:ab:cd:ef"
megabits = 100
timing = { autonegotiation = "2s" }
[[nic]]
name = "second"
[[peer]]
kind = "responder"
address = "192.168.1.9"
loss_ppm = 1000
[[capture]]
wire = "pio/*"
mode = "first"
bytes = 8
[[input]]
wire = "com2"
at = "1ms"
send = "x"
)";

std::string message_of(const std::string& lines, const std::string& personality = "pc") {
  const auto scenario = parse_scenario(
      "name = \"a\"\n[[domain]]\npersonality = \"" + personality + "\"\nkernel = \"k\"\n" + lines + "\n",
      "x.toml", {});
  REQUIRE_FALSE(scenario);
  CHECK(scenario.error().code == ExitCode::bad_input);
  return scenario.error().message;
}

}  // namespace

TEST_CASE("a PC's devices are read whole") {
  const auto read = parse_scenario(kWhole, "x.toml", {});
  if (!read) FAIL(read.error().message);
  const Scenario& scenario = *read;
  CHECK_FALSE(scenario.domains.at(0).is_paravirtual());
  CHECK(scenario.domains[0].apic_hz == 50'000'000);
  CHECK(scenario.disks.at(0).name == "hda");
  CHECK_FALSE(scenario.disks[0].write_cache);
  CHECK(scenario.disks[0].command_overhead == microseconds(30));
  CHECK(scenario.disks[0].spin_up == seconds(4));
  CHECK(scenario.disks[0].reset == milliseconds(2));
  REQUIRE(scenario.uarts.size() == 2);
  CHECK(scenario.uarts[0].name == "uart0");
  CHECK(scenario.uarts[0].clock_hz == 3'686'400);
  CHECK_FALSE(scenario.uarts[0].wait_for_room);
  CHECK(scenario.uarts[1].port == 0x2f8);
  REQUIRE(scenario.nics.size() == 2);
  CHECK(scenario.nics[0].mac == std::array<uint8_t, 6>{0x52, 0x54, 0x00, 0xab, 0xcd, 0xef});
  CHECK(scenario.nics[0].autonegotiation == seconds(2));
  // Each card that says none gets an address of its own, and a network is made for them.
  CHECK(scenario.nics[1].mac != scenario.nics[0].mac);
  REQUIRE(scenario.networks.size() == 1);
  CHECK(scenario.nics[1].network == scenario.networks[0].name);
  CHECK(scenario.peers.at(0).address == std::array<uint8_t, 4>{192, 168, 1, 9});
  CHECK(scenario.peers[0].network == scenario.networks[0].name);
  CHECK(scenario.captures.at(0).policy.mode == CaptureMode::first_bytes);
  CHECK(scenario.captures[0].policy.bytes == 8);
  CHECK(scenario.inputs.at(0).wire == "com2");
}

TEST_CASE("every PC has a console, and a paravirtual domain has no UART") {
  const auto pc =
      parse_scenario("name = \"a\"\n[[domain]]\npersonality = \"bare\"\nkernel = \"k\"\n", "x", {});
  REQUIRE(pc);
  REQUIRE(pc->uarts.size() == 1);
  CHECK(pc->uarts[0].port == 0x3f8);
  CHECK(pc->uarts[0].irq == 4);
  const auto pv = parse_scenario("name = \"a\"\n[[domain]]\nkernel = \"k\"\n", "x", {});
  REQUIRE(pv);
  CHECK(pv->uarts.empty());
}

TEST_CASE("a paravirtual domain's network card is a virtual interface") {
  const auto pv = parse_scenario(
      "name = \"a\"\n[[domain]]\nkernel = \"k\"\n[[nic]]\n[[nic]]\nmac = \"00:16:3e:01:02:03\"\n"
      "attached = false\nrate = \"10MB/s\"\nrate_interval = \"20ms\"\nloss_ppm = 5\nqueues = 2\nmtu = 9000\n"
      "gso = false\ncontrol_ring = false\n",
      "x", {});
  if (!pv) FAIL(pv.error().message);
  REQUIRE(pv->nics.size() == 2);
  CHECK(pv->nics[0].name == "vif0");
  CHECK(pv->nics[0].model == "vif");
  CHECK(pv->nics[0].vif.attached);
  CHECK(pv->nics[1].name == "vif1");
  CHECK(pv->nics[1].mac == std::array<uint8_t, 6>{0x00, 0x16, 0x3e, 0x01, 0x02, 0x03});
  const VifScenario& vif = pv->nics[1].vif;
  CHECK_FALSE(vif.attached);
  CHECK(vif.rate == 10'000'000);
  CHECK(vif.rate_interval == milliseconds(20));
  CHECK(vif.loss_ppm == 5);
  CHECK(vif.queues == 2);
  CHECK(vif.mtu == 9000);
  CHECK_FALSE(vif.gso);
  CHECK_FALSE(vif.control_ring);
  CHECK(vif.split_event_channels);
}

TEST_CASE("a wrong PC is refused with advice") {
  CHECK_THAT(message_of("memory = \"4G\""), Contains("8M to 3G"));
  CHECK_THAT(message_of("firmware = \"bios\""), Contains("either 'kernel' or 'firmware'"));
  CHECK_THAT(message_of("firmware = \"bios\"", "bare"), Contains("only a \"pc\""));
  CHECK_THAT(message_of("apic_frequency = \"1Hz\""), Contains("1MHz to 10GHz"));
  CHECK_THAT(message_of("[[uart]]\nport = 3"), StartsWith("x.toml:") && Contains("multiple of 8"));
  CHECK_THAT(message_of("[[uart]]\nirq = 2"), Contains("'irq' must be"));
  CHECK_THAT(message_of("[[uart]]\n[[uart]]"), Contains("two devices are named 'uart0'"));
  CHECK_THAT(message_of("[[nic]]\nmac = \"52:54\""), Contains("no MAC address"));
  CHECK_THAT(message_of("[[nic]]\nmac = \"53:54:00:12:34:56\""), Contains("group address"));
  CHECK_THAT(message_of("[[nic]]\nmodel = \"ne2000\""), Contains("82540em"));
  CHECK_THAT(message_of("[[nic]]\nnetwork = \"lan\""), Contains("'lan', which is not there"));
  CHECK_THAT(message_of("[[nic]]\nmegabits = 7"), Contains("10, 100 or 1000"));
  CHECK_THAT(message_of("[[nic]]\nqueues = 2"), Contains("a virtual interface's"));
  CHECK_THAT(message_of("[[nic]]\nmodel = \"vif\""), Contains("\"82540em\""));
  CHECK_THAT(message_of("[[nic]]\nmodel = \"82540em\"", "pv"), Contains("of the model \"vif\""));
  CHECK_THAT(message_of("[[nic]]\nqueues = 0", "pv"), Contains("from 1 to 64"));
  CHECK_THAT(message_of("[[nic]]\nmtu = 60", "pv"), Contains("68 to 16000"));
  CHECK_THAT(message_of("[[nic]]\nrate = \"1B/s\"", "pv"), Contains("1kB/s"));
  CHECK_THAT(message_of("[[peer]]\nkind = \"hub\""), Contains("choose one of responder"));
  CHECK_THAT(message_of("[[peer]]\nkind = \"responder\"\naddress = \"10.0.2.300\""),
             Contains("no IPv4 address"));
  CHECK_THAT(message_of("[[peer]]\nkind = \"pcap-player\""), Contains("file"));
  CHECK_THAT(message_of("[[capture]]\nwire = \"*\"\nmode = \"some\""), Contains("full, first, none"));
  CHECK_THAT(message_of("[[input]]\nwire = \"uart9\"\nat = \"1s\"\nsend = \"x\""), Contains("'uart9'"));
  CHECK_THAT(message_of("[[uart]]", "pv"), Contains("no PC"));
  CHECK_THAT(message_of("[[disk]]\nname = \"a b\"\nimage = \"i\""), Contains("no name of a disk"));
  std::string disks;
  for (char c = 'a'; c <= 'e'; ++c) disks += std::string("[[disk]]\nname = \"hd") + c + "\"\nimage = \"i\"\n";
  CHECK_THAT(message_of(disks), Contains("four places"));
}
