// What a scenario says, and what is said about a wrong one.
#include <catch2/catch.hpp>

#include "machine/input.h"
#include "machine/scenario.h"

using namespace ringside;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

constexpr const char* kWhole = R"(name = "small"
[machine]
seed = 5
cpu_frequency = "1GHz"
[[domain]]
memory = "32M"
kernel = "k.elf"
[[disk]]
name = "xvda"
image = "a.img"
latency = { command = "10us", rate = "100MB/s" }
[[disk]]
name = "xvdb"
image = "b.img"
[[input]]
when = "> "
send = "ls\r"
[expect]
console = ["done"]
shutdown = "poweroff"
within = "3s"
)";

std::string message_of(const std::string& text, const Overrides& overrides = {}) {
  const auto scenario = parse_scenario(text, "x.toml", overrides);
  REQUIRE_FALSE(scenario);
  CHECK(scenario.error().code == ExitCode::bad_input);
  return scenario.error().message;
}

std::string with_line(std::string_view line) {
  return "name = \"a\"\n[[domain]]\nkernel = \"k\"\n" + std::string(line) + "\n";
}

}  // namespace

TEST_CASE("a scenario is read whole") {
  const auto scenario = parse_scenario(kWhole, "x.toml", {});
  REQUIRE(scenario);
  CHECK(scenario->seed == 5);
  CHECK(scenario->cpu_frequency_hz == 1'000'000'000);
  CHECK(scenario->domains.at(0).name == "dom1");
  CHECK(scenario->domains[0].memory_bytes == 32 << 20);
  CHECK(scenario->disks.at(0).domain == "dom1");
  CHECK(scenario->disks[0].latency.command == microseconds(10));
  CHECK(scenario->disks[0].latency.bytes_per_second == 100'000'000);
  CHECK(scenario->disks[1].latency.bytes_per_second == 500'000'000);
  CHECK(scenario->inputs.at(0).send == "ls\r");
  CHECK(scenario->expect.within == seconds(3));
  CHECK(scenario->text == kWhole);
}

TEST_CASE("values are changed from the command line") {
  const auto scenario = parse_scenario(kWhole, "x.toml",
                                       {{"machine.seed", "9"},
                                        {"domain.memory", "64M"},
                                        {"disk.xvdb.image", "other.img"},
                                        {"disk.xvda.latency.command", "1ms"},
                                        {"expect.within", "7s"}});
  REQUIRE(scenario);
  CHECK(scenario->seed == 9);
  CHECK(scenario->domains[0].memory_bytes == 64 << 20);
  CHECK(scenario->disks[0].image == "a.img");
  CHECK(scenario->disks[1].image == "other.img");
  CHECK(scenario->disks[0].latency.command == milliseconds(1));
  CHECK(scenario->expect.within == seconds(7));
  CHECK_THAT(message_of(kWhole, {{"machine.sed", "9"}}), Contains("did you mean 'seed'?"));
  CHECK_THAT(message_of(kWhole, {{"name.x.y", "9"}}), Contains("no such place"));
}

TEST_CASE("a wrong scenario is refused with line and advice") {
  CHECK_THAT(message_of("name = \"a\"\n[[domain]]\nkernel = \"k\"\nmemry = \"64M\"\n"),
             StartsWith("x.toml:4: ") && Contains("'memry'") && Contains("did you mean 'memory'?"));
  CHECK_THAT(message_of("name = \n"), StartsWith("x.toml:1: not TOML"));
  CHECK_THAT(message_of("name = \"a\"\n"), Contains("needs the key 'domain'"));
  CHECK_THAT(message_of(with_line("memory = 17")), Contains("'memory'"));
  CHECK_THAT(message_of(with_line("memory = \"64Q\"")), StartsWith("x.toml:4: ") && Contains("64M"));
  CHECK_THAT(message_of(with_line("personality = \"hvm\"")), Contains("choose one of pv, pc, pvh, bare"));
  CHECK_THAT(message_of(with_line("name = \"web\"")), Contains("\"dom1\""));
  CHECK_THAT(message_of(with_line("[disk]\nname = \"a\"")), Contains("[[disk]]"));
  CHECK_THAT(message_of(with_line("[[disk]]\nname = \"xvda\"\nimage = \"i\"\ndomain = \"dom7\"")),
             Contains("dom7"));
  CHECK_THAT(message_of(with_line("[[input]]\nsend = \"x\"")), Contains("'when'"));
  CHECK_THAT(message_of(with_line("[[disk]]\nname = \"disk0\"\nimage = \"i\"")), Contains("xvda"));
  CHECK_THAT(message_of(with_line("[expect]\nwithin = \"soon\"")), Contains("'soon' is not a time"));
  CHECK_THAT(message_of(with_line("[expect]\nshutdown = \"powerof\"")), Contains("poweroff"));
  CHECK_THAT(message_of(with_line("[machine]\nseed = -1")), Contains("0 or more"));
}

TEST_CASE("a scenario that is not there says where to look") {
  const auto scenario = load_scenario("/nowhere/at/all", {});
  REQUIRE_FALSE(scenario);
  CHECK_THAT(scenario.error().message, Contains("ringside scenarios"));
}

TEST_CASE("typed input waits for its text, across pieces, one after the other") {
  Scenario scenario;
  std::vector<InputScenario>& inputs = scenario.inputs;
  inputs.resize(3);
  inputs[0] = {"console", "dom1", "login: ", std::nullopt, "root\r"};
  inputs[1] = {"console", "dom1", "# ", std::nullopt, "ls\r"};
  inputs[2] = {"console", "dom1", "", seconds(2), "bye"};
  ScriptedInput scripted(scenario);
  CHECK(scripted.next_tick() == Tick::never());
  scripted.on_console("dom1", "# log");
  CHECK_FALSE(scripted.take(Tick{0}, 0));
  scripted.on_console("dom2", "in: ");
  CHECK_FALSE(scripted.take(Tick{0}, 0));
  scripted.on_console("dom1", "in: ");
  auto first = scripted.take(Tick{0}, 0);
  REQUIRE(first);
  CHECK(std::string(first->bytes.begin(), first->bytes.end()) == "root\r");
  CHECK(first->wire == "dom1/console/in");
  CHECK_FALSE(scripted.take(Tick{0}, 0));
  scripted.on_console("dom1", "welcome\n# ");
  REQUIRE(scripted.take(Tick{0}, 0));
  CHECK(scripted.next_tick() == seconds(2));
  CHECK_FALSE(scripted.take(seconds(1), 0));
  REQUIRE(scripted.take(seconds(2), 0));
  CHECK(scripted.next_tick() == Tick::never());
}

TEST_CASE("a scenario must be UTF-8, in texts and in comments") {
  for (const char* wrong : {"\xff", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    CHECK_THAT(message_of("name = \"a\"\nx = '" + std::string(wrong) + "'\n"),
               StartsWith("x.toml:2: not UTF-8"));
    CHECK_THAT(message_of("# " + std::string(wrong)), StartsWith("x.toml:1: not UTF-8"));
  }
  CHECK(parse_scenario(with_line("cmdline = 'gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80'"), "x.toml",
                       {}));
}

TEST_CASE("a scenario that nests without end is refused before the library reads it") {
  for (const char* opening : {"[", "{a=", "[[", "a."}) {
    std::string text = "name = \"a\" # [[[[ \"\nnotes = '[[['\nx = ";
    for (int i = 0; i < 100'000; ++i) text += opening;
    CHECK_THAT(message_of(text), StartsWith("x.toml:3: "));
  }
  std::string value;
  for (int i = 0; i < 100'000; ++i) value += '[';
  CHECK_THAT(message_of(kWhole, {{"machine.seed", value}}), Contains("'seed'"));
}
