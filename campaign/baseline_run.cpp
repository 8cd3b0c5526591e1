#include "campaign/baseline_run.h"

#include <fmt/format.h>

#include <ctime>

#include "campaign/site_filter.h"
#include "campaign/site_kind.h"
#include "machine/machine.h"
#include "sim/fault/fault_injector.h"
#include "sim/hash.h"

namespace ringside {

namespace {

class CountingScout final : public FaultScout {
 public:
  CountingScout(SiteFilter& filter, SiteKinds& kinds, Baseline& into)
      : filter_(filter), kinds_(kinds), into_(into) {}

  const FaultAction* on_site(const FaultSite& site) override {
    const WantedWire* wire = filter_.wanted(site.wire);
    if (wire == nullptr) return nullptr;
    const uint32_t kind = kinds_.kind_of(site.wire, site.crossing.bytes());
    into_.sites.push_back({wire->number, static_cast<uint32_t>(site.nth), kind});
    into_.hash = hash_mix(into_.hash, wire->number);
    into_.hash = hash_mix(into_.hash, site.crossing.at.ps);
    into_.hash = hash_mix(into_.hash, hash64(site.crossing.bytes()));
    return nullptr;
  }

 private:
  SiteFilter& filter_;
  SiteKinds& kinds_;
  Baseline& into_;
};

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::string failure_without_fault(const RunReport& report) {
  std::string text = fmt::format(
      "the scenario fails without any fault, so a campaign on it would say nothing: {}", report.reason);
  for (const std::string& missing : report.missing) text += fmt::format("\n  expected: {}", missing);
  return text;
}

}  // namespace

std::vector<std::string> domain_names(const Scenario& scenario) {
  std::vector<std::string> names;
  for (const DomainScenario& domain : scenario.domains) names.push_back(domain.name);
  return names;
}

Result<Baseline> run_baseline(const Scenario& scenario, const SiteChoice& choice) {
  Baseline baseline;
  SiteFilter filter(choice.sites, choice.actions);
  SiteKinds kinds(domain_names(scenario));
  CountingScout scout(filter, kinds, baseline);
  FailureLines lines;
  MachineOptions options;
  options.scout = &scout;
  options.on_console = [&](const std::string& console, std::span<const uint8_t> bytes) {
    lines.on_console(console, bytes);
  };
  auto machine = Machine::create(scenario, options);
  if (!machine) return tl::unexpected(machine.error());
  filter.set_injector((*machine)->faults());
  const double before = cpu_seconds();
  const auto report = (*machine)->run();
  if (!report) return tl::unexpected(report.error());
  if (report->exit_code != ExitCode::ok) return fail(failure_without_fault(*report));
  SIM_TRY(filter.check((*machine)->wiring()));
  if (baseline.sites.empty()) return fail("the run passes no site at which a fault could be injected");
  baseline.cpu_seconds = cpu_seconds() - before;
  baseline.judgement = judge(report, lines);
  baseline.code = (*machine)->seen_code();
  baseline.usual_lines = lines.all();
  baseline.kinds = kinds.names();
  for (const auto& wire : filter.wires()) {
    PlanWire planned{wire->name, {}, wire->glob, wire->spread};
    for (const FaultAction& action : wire->actions) planned.actions.push_back(action.text);
    for (const std::string& action : planned.actions) baseline.hash = hash_mix(baseline.hash, hash64(action));
    baseline.hash = hash_mix(baseline.hash, hash64(wire->name));
    if (wire->spread != 0) baseline.hash = hash_mix(hash_mix(baseline.hash, wire->glob), wire->spread);
    baseline.wires.push_back(std::move(planned));
  }
  return baseline;
}

}  // namespace ringside
