#include "tests/hosted/hosted_run.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

namespace ringside {

HostedRun run_hosted(const std::string& text, HostedPrograms programs, const std::string& record_to) {
  HostedRun run;
  const auto scenario = parse_scenario(text, "a hosted test", {});
  if (!scenario) FAIL(scenario.error().message);
  MachineOptions options;
  options.hosted = std::move(programs);
  options.record_to = record_to;
  options.on_console = [&run](const std::string& domain, std::span<const uint8_t> bytes) {
    (void)domain;
    run.console.append(bytes.begin(), bytes.end());
  };
  auto machine = Machine::create(*scenario, options);
  if (!machine) FAIL(machine.error().message);
  auto report = (*machine)->run();
  if (!report) FAIL(report.error().message);
  run.report = *report;
  return run;
}

std::string whole_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace ringside
