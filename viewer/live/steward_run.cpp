// What moves the machine.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "viewer/live/steward.h"

namespace ringside::viewer {

namespace {

using Clock = std::chrono::steady_clock;

// A paced machine runs for so long of the host's time, then waits for the rest of it.
constexpr auto kSlice = std::chrono::milliseconds(20);
// A machine that cannot keep up is not hurried afterwards.
constexpr auto kLagMax = std::chrono::milliseconds(100);

// Virtual time against the host's.
class Pace {
 public:
  Pace(double speed, uint64_t at_ps) : speed_(speed), began_(Clock::now()), began_ps_(at_ps) {}

  // Where a slice that begins now ends.
  Tick slice_end(uint64_t now_ps) {
    if (Clock::now() - host_time_of(now_ps) > kLagMax) {
      began_ = Clock::now();
      began_ps_ = now_ps;
    }
    const std::chrono::duration<double> host = Clock::now() + kSlice - began_;
    const double end = static_cast<double>(began_ps_) + host.count() * speed_ * 1e12;
    return Tick{std::max(now_ps + 1, static_cast<uint64_t>(std::min(end, 9e18)))};
  }
  Clock::duration until(uint64_t at_ps) const { return host_time_of(at_ps) - Clock::now(); }

 private:
  Clock::time_point host_time_of(uint64_t at_ps) const {
    const double seconds = static_cast<double>(at_ps - began_ps_) / 1e12 / speed_;
    return began_ +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(seconds, 1e8)));
  }

  double speed_;
  Clock::time_point began_;
  uint64_t began_ps_;
};

}  // namespace

Json Steward::run(const Json& request) {
  SteppedMachine::Until until;
  until.stops_idle = true;
  for (const Json& rule : request.value("rules", Json::array())) {
    auto parsed = stop_rule_from(rule);
    if (!parsed) return failure(parsed.error());
    until.rules.push_back(std::move(*parsed));
  }
  const double speed = request.value("speed", 0.0);
  const bool paced = std::isfinite(speed) && speed > 0;
  Pace pace(std::max(speed, 1e-12), machine_->place().at_ps);
  StepWatch watching = watch();
  watching.on_position = [this](const StepPlace& place) { send_place(place); };
  for (;;) {
    is_interrupted();
    if (take_pause()) return told_of(Json{{"stopped", "asked"}});
    do_waiting_briefs();
    // What a run from here would go over within the slice has been waited for by now.
    if (paced && pace.until(machine_->place().at_ps) > Clock::duration::zero()) {
      wait_for_window(pace.until(machine_->place().at_ps));
      continue;
    }
    if (paced) until.time = pace.slice_end(machine_->place().at_ps);
    auto stopped = machine_->run(until, watching);
    const std::string why = stopped ? stopped->value("stopped", "") : "";
    if (why == "idle") idle_run_ = request;
    if (why != "time" && why != "asked") return told_of(stopped, until.rules);
    send_place(machine_->place());
  }
}

// --- To a place ---

Json Steward::step(const Json& request) {
  StopRule rule;
  rule.wire = request.at("wire");
  auto names = machine_->wires();
  if (!names) return failure(names.error());
  const auto matches = [&](const std::string& name) { return wire_matches(rule.wire, name); };
  // The wire "fault" comes with the first fault.
  if (rule.wire != "fault" && std::none_of(names->begin(), names->end(), matches))
    return failure({ExitCode::bad_input, fmt::format("no wire matches '{}'", rule.wire)});
  StepWatch watching = watch();
  watching.on_position = [this](const StepPlace& place) { send_place(place); };
  SteppedMachine::Until until;
  until.rules.push_back(rule);
  auto stopped = machine_->run(until, watching);
  take_pause();
  return told_of(stopped, until.rules);
}

Json Steward::back(const Json& request) {
  StopRule rule;
  rule.wire = request.at("wire");
  auto stopped = machine_->back(rule, watch());
  take_pause();
  return told_of(stopped);
}

Json Steward::go_to(const Json& request) {
  const uint64_t sequence = request.at("sequence");
  // Only the last place that was asked for counts.
  if (is_interrupted()) {
    take_pause();
    return told_of(Json{{"stopped", "asked"}});
  }
  StepWatch watching = watch();
  watching.on_position = [this](const StepPlace& place) { send_place(place); };
  auto stopped = machine_->go_to(sequence, watching);
  take_pause();
  Json told = told_of(stopped);
  if (told.value("state", "") == "ended" && !told.contains("error"))
    told["error"] = fmt::format("the machine ended before crossing {}", sequence);
  return told;
}

}  // namespace ringside::viewer
