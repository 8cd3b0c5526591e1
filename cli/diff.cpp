// `ringside diff`
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "machine/machine.h"
#include "sim/session/diff.h"

namespace ringside::cli {

namespace {

struct DiffArguments {
  std::string first, second;
  bool json = false;
};

Result<ExitCode> diff(const DiffArguments& arguments) {
  register_all_payload_types();
  const auto difference = diff_sessions(arguments.first, arguments.second);
  if (!difference) return tl::unexpected(difference.error());
  if (arguments.json) {
    nlohmann::ordered_json json{{"equal", !difference->has_value()}};
    if (*difference) {
      json["what"] = (*difference)->what;
      json["first"] = (*difference)->first;
      json["second"] = (*difference)->second;
    }
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else if (*difference) {
    fmt::print("{}\n  {}: {}\n  {}: {}\n", (*difference)->what, arguments.first, (*difference)->first,
               arguments.second, (*difference)->second);
  } else {
    fmt::print("diff: the sessions are equal\n");
  }
  return *difference ? ExitCode::expectation_failed : ExitCode::ok;
}

}  // namespace

void add_diff(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("diff", "Find the first difference of two sessions");
  auto arguments = std::make_shared<DiffArguments>();
  command->add_option("first", arguments->first, "A session")->required();
  command->add_option("second", arguments->second, "Another")->required();
  command->add_flag("--json", arguments->json, "Print one JSON object");
  command->footer(
      "Exits 0 when they are equal, 1 when they differ.\n\nExample:\n  ringside diff a.pcapng b.pcapng");
  command->callback([arguments, &outcome] {
    const auto code = diff(*arguments);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace ringside::cli
