// Runs a scenario with hosted programs, and keeps what it has shown.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "machine/machine.h"

namespace ringside {

struct HostedRun {
  std::string console;
  RunReport report;
};

using HostedPrograms = std::map<std::string, std::function<void()>>;

// Fails the test that runs if the machine cannot be made. `record_to` empty: no session.
HostedRun run_hosted(const std::string& scenario, HostedPrograms programs, const std::string& record_to = {});
std::string whole_file(const std::string& path);

}  // namespace ringside
