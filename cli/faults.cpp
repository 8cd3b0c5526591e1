// `ringside faults`: every place at which a fault may strike in a run of a scenario.
#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands.h"
#include "cli/progress.h"
#include "machine/machine.h"
#include "sim/fault/fault_actions.h"

namespace ringside::cli {

namespace {

struct FaultsArguments {
  std::string scenario;
  std::vector<std::string> settings;
  std::vector<std::string> wires;
  bool json = false;
};

// Counts, and never strikes.
class SiteCounter final : public FaultScout {
 public:
  struct Count {
    const Wire* wire = nullptr;
    uint64_t out = 0, in = 0;
  };
  const FaultAction* on_site(const FaultSite& site) override {
    Count& count = counts_[site.wire.index()];
    count.wire = &site.wire;
    ++(site.crossing.direction == Direction::out ? count.out : count.in);
    return nullptr;
  }
  // Also those that nothing has passed, but a fault may make something pass.
  void add_silent(const Wiring& wiring) {
    for (const auto& wire : wiring.wires()) {
      if (wire->stimulus()) counts_[wire->index()].wire = wire.get();
    }
  }
  // In the order in which the wires were made.
  const std::map<uint32_t, Count>& counts() const { return counts_; }

 private:
  std::map<uint32_t, Count> counts_;
};

// Words behind `head`, folded at 80 columns with the rest as far in as the first line's.
void print_folded(const std::string& head, const std::vector<std::string>& words) {
  constexpr size_t kColumns = 80;
  std::string line = head;
  bool begun = false;
  for (const std::string& word : words) {
    if (begun && line.size() + 1 + word.size() > kColumns) {
      fmt::print("{}\n", line);
      line.assign(head.size(), ' ');
      begun = false;
    }
    line += (begun ? " " : "") + word;
    begun = true;
  }
  fmt::print("{}\n", line);
}

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  return {std::istream_iterator<std::string>(stream), {}};
}

bool is_own(const Wire& wire, const std::string& action) {
  for (const NamedFault& fault : wire.payload_type().faults) {
    if (fault.name == action) return true;
  }
  return false;
}

void print_text(const FaultInjector& injector, const SiteCounter::Count& count) {
  const Wire& wire = *count.wire;
  fmt::print("{} ({}, {} out, {} in)\n", wire.name(), to_string(wire.kind()), count.out, count.in);
  std::vector<std::string> general;
  for (const std::string& action : injector.actions_of(wire)) {
    if (!is_own(wire, action)) general.push_back(action);
  }
  for (size_t i = 0; i + 1 < general.size(); ++i) general[i] += ',';
  if (!general.empty()) print_folded("    ", general);
  for (const NamedFault& fault : wire.payload_type().faults)
    print_folded(fmt::format("    {:<20} ", fault.name), words_of(fault.title));
}

nlohmann::ordered_json to_json(const FaultInjector& injector, const SiteCounter::Count& count) {
  const Wire& wire = *count.wire;
  nlohmann::ordered_json site{{"wire", wire.name()},
                              {"kind", to_string(wire.kind())},
                              {"payload", wire.payload_type().name},
                              {"count", count.out + count.in},
                              {"out", count.out},
                              {"in", count.in}};
  site["actions"] = injector.actions_of(wire);
  auto& own = site["own"] = nlohmann::ordered_json::array();
  for (const NamedFault& fault : wire.payload_type().faults)
    own.push_back({{"name", fault.name}, {"title", fault.title}, {"action", fault.action}});
  return site;
}

bool wanted(const FaultsArguments& arguments, const Wire& wire) {
  for (const std::string& glob : arguments.wires) {
    if (wire_matches(glob, wire.name())) return true;
  }
  return arguments.wires.empty();
}

Result<> list(const FaultsArguments& arguments) {
  const auto overrides = parse_settings(arguments.settings);
  if (!overrides) return tl::unexpected(overrides.error());
  auto scenario = load_scenario(arguments.scenario, *overrides);
  if (!scenario) return tl::unexpected(scenario.error());
  SiteCounter counter;
  MachineOptions options;
  options.scout = &counter;
  ProgressLine progress(!arguments.json);
  options.on_progress = [&](const Progress& now) { progress.update(now); };
  auto machine = Machine::create(*scenario, options);
  if (!machine) return tl::unexpected(machine.error());
  const auto report = (*machine)->run();
  progress.clear();
  if (!report) return tl::unexpected(report.error());

  counter.add_silent((*machine)->wiring());
  const FaultInjector& injector = (*machine)->faults();
  uint64_t crossings = 0, wires = 0;
  auto json = nlohmann::ordered_json::array();
  for (const auto& [index, count] : counter.counts()) {
    if (!wanted(arguments, *count.wire)) continue;
    ++wires;
    crossings += count.out + count.in;
    if (arguments.json) {
      json.push_back(to_json(injector, count));
    } else {
      print_text(injector, count);
    }
  }
  if (arguments.json) {
    fmt::print(
        "{}\n",
        nlohmann::ordered_json{{"ended", report->reason}, {"sites", crossings}, {"wires", json}}.dump(2));
  } else {
    std::fflush(stdout);
    fmt::print(stderr, "{} places on {} wires of {} ({})\n", crossings, wires, scenario->name,
               report->reason);
  }
  return {};
}

}  // namespace

void add_faults(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("faults", "List where faults may strike, and which");
  auto arguments = std::make_shared<FaultsArguments>();
  command->add_option("scenario", arguments->scenario, "A folder, a TOML file, or a known name")->required();
  command->add_option("--wire", arguments->wires, "Only wires that match (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--set", arguments->settings, "Change a value: key=value (repeatable)")
      ->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "One JSON object");
  command->footer(
      "Runs the scenario once and counts what passes each wire. A fault names a wire,\n"
      "which of its crossings, and one of the actions: docs/faults.md has the grammar.\n\n"
      "Examples:\n"
      "  ringside faults blk-read --wire 'ring/*'\n"
      "  ringside run blk-read --fault 'ring/xvda/response@3 fail(-5)' -o a.pcapng");
  command->callback([arguments, &outcome] {
    const auto listed = list(*arguments);
    if (!listed) outcome.code = report(listed.error());
  });
}

}  // namespace ringside::cli
