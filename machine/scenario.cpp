#include "machine/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "machine/overrides.h"
#include "machine/scenario_devices.h"
#include "machine/scenario_faults.h"
#include "machine/scenario_shares.h"
#include "machine/toml_precheck.h"
#include "machine/toml_reader.h"
#include "sim/ids.h"

namespace ringside {

namespace {

void read_input(TomlReader& table, InputScenario& input) {
  table.require("send");
  table.read("wire", input.wire);
  table.read("domain", input.domain);
  table.read("when", input.when);
  table.read("send", input.send);
  if (table.has("at")) {
    Tick at;
    table.read("at", at);
    input.at = at;
  } else {
    Tick unused;
    table.read("at", unused);
  }
  if (input.when.empty() == !input.at.has_value()) {
    table.error("[[input]] needs either 'when' (a text that appears) or 'at' (a time)");
  }
}

void read_expect(TomlReader& table, ExpectScenario& expect) {
  table.read("console", expect.console);
  table.read("within", expect.within);
  table.read("quiet", expect.quiet);
  table.read("instructions", expect.instructions_max);
  if (table.has("quiet") && expect.quiet == Tick{0}) table.error("quiet", "'quiet' must be more than 0");
  if (table.has("shutdown")) {
    expect.shutdown.emplace();
    table.read("shutdown", *expect.shutdown);
    const std::vector<std::string> known{"poweroff", "reboot", "suspend", "crash", "watchdog"};
    if (std::find(known.begin(), known.end(), *expect.shutdown) == known.end()) {
      table.error("shutdown", fmt::format("'{}' is no way to end; choose one of {}", *expect.shutdown,
                                          fmt::join(known, ", ")));
    }
  } else {
    std::string unused;
    table.read("shutdown", unused);
  }
}

void read_machine(TomlReader& table, Scenario& scenario) {
  table.read("seed", scenario.seed);
  table.read("epoch_instructions", scenario.epoch_instructions);
  table.read("memory_digest_epochs", scenario.memory_digest_epochs);
  table.read("wall_clock", scenario.wall_clock_seconds);
  table.read_frequency("cpu_frequency", scenario.cpu_frequency_hz);
  constexpr uint64_t kLongestEpoch = 1'000'000'000'000, kLatestClock = 253402300799;  // the year 9999 ends
  if (scenario.epoch_instructions < 1000 || scenario.epoch_instructions > kLongestEpoch) {
    table.error("epoch_instructions", "'epoch_instructions' must be from 1000 to a million millions");
  }
  if (scenario.wall_clock_seconds > kLatestClock) {
    table.error("wall_clock", "'wall_clock' must be in seconds since 1970, and before the year 10000");
  }
  if (scenario.memory_digest_epochs == 0) {
    table.error("memory_digest_epochs", "'memory_digest_epochs' must be 1 or more");
  }
  if (scenario.cpu_frequency_hz < 1'000'000 || scenario.cpu_frequency_hz > 100'000'000'000) {
    table.error("cpu_frequency", "'cpu_frequency' must be from 1MHz to 100GHz");
  }
}

void read_scenario(TomlReader& top, Scenario& scenario) {
  top.require("name");
  top.require("domain");
  top.read("name", scenario.name);
  if (top.has("name") && (scenario.name.empty() || scenario.name.find('/') != std::string::npos)) {
    top.error("name", "'name' must be a word without slashes, such as \"grub-pv\"");
  }
  top.read("description", scenario.description);
  top.table("machine", [&](TomlReader& table) { read_machine(table, scenario); });
  top.each("domain", [&](TomlReader& table) { read_domain(table, scenario.domains.emplace_back()); });
  if (top.has("domain") && scenario.domains.empty()) top.error("a scenario needs a [[domain]]");
  top.each("disk", [&](TomlReader& table) { read_disk(table, scenario.disks.emplace_back()); });
  top.each("share", [&](TomlReader& table) { read_share(table, scenario.shares.emplace_back()); });
  top.each("console", [&](TomlReader& table) { read_console(table, scenario.consoles.emplace_back()); });
  top.each("uart", [&](TomlReader& table) { read_uart(table, scenario.uarts.emplace_back()); });
  top.each("nic", [&](TomlReader& table) { read_nic(table, scenario.nics.emplace_back()); });
  top.each("network", [&](TomlReader& table) { read_network(table, scenario.networks.emplace_back()); });
  top.each("peer", [&](TomlReader& table) { read_peer(table, scenario.peers.emplace_back()); });
  top.each("capture", [&](TomlReader& table) { read_capture(table, scenario.captures.emplace_back()); });
  read_standin_tables(top, scenario);
  top.each("input", [&](TomlReader& table) { read_input(table, scenario.inputs.emplace_back()); });
  top.each("fault", [&](TomlReader& table) { read_fault(table, scenario.faults); });
  top.table("check", [&](TomlReader& table) { read_check(table, scenario.check); });
  top.table("campaign", [&](TomlReader& table) { read_campaign(table, scenario.campaign); });
  top.table("expect", [&](TomlReader& table) { read_expect(table, scenario.expect); });

  for (size_t i = 0; i < scenario.domains.size(); ++i) {
    const std::string expected = fmt::format("dom{}", i + 1);
    std::string& name = scenario.domains[i].name;
    if (name.empty()) name = expected;
    // Wire names start with it, and Xen numbers domains in the order of their making.
    if (name != expected) {
      top.error(fmt::format("domain number {} must be named \"{}\", not \"{}\"", i + 1, expected, name));
    }
  }
  assign_devices(scenario, top);
}

}  // namespace

Result<Scenario> parse_scenario(const std::string& text, const std::string& origin,
                                const Overrides& overrides) {
  Scenario scenario;
  scenario.text = text;
  scenario.overrides = overrides;
  TomlErrors errors(origin);
  if (const auto objection = object_to_toml(text)) {
    return fail(fmt::format("{}:{}: {}", origin, objection->line, objection->text));
  }
  try {
    std::istringstream stream(text);
    toml::value root = toml::parse(stream, origin);
    SIM_TRY(apply_overrides(root, overrides));
    TomlReader top(root, "the top of the scenario", errors);
    read_scenario(top, scenario);
    top.finish();
  } catch (const toml::syntax_error& syntax) {
    std::string first_line = syntax.what();
    const size_t mark = first_line.find("[error] ");
    if (mark != std::string::npos) first_line.erase(0, mark + 8);
    first_line.erase(std::min(first_line.find('\n'), first_line.size()));
    return fail(fmt::format("{}:{}: not TOML: {}", origin, syntax.location().line(), first_line));
  } catch (const std::exception& other) {
    return fail(fmt::format("{}: not TOML: {}", origin, other.what()));
  }
  if (errors.first()) return fail(*errors.first());
  return scenario;
}

}  // namespace ringside
