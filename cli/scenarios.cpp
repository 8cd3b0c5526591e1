// `ringside scenarios`
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "machine/scenario.h"

namespace ringside::cli {

void add_scenarios(CLI::App& app, Outcome&) {
  auto* command = app.add_subcommand("scenarios", "List the scenarios that came with Ringside");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "One JSON array");
  command->footer("Example:\n  ringside scenarios\n  ringside run grub-pv");
  command->callback([json] {
    const auto known = known_scenarios();
    if (*json) {
      auto list = nlohmann::ordered_json::array();
      for (const auto& scenario : known) {
        list.push_back({{"name", scenario.name}, {"description", scenario.description}, {"folder", scenario.folder}});
      }
      fmt::print("{}\n", list.dump(2));
      return;
    }
    for (const auto& scenario : known) fmt::print("{:<12} {}\n", scenario.name, scenario.description);
  });
}

}  // namespace ringside::cli
