// `ringside checkers`
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "checkers/checker.h"
#include "cli/commands.h"

namespace ringside::cli {

namespace {

void print_json() {
  auto list = nlohmann::ordered_json::array();
  for (const KnownChecker& checker : known_checkers()) {
    auto rules = nlohmann::ordered_json::array();
    for (const CheckerRule& rule : checker.rules()) {
      rules.push_back({{"name", fmt::format("{}/{}", checker.name, rule.name)},
                       {"title", rule.title},
                       {"on_request", rule.on_request}});
    }
    list.push_back({{"name", checker.name}, {"title", checker.title}, {"rules", rules}});
  }
  fmt::print("{}\n", list.dump(2));
}

void print_text() {
  for (const KnownChecker& checker : known_checkers()) {
    fmt::print("{}: {}\n", checker.name, checker.title);
    for (const CheckerRule& rule : checker.rules()) {
      fmt::print("  {}/{}{}\n      {}\n", checker.name, rule.name,
                 rule.on_request ? " (only when asked for)" : "", rule.title);
    }
  }
}

}  // namespace

void add_checkers(CLI::App& app, Outcome&) {
  auto* command = app.add_subcommand("checkers", "List the checkers and their rules");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print one JSON array");
  command->footer(
      "Checkers watch each run unless [check] of the scenario has them off. What breaks\n"
      "a rule is a notice, and ends the run with exit code 6 unless it is allowed.\n\n"
      "Examples:\n"
      "  ringside checkers\n"
      "  ringside run grub-pv --no-check             without them\n"
      "  ringside run grub-pv --allow 'grants/*'     these rules may be broken");
  command->callback([json] {
    if (*json) {
      print_json();
    } else {
      print_text();
    }
  });
}

}  // namespace ringside::cli
