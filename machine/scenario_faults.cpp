#include "machine/scenario_faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "machine/toml_reader.h"

namespace ringside {

namespace {

// As campaigns print them.
const std::vector<std::string> kVerdicts{"survived",      "expectation failed", "driver hung",
                                         "guest crashed", "invariant broken",   "simulator fault"};

void read_right(TomlReader& table, CampaignScenario::Right& right) {
  for (const char* key : {"site", "action", "verdict", "why"}) table.require(key);
  table.read("site", right.site);
  table.read("action", right.action);
  table.read("verdict", right.verdict);
  table.read("why", right.why);
  if (table.has("verdict") &&
      std::find(kVerdicts.begin(), kVerdicts.end(), right.verdict) == kVerdicts.end()) {
    table.error("verdict", fmt::format("'{}' is no verdict; choose one of {}", right.verdict,
                                       fmt::join(kVerdicts, ", ")));
  }
}

void read_variant(TomlReader& table, std::vector<CampaignScenario::Variant>& variants) {
  CampaignScenario::Variant variant;
  table.require("name");
  table.read("name", variant.name);
  table.read("set", variant.set);
  const auto bad = [](char c) {
    return !std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_';
  };
  if (std::any_of(variant.name.begin(), variant.name.end(), bad))
    table.error("name",
                fmt::format("'{}' must be of letters, digits, '-' and '_': it names a folder", variant.name));
  const auto same = [&](const CampaignScenario::Variant& other) { return other.name == variant.name; };
  if (std::any_of(variants.begin(), variants.end(), same))
    table.error("name", fmt::format("two variants have the name '{}'", variant.name));
  variants.push_back(std::move(variant));
}

}  // namespace

// Keys 'at' and 'do', or the whole in one text, as the command line has it.
void read_fault(TomlReader& table, std::vector<FaultSpec>& faults) {
  std::string name, at, action, spec;
  table.read("name", name);
  table.read("at", at);
  table.read("do", action);
  table.read("spec", spec);
  if (table.has("spec")) {
    if (table.has("name") || table.has("at") || table.has("do"))
      return table.error("spec", "'spec' says it all: leave out 'name', 'at' and 'do'");
  } else {
    table.require("at");
    table.require("do");
    if (!table.has("at") || !table.has("do")) return;
    if (table.has("name")) spec = name + ": ";
    spec += at + " " + action;
  }
  auto fault = parse_fault(spec);
  if (!fault) return table.error(table.has("spec") ? "spec" : "at", fault.error().message);
  const auto same = std::find_if(faults.begin(), faults.end(), [&](const FaultSpec& other) {
    return !other.name.empty() && other.name == fault->name;
  });
  if (same != faults.end())
    return table.error(fmt::format("two faults have the name '{}'; leave out one name", fault->name));
  faults.push_back(std::move(*fault));
}

void read_check(TomlReader& table, CheckSettings& check) {
  table.read("off", check.off);
  table.read("allow", check.allow);
  table.read("on", check.on);
}

void read_campaign(TomlReader& table, CampaignScenario& campaign) {
  table.read("sites", campaign.sites);
  table.read("actions", campaign.actions);
  table.read("quiet", campaign.quiet);
  table.read("set", campaign.set);
  for (const std::string& action : campaign.actions) {
    // "delay" alone stands for every delay.
    const bool word = action.find('(') == action.npos;
    const auto parsed = parse_fault_action(action);
    if (!word && !parsed) table.error("actions", parsed.error().message);
  }
  if (table.has("quiet") && campaign.quiet == Tick{0}) table.error("quiet", "'quiet' must be more than 0");
  table.each("right", [&](TomlReader& right) { read_right(right, campaign.right.emplace_back()); });
  table.each("variant", [&](TomlReader& variant) { read_variant(variant, campaign.variants); });
}

}  // namespace ringside
