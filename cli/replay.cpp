// `ringside replay`
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console_output.h"
#include "cli/progress.h"
#include "machine/machine.h"
#include "sim/session/reader.h"
#include "sim/session/replayer.h"

namespace ringside::cli {

namespace {

struct ReplayArguments {
  std::string session;
  std::string until;
  std::string scenario_folder;
  std::string output;
  bool data = false;
  bool console = false;
  bool json = false;
  uint64_t disturb = 0;
  uint64_t flip_after = 0;
};

void print_divergence(const Divergence& divergence, const std::string& session) {
  std::fflush(stdout);
  fmt::print(stderr,
             "replay: diverged in epoch {} at {} (instruction {}): {}\n"
             "  expected: {}\n"
             "  found:    {}\n",
             divergence.epoch, to_string(divergence.at), divergence.instructions, divergence.what,
             divergence.expected, divergence.found);
  fmt::print(stderr, "To see what came before: ringside show {} --to {}\n", session, divergence.at.ps);
}

void print_json(const Replayer& replayer, const RunReport& report) {
  nlohmann::ordered_json json;
  json["identical"] = !replayer.divergence().has_value();
  json["digests"] = replayer.digests_compared();
  json["cut"] = replayer.cut_description();
  json["virtual_time_ps"] = report.at.ps;
  json["instructions"] = report.instructions;
  if (const auto& divergence = replayer.divergence()) {
    json["divergence"] = {{"epoch", divergence->epoch},       {"instructions", divergence->instructions},
                          {"at_ps", divergence->at.ps},       {"what", divergence->what},
                          {"expected", divergence->expected}, {"found", divergence->found}};
  }
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

Result<ExitCode> replay(const ReplayArguments& arguments) {
  MachineOptions options;
  if (!arguments.until.empty()) {
    const auto until = parse_tick(arguments.until);
    if (!until) return tl::unexpected(until.error());
    options.until = *until;
  }
  std::error_code none;
  if (!arguments.output.empty() && std::filesystem::equivalent(arguments.session, arguments.output, none))
    return fail("-o names the session that is replayed; choose another file");
  register_all_payload_types();
  auto reader = SessionReader::open(arguments.session);
  if (!reader) return tl::unexpected(reader.error());
  auto replayer = Replayer::create(*reader);
  if (!replayer) return tl::unexpected(replayer.error());
  auto scenario = scenario_of_session((*replayer)->header(), arguments.scenario_folder);
  if (!scenario) return tl::unexpected(scenario.error());

  options.replay = replayer->get();
  options.record_to = arguments.output;
  options.record_data = arguments.data;
  options.disturb_seed = arguments.disturb;
  options.flip_memory_bit_after_epoch = arguments.flip_after;
  ProgressLine progress(!arguments.json);
  options.on_progress = [&](const Progress& now) { progress.update(now); };
  ConsoleOutput output(scenario->domains.size() + scenario->consoles.size() > 1, "", false,
                       [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); });
  if (arguments.console && !arguments.json) {
    options.on_console = [&](const std::string& domain, std::span<const uint8_t> bytes) {
      output.write(domain, bytes);
    };
  }
  auto machine = Machine::create(*scenario, options);
  if (!machine) return tl::unexpected(machine.error());
  auto report = (*machine)->run();
  output.finish();
  progress.clear();
  if (!report) return tl::unexpected(report.error());

  const auto& divergence = (*replayer)->divergence();
  if (!(*replayer)->cut_description().empty()) {
    fmt::print(stderr, "ringside: warning: {}: {}\n", arguments.session, (*replayer)->cut_description());
  }
  if (arguments.json) {
    print_json(**replayer, *report);
  } else if (divergence) {
    print_divergence(*divergence, arguments.session);
  } else {
    fmt::print("replay: identical ({} digests)\n", (*replayer)->digests_compared());
  }
  return divergence ? ExitCode::diverged : ExitCode::ok;
}

}  // namespace

void add_replay(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("replay", "Run a session again and compare every digest");
  auto arguments = std::make_shared<ReplayArguments>();
  command->add_option("session", arguments->session, "A recorded session (pcapng)")->required();
  command->add_option("--until", arguments->until, "Stop at this time: 1.5ms, or picoseconds");
  command->add_option("--scenario", arguments->scenario_folder, "The folder with the kernel and the images");
  auto* output =
      command->add_option("-o,--output", arguments->output, "Record the session anew, to this file");
  command->add_flag("--data", arguments->data, "With the data of all disks, for a stand-in")->needs(output);
  command->add_flag("--console", arguments->console, "Print what the guest prints");
  command->add_flag("--json", arguments->json, "Print one JSON object");
  command
      ->add_option("--disturb", arguments->disturb,
                   "Pause the host and flush its caches at random (a test switch)")
      ->group("");
  command
      ->add_option("--flip-memory-bit-after-epoch", arguments->flip_after,
                   "Damage guest memory (a test switch)")
      ->group("");
  command->footer(
      "A replay that is identical exits 0, however the recorded run ended; one that\n"
      "differs exits 3 and names the first crossing or digest that does.\n\n"
      "Examples:\n"
      "  ringside replay a.pcapng\n"
      "  ringside replay a.pcapng --until 1.5ms --console");
  command->callback([arguments, &outcome] {
    const auto code = replay(*arguments);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace ringside::cli
