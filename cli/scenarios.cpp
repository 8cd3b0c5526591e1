// `ringside scenarios`
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands.h"
#include "machine/scenario.h"

namespace ringside::cli {

namespace {

// The words in lines of at most `columns`, all but the first behind so many spaces.
std::string folded(const std::string& text, size_t columns, size_t indent) {
  std::istringstream words(text);
  std::string lines, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      lines += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return lines + line;
}

}  // namespace

void add_scenarios(CLI::App& app, Outcome&) {
  auto* command = app.add_subcommand("scenarios", "List the scenarios that came with Ringside");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print one JSON array");
  command->footer("Examples:\n  ringside scenarios\n  ringside run grub-pv");
  command->callback([json] {
    const auto known = known_scenarios();
    if (*json) {
      auto list = nlohmann::ordered_json::array();
      for (const auto& scenario : known) {
        list.push_back(
            {{"name", scenario.name}, {"description", scenario.description}, {"folder", scenario.folder}});
      }
      fmt::print("{}\n", list.dump(2));
      return;
    }
    size_t width = 0;
    for (const auto& scenario : known) width = std::max(width, scenario.name.size());
    for (const auto& scenario : known) {
      fmt::print("{:<{}}  {}\n", scenario.name, width, folded(scenario.description, 78 - width, width + 2));
    }
  });
}

}  // namespace ringside::cli
