// The `ringside` command.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>
#include <system_error>

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

// What is wrong with the command line, in one line, and where to read on.
std::string usage_error(const CLI::App* app, const CLI::Error& error) {
  std::string command = "ringside";
  for (const CLI::App* chosen : app->get_subcommands()) command += " " + chosen->get_name();
  std::string what = error.what();
  const auto words = app->remaining();
  if (app->get_subcommands().empty() && !words.empty() && words.front().rfind('-', 0) != 0) {
    what = fmt::format("there is no command '{}'", words.front());
  }
  while (!what.empty() && what.back() == '\n') what.pop_back();
  return fmt::format("ringside: {}; see {} --help\n", what, command);
}

// A file that is opened must not become standard output or error because these were closed.
void open_standard_files() {
  for (;;) {
    const int descriptor = open("/dev/null", O_RDWR);
    if (descriptor < 0 || descriptor > STDERR_FILENO) {
      if (descriptor >= 0) close(descriptor);
      return;
    }
  }
}

// What was printed has reached its file, or that is an error like another.
ExitCode finish_output(ExitCode code) {
  const bool failed_before = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !failed_before) return code;
  std::fputs("ringside: standard output cannot be written\n", stderr);
  return code == ExitCode::ok ? ExitCode::bad_input : code;
}

int run_command(int argc, char** argv) {
  CLI::App app{
      "Ringside runs unmodified guests against models of devices and of Xen, and\n"
      "records every message that crosses a boundary, so that a session can be read,\n"
      "compared and replayed bit for bit."};
  app.failure_message(usage_error);
  app.name("ringside");
  app.set_version_flag("--version", version_text, "Print the versions that a session depends on");
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 ok, 1 expectation failed or sessions differ, 2 usage or bad input,\n"
      "3 replay diverged, 4 guest hung, 5 guest crashed, 6 invariant broken, 70 our own\n"
      "fault.\n\n"
      "Examples:\n"
      "  ringside scenarios                      what there is to run\n"
      "  ringside run grub-pv -o a.pcapng        run and record\n"
      "  ringside show a.pcapng --wire 'ring/*'  read the disk's ring traffic\n"
      "  ringside replay a.pcapng                run it again, compare every digest\n"
      "  ringside step a.pcapng                  step through it, and back");
  Outcome outcome;
  add_run(app, outcome);
  add_replay(app, outcome);
  add_show(app, outcome);
  add_faults(app, outcome);
  add_diff(app, outcome);
  add_drive(app, outcome);
  add_pack(app, outcome);
  add_campaign(app, outcome);
  add_step(app, outcome);
  add_view(app, outcome);
  add_ci_replay(app, outcome);
  add_scenarios(app, outcome);
  add_checkers(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return static_cast<int>(ExitCode::bad_input);
  }
  return static_cast<int>(finish_output(outcome.code));
}

}  // namespace
}  // namespace ringside::cli

int main(int argc, char** argv) {
  using ringside::ExitCode;
  try {
    ringside::cli::open_standard_files();
    return ringside::cli::run_command(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("ringside: not enough memory on this host\n", stderr);
    return static_cast<int>(ExitCode::bad_input);
  } catch (const std::system_error& error) {  // fmt: an output that cannot be written
    std::fprintf(stderr, "ringside: %s\n", error.what());
    return static_cast<int>(ExitCode::bad_input);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ringside: our own fault: %s\n", error.what());
    return static_cast<int>(ExitCode::internal);
  }
}
