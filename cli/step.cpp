// `ringside step`
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "cli/commands.h"
#include "cli/line_editor.h"
#include "control/debugger.h"
#include "machine/scenario.h"
#include "sim/session/reader.h"

namespace ringside::cli {

namespace {

struct StepArguments {
  std::string target;
  std::vector<std::string> scripts, commands, settings;
  std::string scenario_folder;
};

// Ends what a command does, not the debugger.
volatile bool interrupted = false;

void on_interrupt(int) { interrupted = true; }

Result<> run_script(Debugger& debugger, std::istream& lines, const std::string& name) {
  std::string line;
  for (unsigned number = 1; !debugger.wants_to_quit() && std::getline(lines, line); ++number) {
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') continue;
    fmt::print("(step) {}\n", line);
    if (auto done = debugger.execute(line); !done) {
      return tl::unexpected(
          Error{done.error().code, fmt::format("{}:{}: {}", name, number, done.error().message)});
    }
    std::fflush(stdout);
  }
  return {};
}

void run_interactively(Debugger& debugger) {
  debugger.greet();
  LineEditor editor([&debugger](std::string_view line) { return debugger.completions(line); });
  while (!debugger.wants_to_quit()) {
    std::fflush(stdout);
    interrupted = false;
    const auto line = editor.read("(step) ");
    if (!line) break;
    if (auto done = debugger.execute(*line); !done) fmt::print("error: {}\n", done.error().message);
  }
}

Result<> step(const StepArguments& arguments) {
  MachineRequest wanted;
  wanted.path = arguments.target;
  wanted.is_session = is_session_file(arguments.target);
  wanted.scenario_folder = arguments.scenario_folder;
  auto overrides = parse_settings(arguments.settings);
  if (!overrides) return tl::unexpected(overrides.error());
  wanted.overrides = std::move(*overrides);
  if (wanted.is_session && !wanted.overrides.empty())
    return fail("--set changes a scenario; a session is replayed as it was recorded");

  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  Debugger debugger([](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); },
                    interrupted);
  auto machine = SteppedMachine::start(wanted, {}, [&](const std::string& console, const std::string& text) {
    debugger.on_console(console, text);
  });
  if (!machine) return tl::unexpected(machine.error());
  debugger.attach(**machine);
  for (const std::string& path : arguments.scripts) {
    std::ifstream file(path);
    if (!file) return fail(fmt::format("the script '{}' cannot be read", path));
    SIM_TRY(run_script(debugger, file, path));
  }
  for (const std::string& command : arguments.commands) {
    std::istringstream line(command);
    SIM_TRY(run_script(debugger, line, "-e"));
  }
  if (debugger.wants_to_quit()) return {};
  const bool interactive = isatty(STDIN_FILENO) != 0;
  if (interactive) {
    run_interactively(debugger);
  } else if (arguments.scripts.empty() && arguments.commands.empty()) {
    SIM_TRY(run_script(debugger, std::cin, "standard input"));
  }
  return {};
}

}  // namespace

void add_step(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("step", "Step through the traffic of a machine, and back");
  auto arguments = std::make_shared<StepArguments>();
  command->add_option("target", arguments->target, "A scenario (as for run), or a recorded session")
      ->required();
  command->add_option("-x", arguments->scripts, "Commands from this file first (repeatable)")
      ->allow_extra_args(false);
  command->add_option("-e", arguments->commands, "This command first (repeatable)")->allow_extra_args(false);
  command->add_option("--set", arguments->settings, "Change a value: key=value (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--scenario", arguments->scenario_folder,
                      "Of a session: the folder with the kernel and the images");
  command->footer(
      "Commands come from a terminal, or from standard input. `help` lists them. In a\n"
      "script an error ends it with exit code 2 and names the line. Ctrl-C stops the\n"
      "machine, not the debugger.\n\n"
      "Examples:\n"
      "  ringside step grub-pv\n"
      "  ringside step blk-read -e 'next ring/*' -e 'ring xvda' -e where\n"
      "  ringside step a.pcapng -x look.step");
  command->callback([arguments, &outcome] {
    const auto done = step(*arguments);
    if (!done) outcome.code = report(done.error());
  });
}

}  // namespace ringside::cli
