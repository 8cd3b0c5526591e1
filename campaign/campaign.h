// A campaign on a scenario: run it once, then fork at every site times every action, and say what became of
// each. The process that calls this holds no machine: a first child counts the sites, a second one is the
// trunk (trunk.h) whose children have the faults, further ones record a session for each class of failures.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "campaign/failure_classes.h"
#include "campaign/plan.h"
#include "campaign/results_file.h"
#include "campaign/trunk.h"
#include "machine/scenario.h"

namespace ringside {

struct CampaignProgress {
  uint64_t done = 0, of = 0;              // runs, those of an earlier start included; of: pairs not counted
  uint64_t new_runs = 0, new_points = 0;  // of this start; points: pairs not counted
  uint64_t findings = 0;
  bool recording = false;  // then `done` and `of` are sessions
};

struct CampaignOptions {
  std::string scenario;  // a folder, a file, a known name
  Overrides overrides;
  std::string variant;  // of [[campaign.variant]], whose settings are in `overrides`; for the report's head
  std::vector<std::string> sites, actions;  // empty: what [campaign] says, or all
  bool pairs = false;
  std::optional<uint64_t> random;
  uint64_t seed = 1;
  unsigned jobs = 1;
  Shard shard;
  std::optional<double> budget_seconds;  // of the host's time
  std::string folder;                    // for results and sessions; empty: neither is written
  std::function<void(const CampaignProgress&)> on_progress;
  const volatile bool* stop_requested = nullptr;
  // Test switches.
  uint64_t broken_point = 0;
  BrokenChild broken = BrokenChild::no;
};

struct CampaignReport {
  CampaignIdentity identity;
  std::vector<RunResult> results;  // in the order of the plan
  std::vector<FailureClass> classes;
  uint64_t wanted = 0;      // runs of this shard, pairs not counted
  uint64_t new_runs = 0;    // of this start
  std::string why_partial;  // "--budget"; empty: the plan is done
  std::string folder;
  // How the recorded session of a class differs from the run that found it: our fault.
  std::vector<std::string> complaints;

  bool has_findings() const;
};

Result<CampaignReport> run_campaign(const CampaignOptions& options);

// Of shards: their results as one campaign's.
Result<CampaignReport> merge_campaigns(const std::vector<std::string>& folders);

}  // namespace ringside
