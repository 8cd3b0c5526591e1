// `ringside run`
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console_output.h"
#include "cli/progress.h"
#include "cli/stop_request.h"
#include "cli/terminal_input.h"
#include "machine/machine.h"
#include "machine/xenstore_socket.h"

namespace ringside::cli {

namespace {

struct RunArguments {
  std::string scenario;
  std::string output;
  bool output_given = false;
  std::optional<uint64_t> seed;
  std::vector<std::string> settings;
  std::vector<std::string> faults;
  bool console = false;
  bool no_console = false;
  bool json = false;
  std::optional<std::string> no_check;
  std::vector<std::string> allow;
  std::string vcd;
  std::string xenstore_socket;
  uint64_t disturb = 0;
  std::vector<std::string> intrude;
};

void give_terminal_back(int number) {
  RawTerminal::restore_in_signal_handler();
  std::raise(number);  // its own action again: see SA_RESETHAND
}

void handle_signals(bool recording) {
  stop_on_signals(RawTerminal::restore_in_signal_handler);
  // A file past its limit is an error like a full disk, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  // A recording goes on although nobody reads what the guest prints any more.
  if (recording) std::signal(SIGPIPE, SIG_IGN);
  struct sigaction fatal {};
  fatal.sa_handler = give_terminal_back;
  fatal.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigaction(number, &fatal, nullptr);
}

Result<Overrides> overrides_of(const RunArguments& arguments) {
  auto overrides = parse_settings(arguments.settings);
  if (!overrides) return overrides;
  if (arguments.seed) overrides->emplace_back("machine.seed", fmt::format("{}", *arguments.seed));
  for (const std::string& fault : arguments.faults) {
    const auto parsed = parse_fault(fault);
    if (!parsed) return tl::unexpected(parsed.error());
    overrides->emplace_back("fault", parsed->text);
  }
  return overrides;
}

// Who asks for the console types instead of the scenario's script, and a person takes the time that a person
// takes. What was set by hand stays.
void make_room_for_a_person(const RunArguments& arguments, Overrides& overrides) {
  const auto add = [&](const std::string& key, const std::string& value) {
    for (const auto& [given, unused] : overrides) {
      if (given == key) return;
    }
    overrides.emplace_back(key, value);
  };
  if (isatty(STDIN_FILENO)) add("expect.within", "0s");
  if (!arguments.console) return;
  add("input", "[]");
  add("expect.console", "[]");
}

// A list of the scenario's and what is added to it, as TOML.
std::string list_with(std::vector<std::string> list, const std::vector<std::string>& added) {
  list.insert(list.end(), added.begin(), added.end());
  return nlohmann::json(list).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// --no-check and --allow add to what the scenario says, and are overrides, so that a replay knows them.
Overrides check_overrides(const RunArguments& arguments, const CheckSettings& check) {
  Overrides overrides;
  if (arguments.no_check) {
    const std::string glob = arguments.no_check->empty() ? "*" : *arguments.no_check;
    overrides.emplace_back("check.off", list_with(check.off, {glob}));
  }
  if (!arguments.allow.empty())
    overrides.emplace_back("check.allow", list_with(check.allow, arguments.allow));
  return overrides;
}

void print_violations(const RunReport& report) {
  constexpr size_t kShownMax = 20;
  size_t shown = 0, allowed = 0;
  for (const Violation& violation : report.violations) {
    if (violation.allowed) {
      ++allowed;
    } else if (++shown <= kShownMax) {
      const std::string place = violation.sequence != 0 ? fmt::format(" #{}", violation.sequence) : "";
      fmt::print(stderr, "violation: {} at {}, {}{}: {}\n", violation.rule, to_string(violation.at),
                 violation.wire, place, violation.text);
    }
  }
  if (shown > kShownMax) fmt::print(stderr, "and {} violations more\n", shown - kShownMax);
  if (allowed != 0)
    fmt::print(stderr, "{} violation{} that the scenario allows\n", allowed, allowed == 1 ? "" : "s");
}

nlohmann::ordered_json violations_json(const RunReport& report) {
  auto list = nlohmann::ordered_json::array();
  for (const Violation& violation : report.violations) {
    list.push_back({{"rule", violation.rule},
                    {"wire", violation.wire},
                    {"sequence", violation.sequence},
                    {"at_ps", violation.at.ps},
                    {"text", violation.text},
                    {"allowed", violation.allowed}});
  }
  return list;
}

// What stand-ins could not answer.
void print_unanswered(const RunReport& report) {
  if (report.unanswered_count == 0) return;
  fmt::print(stderr, "not in the recording: {} request{}\n", report.unanswered_count,
             report.unanswered_count == 1 ? "" : "s");
  for (const UnansweredRequests::Request& request : report.unanswered) {
    fmt::print(stderr, "  {}: {} ({}){}\n", request.standin, request.request, request.why,
               request.times == 1 ? "" : fmt::format(", {} times", request.times));
  }
}

nlohmann::ordered_json unanswered_json(const RunReport& report) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const UnansweredRequests::Request& request : report.unanswered) {
    list.push_back({{"standin", request.standin},
                    {"request", request.request},
                    {"why", request.why},
                    {"times", request.times}});
  }
  return list;
}

void print_json(const RunReport& report, const std::string& console, const std::string& session) {
  nlohmann::ordered_json json;
  json["exit_code"] = static_cast<int>(report.exit_code);
  json["reason"] = report.reason;
  json["missing"] = report.missing;
  if (!report.details.empty()) json["details"] = report.details;
  json["virtual_time_ps"] = report.at.ps;
  json["instructions"] = report.instructions;
  json["digests"] = report.epochs;
  json["notices"] = report.notices;
  json["violations"] = violations_json(report);
  if (report.unanswered_count != 0) json["unanswered"] = unanswered_json(report);
  if (!report.faults.empty()) {
    auto& faults = json["faults"] = nlohmann::ordered_json::array();
    for (const auto& [text, times] : report.faults) faults.push_back({{"fault", text}, {"struck", times}});
  }
  json["console"] = console;
  if (!session.empty()) json["session"] = session;
  // A guest may print bytes that are no UTF-8: they are replaced.
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_faults(const RunReport& report) {
  for (const auto& [text, times] : report.faults) {
    const std::string how_often = times == 0   ? "never struck"
                                  : times == 1 ? "struck once"
                                               : fmt::format("struck {} times", times);
    fmt::print(stderr, "fault: {}: {}\n", text, how_often);
  }
}

void print_report(const RunReport& report, const std::string& session) {
  std::fflush(stdout);
  if (!report.details.empty()) fmt::print(stderr, "{}", report.details);
  print_violations(report);
  print_faults(report);
  for (const std::string& objection : report.objections) fmt::print(stderr, "ringside: {}\n", objection);
  for (const std::string& missing : report.missing) fmt::print(stderr, "expected: {}\n", missing);
  print_unanswered(report);
  fmt::print(stderr, "run: {} at {} after {} instructions", report.reason, to_string(report.at),
             report.instructions);
  if (report.notices != 0)
    fmt::print(stderr, ", {} notice{}", report.notices, report.notices == 1 ? "" : "s");
  fmt::print(stderr, "\n");
  if (report.intrusion.any()) {
    fmt::print(stderr, "intrusion: {} steps, {} stops at {} breakpoints, {} forks\n", report.intrusion.steps,
               report.intrusion.breakpoint_stops, report.intrusion.breakpoints, report.intrusion.forks);
  }
  if (!session.empty()) fmt::print(stderr, "session: {} ({} digests)\n", session, report.epochs);
}

ExitCode run(const RunArguments& arguments) {
  if (arguments.output_given && arguments.output.empty())
    return cli::report({ExitCode::bad_input, "-o needs a file"});
  auto overrides = overrides_of(arguments);
  if (!overrides) return cli::report(overrides.error());
  const bool interactive = arguments.console || (!arguments.no_console && !arguments.json &&
                                                 isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
  if (interactive) make_room_for_a_person(arguments, *overrides);
  auto scenario = load_scenario(arguments.scenario, *overrides);
  if (!scenario) return cli::report(scenario.error());
  if (const Overrides checks = check_overrides(arguments, scenario->check); !checks.empty()) {
    overrides->insert(overrides->end(), checks.begin(), checks.end());
    scenario = load_scenario(arguments.scenario, *overrides);
    if (!scenario) return cli::report(scenario.error());
  }

  MachineOptions options;
  options.record_to = arguments.output;
  options.stop_requested = &stop_requested;
  options.disturb_seed = arguments.disturb;
  for (const std::string& kind : arguments.intrude) {
    options.intrusion.seed = scenario->seed + 1;
    if (kind == "steps") options.intrusion.steps = true;
    if (kind == "breakpoints") options.intrusion.breakpoints = 50;
    if (kind == "forks") options.intrusion.forks = 20;
  }
  options.vcd_to = arguments.vcd;
  std::string console;
  // To a person, and to programs that wait for what a guest says.
  const bool shown_at_once = interactive || !arguments.xenstore_socket.empty();
  ConsoleOutput output(scenario->domains.size() + scenario->consoles.size() > 1,
                       interactive ? scenario->domains.front().name : "", isatty(STDOUT_FILENO) != 0,
                       [&](std::string_view text) {
                         if (arguments.json) {
                           console += text;
                         } else {
                           std::fwrite(text.data(), 1, text.size(), stdout);
                           if (shown_at_once) std::fflush(stdout);
                         }
                       });
  options.on_console = [&](const std::string& domain, std::span<const uint8_t> bytes) {
    output.write(domain, bytes);
  };
  std::optional<TerminalInput> terminal;
  ProgressLine progress(!interactive && !arguments.json);
  options.on_progress = [&](const Progress& now) { progress.update(now); };
  if (interactive) {
    const std::string& domain = scenario->domains.front().name;
    if (isatty(STDIN_FILENO))
      fmt::print(stderr, "You type at {}'s console. Ctrl-A x ends, Ctrl-A h helps.\n", domain);
    terminal.emplace(domain + "/console/in", stop_requested);
    options.live_inputs.push_back(&*terminal);
  }
  std::unique_ptr<XenStoreSocketInput> xenstore_socket;
  if (!arguments.xenstore_socket.empty()) {
    auto made = XenStoreSocketInput::create(arguments.xenstore_socket);
    if (!made) {
      terminal.reset();
      return cli::report(made.error());
    }
    xenstore_socket = std::move(*made);
    options.live_inputs.push_back(xenstore_socket.get());
    options.xenstore_socket = xenstore_socket.get();
  }
  handle_signals(!arguments.output.empty());
  auto machine = Machine::create(*scenario, options);
  if (!machine) {
    terminal.reset();
    return cli::report(machine.error());
  }
  if (!arguments.output.empty()) remember_folder(*scenario);
  auto finished = (*machine)->run();
  output.finish();
  terminal.reset();
  if (interactive && isatty(STDOUT_FILENO)) fmt::print(stderr, "\n");  // the guest's last line may be open
  progress.clear();
  if (!finished) return cli::report(finished.error());
  if (arguments.json) {
    print_json(*finished, console, arguments.output);
  } else {
    print_report(*finished, arguments.output);
  }
  return finished->exit_code;
}

// TOML's numbers have 63 bits.
std::string is_seed(const std::string& text) {
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error == std::errc{} && end == text.data() + text.size() && seed <= INT64_MAX) return "";
  return fmt::format("'{}' is no seed: write a whole number from 0 to {}", text, INT64_MAX);
}

}  // namespace

void add_run(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("run", "Run a scenario, and record it");
  auto arguments = std::make_shared<RunArguments>();
  command->add_option("scenario", arguments->scenario, "A folder, a TOML file, or a known name")->required();
  auto* output = command->add_option("-o,--output", arguments->output, "Record the session here (pcapng)");
  command->add_option("--seed", arguments->seed, "Seed of everything random")->check(is_seed);
  command->add_option("--set", arguments->settings, "Change a value: key=value (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--fault", arguments->faults, "One fault more: 'PLACE ACTION' (repeatable)")
      ->allow_extra_args(false);
  auto* console =
      command->add_flag("--console", arguments->console, "Type at the console, in place of [[input]]");
  command->add_flag("--no-console", arguments->no_console, "Do not, even at a terminal")->excludes(console);
  command->add_option("--no-check", arguments->no_check, "Leave out checkers: all, or those of this glob")
      ->expected(0, 1);
  command->add_option("--allow", arguments->allow, "A violation of this rule does not fail the run")
      ->allow_extra_args(false);
  command->add_option("--vcd", arguments->vcd, "Write a PC's interrupt lines here, for GTKWave");
  command->add_option("--xenstore-socket", arguments->xenstore_socket, "Serve XenStore on this Unix socket");
  command->add_flag("--json", arguments->json, "One JSON object, with the console's text");
  command
      ->add_option("--disturb", arguments->disturb,
                   "Pause the host and flush its caches at random (a test switch)")
      ->group("");
  command
      ->add_option(
          "--intrude", arguments->intrude,
          "Step, break into and fork the machine at random: steps, breakpoints, forks (a test switch)")
      ->check(CLI::IsMember({"steps", "breakpoints", "forks"}))
      ->group("");
  command->footer(
      "At a terminal the console is yours as well: Ctrl-A x ends, Ctrl-A h helps.\n"
      "What is typed is recorded with its time, so that a replay needs nobody.\n"
      "So are the requests of programs at --xenstore-socket, which are domain 0:\n"
      "Debian's xenstore-ls, -read, -write, -watch find it by XENSTORED_PATH.\n\n"
      "Examples:\n"
      "  ringside run scenarios/grub-pv -o a.pcapng\n"
      "  ringside run grub-pv --set disk.xvda.latency.command=1ms\n"
      "  ringside run grub-pv --allow 'grants/*'    `ringside checkers` lists the rules\n"
      "  ringside run blk-read --fault 'ring/xvda/response@3 fail(-5)'\n"
      "  ringside run grub-pv --console      type at GRUB's prompt: ls, halt\n"
      "  ringside run uart-hello --vcd irq.vcd && gtkwave irq.vcd\n"
      "  ringside run grub-pv --console --xenstore-socket xs     in another shell:\n"
      "  XENSTORED_PATH=xs xenstore-ls -f");
  command->callback([arguments, output, &outcome] {
    arguments->output_given = output->count() != 0;
    outcome.code = run(*arguments);
  });
}

}  // namespace ringside::cli
