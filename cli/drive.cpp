// `ringside drive`
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "machine/drive/drive.h"

namespace ringside::cli {

namespace {

struct DriveArguments {
  DriveOptions options;
  std::vector<std::string> settings;
  bool json = false;
};

void print_json(const DriveReport& report) {
  nlohmann::ordered_json json;
  json["what"] = report.what;
  json["requests"] = report.requests;
  json["compared"] = report.compared;
  json["differing"] = report.differing;
  json["differences"] = nlohmann::ordered_json::array();
  for (const DriveDifference& difference : report.differences) {
    json["differences"].push_back({{"at_ps", difference.at.ps},
                                   {"request", difference.request},
                                   {"recorded", difference.recorded},
                                   {"found", difference.found}});
  }
  json["remarks"] = report.remarks;
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_text(const DriveReport& report) {
  for (const DriveDifference& difference : report.differences) {
    fmt::print("{}: {}\n  recorded: {}\n  found:    {}\n", to_string(difference.at), difference.request,
               difference.recorded, difference.found);
  }
  if (report.differing > report.differences.size())
    fmt::print("... and {} more\n", report.differing - report.differences.size());
  for (const std::string& remark : report.remarks) fmt::print("note: {}\n", remark);
  fmt::print(
      "drive: {}: {} requests, {} answers compared, {}\n", report.what, report.requests, report.compared,
      report.differing == 0 ? "all as recorded"
                            : fmt::format("{} differ{}", report.differing, report.differing == 1 ? "s" : ""));
}

ExitCode run_drive(DriveArguments& arguments) {
  auto overrides = parse_settings(arguments.settings);
  if (!overrides) return report(overrides.error());
  arguments.options.overrides = std::move(*overrides);
  const auto driven = drive(arguments.options);
  if (!driven) return report(driven.error());
  if (arguments.json) {
    print_json(*driven);
  } else {
    print_text(*driven);
  }
  return driven->differing == 0 ? ExitCode::ok : ExitCode::expectation_failed;
}

}  // namespace

void add_drive(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("drive", "Play a recorded frontend to a backend");
  auto arguments = std::make_shared<DriveArguments>();
  command->add_option("session", arguments->options.session, "A recorded session (pcapng)")->required();
  command->add_option("--wire", arguments->options.wire, "Whose requests: 9p/*, ring/xvda/*, pio/uart0, ...")
      ->required();
  command->add_option("--scenario", arguments->options.scenario,
                      "The scenario with the backend; else the session's");
  command->add_option("--set", arguments->settings, "Change a value of it: key=value (repeatable)")
      ->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "Print one JSON object");
  command->footer(
      "No guest runs. Exits 0 where every answer is as recorded, 1 where one differs.\n\n"
      "Examples:\n"
      "  ringside drive a.pcapng --wire '9p/data/*'\n"
      "  ringside drive a.pcapng --wire 'ring/xvda/*' --set disk.xvda.image=other.img\n"
      "  ringside drive a.pcapng --wire '*/evtchn'\n"
      "  ringside drive a.pcapng --wire pio/uart0 --set uart.uart0.clock=7372800Hz");
  command->callback([arguments, &outcome] { outcome.code = run_drive(*arguments); });
}

}  // namespace ringside::cli
