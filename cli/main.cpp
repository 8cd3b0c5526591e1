// The `ringside` command.
#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "machine/machine.h"

namespace ringside::cli {

ExitCode report(const Error& error) {
  std::fflush(stdout);
  fmt::print(stderr, "ringside: {}\n", error.message);
  return error.code;
}

namespace {

std::string version_text() {
  std::string text;
  for (const auto& [name, version] : component_versions()) text += fmt::format("{} {}\n", name, version);
  text.pop_back();
  return text;
}

}  // namespace
}  // namespace ringside::cli

int main(int argc, char** argv) {
  using namespace ringside;
  CLI::App app{
      "Ringside runs unmodified guests against models of devices and of Xen, and records every message\n"
      "that crosses a boundary, so that a session can be read, compared and replayed bit for bit."};
  app.name("ringside");
  app.set_version_flag("--version", cli::version_text, "Print the versions that a session depends on");
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 ok, 1 expectation failed or sessions differ, 2 usage or bad input,\n"
      "3 replay diverged, 4 guest hung, 5 guest crashed, 70 our own fault.\n\n"
      "Examples:\n"
      "  ringside scenarios                          what there is to run\n"
      "  ringside run scenarios/grub-pv -o a.pcapng  run and record\n"
      "  ringside show a.pcapng --wire 'ring/*'      read the disk's ring traffic\n"
      "  ringside replay a.pcapng                    run it again, compare every digest");
  cli::Outcome outcome;
  cli::add_run(app, outcome);
  cli::add_replay(app, outcome);
  cli::add_show(app, outcome);
  cli::add_diff(app, outcome);
  cli::add_pack(app, outcome);
  cli::add_scenarios(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return static_cast<int>(ExitCode::bad_input);
  }
  return static_cast<int>(outcome.code);
}
