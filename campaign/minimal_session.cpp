#include "campaign/minimal_session.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "campaign/isolated.h"
#include "campaign/limits.h"
#include "campaign/refusals.h"
#include "machine/machine.h"

namespace ringside {

namespace {

// In a child: one run, recorded if there is a file for it. The judgement, as text.
Result<std::string> run_with_faults(const SessionRequest& request, const std::vector<std::string>& faults,
                                    const std::string& record_to) {
  // All of it stands in the session, limits included, so that its replay needs nothing else.
  Overrides overrides = request.overrides;
  overrides.emplace_back("expect.instructions", fmt::format("{}", instructions_max(*request.baseline)));
  if (request.quiet != Tick::never()) overrides.emplace_back("expect.quiet", to_string(request.quiet));
  for (const std::string& fault : faults) overrides.emplace_back("fault", fault);
  auto scenario = load_scenario(request.scenario, overrides);
  if (!scenario) return tl::unexpected(scenario.error());
  silence_captures(*scenario);
  FailureLines lines;
  lines.begin(&request.baseline->usual_lines);
  MachineOptions options;
  options.record_to = record_to;
  options.on_console = [&](const std::string& console, std::span<const uint8_t> bytes) {
    lines.on_console(console, bytes);
  };
  auto machine = Machine::create(*scenario, options);
  if (!machine) return tl::unexpected(machine.error());
  if (!record_to.empty()) remember_folder(*scenario);
  limit_time(cpu_seconds_max(*request.baseline));
  const Judgement judgement = judge((*machine)->run(), lines);
  RunResult result;
  result.judgement = judgement;
  return to_text(result);
}

struct Rerun {
  Judgement judgement;
  bool stopped = false;
};

Result<Rerun> rerun(const SessionRequest& request, const std::vector<std::string>& faults,
                    const std::string& record_to, const volatile bool* stop_requested) {
  const IsolatedEnd end =
      run_isolated([&] { return run_with_faults(request, faults, record_to); }, stop_requested);
  Rerun done;
  if (end.stopped) {
    done.stopped = true;
  } else if (!end.died.empty()) {
    done.judgement.verdict = RunVerdict::simulator_fault;
    done.judgement.reason = end.died;
  } else if (!end.result) {
    return tl::unexpected(end.result.error());
  } else if (const auto result = run_result_of(*end.result)) {
    done.judgement = result->judgement;
  }
  return done;
}

bool same_failure(const Judgement& judgement, const FailureClass& failure) {
  return judgement.verdict == failure.verdict && judgement.symptom == failure.symptom;
}

std::string difference(const Judgement& found, const Judgement& again) {
  const auto describe = [](const Judgement& judgement) {
    return fmt::format("{} at {} after {} instructions", to_string(judgement.verdict),
                       to_string(judgement.at), judgement.instructions);
  };
  return fmt::format("run again from the start it ended otherwise: {}, and not {}", describe(again),
                     describe(found));
}

}  // namespace

Result<std::optional<Session>> record_minimal_session(const SessionRequest& request,
                                                      const FailureClass& failure,
                                                      const volatile bool* stop_requested) {
  Session session;
  session.point = failure.example.point;
  session.second = failure.example.second;
  session.faults = failure.faults();
  session.file = session_name(failure);
  if (failure.example.second) {
    // Each half alone first.
    for (const CampaignFault& half : {failure.example.fault, failure.example.second_fault}) {
      const auto alone = rerun(request, {half.text()}, "", stop_requested);
      if (!alone) return tl::unexpected(alone.error());
      if (alone->stopped) return std::optional<Session>();
      if (!same_failure(alone->judgement, failure)) continue;
      session.faults = {half.text()};
      break;
    }
  }
  const auto again = rerun(request, session.faults, request.folder + "/" + session.file, stop_requested);
  if (!again) return tl::unexpected(again.error());
  if (again->stopped) return std::optional<Session>();
  const Judgement& found = failure.example.judgement;
  const bool whole = session.faults.size() == (failure.example.second ? 2 : 1);
  // A run that dies has no time and no instructions.
  const bool comparable = whole && found.verdict != RunVerdict::simulator_fault;
  const bool same = again->judgement.verdict == found.verdict &&
                    (!comparable || (again->judgement.instructions == found.instructions &&
                                     again->judgement.at == found.at));
  if (!same) session.note = difference(found, again->judgement);
  return session;
}

}  // namespace ringside
