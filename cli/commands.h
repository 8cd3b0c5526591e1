// One function per command: it adds its options to the application and, when chosen, sets the exit code. The
// commands are thin: they parse, call machine/ or sim/session/, and print.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "sim/result.h"

namespace ringside::cli {

struct Outcome {
  ExitCode code = ExitCode::ok;
};

void add_run(CLI::App& app, Outcome& outcome);
void add_replay(CLI::App& app, Outcome& outcome);
void add_faults(CLI::App& app, Outcome& outcome);
void add_show(CLI::App& app, Outcome& outcome);
void add_diff(CLI::App& app, Outcome& outcome);
void add_drive(CLI::App& app, Outcome& outcome);
void add_pack(CLI::App& app, Outcome& outcome);
void add_campaign(CLI::App& app, Outcome& outcome);
void add_step(CLI::App& app, Outcome& outcome);
void add_view(CLI::App& app, Outcome& outcome);
void add_ci_replay(CLI::App& app, Outcome& outcome);
void add_scenarios(CLI::App& app, Outcome& outcome);
void add_checkers(CLI::App& app, Outcome& outcome);

// Prints "ringside: <message>" to stderr and gives the error's exit code.
ExitCode report(const Error& error);

}  // namespace ringside::cli
