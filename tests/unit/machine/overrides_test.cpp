// Values from the command line: where they go, and that an error about one names the command line.
#include <catch2/catch.hpp>

#include "machine/scenario.h"

using namespace ringside;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

constexpr const char* kTwoDomains = R"(name = "two"
[[domain]]
kernel = "a"
[[domain]]
kernel = "b"
[[disk]]
name = "xvda"
domain = "dom2"
image = "i"
)";

std::string message_of(const std::string& key, const std::string& value) {
  const auto scenario = parse_scenario(kTwoDomains, "x.toml", {{key, value}});
  REQUIRE_FALSE(scenario);
  CHECK(scenario.error().code == ExitCode::bad_input);
  return scenario.error().message;
}

}  // namespace

TEST_CASE("an override finds its table by name, or means the first") {
  const auto scenario = parse_scenario(kTwoDomains, "x.toml",
                                       {{"domain.dom2.memory", "128M"},
                                        {"domain.memory", "32M"},
                                        {"disk.latency.command", "3ms"},
                                        {"machine.seed", "9223372036854775807"},
                                        {"input", "[]"}});
  REQUIRE(scenario);
  CHECK(scenario->domains[0].memory_bytes == 32 << 20);
  CHECK(scenario->domains[1].memory_bytes == 128 << 20);
  CHECK(scenario->disks[0].latency.command == milliseconds(3));
  CHECK(scenario->seed == 9223372036854775807u);
}

TEST_CASE("a wrong override is blamed on the command line, not on a line of the file") {
  CHECK_THAT(message_of("machine.seed", "abc"), StartsWith("--set: 'seed'"));
  CHECK_THAT(message_of("machine.seed", "99999999999999999999"), StartsWith("--set: 'seed'"));
  CHECK_THAT(message_of("machine", "3"), StartsWith("--set: ") && Contains("[machine]"));
  CHECK_THAT(message_of("disk.xvdz.image", "j"), Contains("no disk is named 'xvdz'") && Contains("'xvda'"));
  CHECK_THAT(message_of("domain.dom3.memory", "64M"), Contains("no domain is named 'dom3'"));
  CHECK_THAT(message_of("domain.dom1", "3"), Contains("which key of 'dom1'"));
  for (const char* nonsense : {".", "a..b", "..", "name.x.y"}) {
    CHECK_THAT(message_of(nonsense, "1"), Contains("no such place"));
  }
}

TEST_CASE("values that no machine could keep are refused") {
  CHECK_THAT(message_of("machine.epoch_instructions", "9000000000000000000"), Contains("epoch_instructions"));
  CHECK_THAT(message_of("machine.wall_clock", "9000000000000000000"), Contains("wall_clock"));
  CHECK_THAT(message_of("name", "../up"), Contains("slashes"));
  CHECK_THAT(message_of("domain.kernel", ""), Contains("names no file"));
}
