// Going back: checkpoints that are woken, and run on to the place that is wanted.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/stepped_machine.h"

namespace ringside {

namespace {

constexpr const char* kStopped = "stopped on the way; the machine stands where it stood";

// How far it is on the way between two crossings.
double part_done(const StepPlace& from, const StepPlace& now, uint64_t to) {
  if (to <= from.sequence || now.sequence <= from.sequence) return 0;
  return std::min(
      1.0, static_cast<double>(now.sequence - from.sequence) / static_cast<double>(to - from.sequence));
}

}  // namespace

Result<> SteppedMachine::check_can_go_back() const {
  if (!checkpoints_.empty()) return {};
  return fail(
      fmt::format("share \"{}\" is bridged to a server, and what was said to it cannot be taken back; "
                  "record a session with `ringside run -o`, and step that",
                  ready_.value("live_outside", "")));
}

Result<MachineProcess> SteppedMachine::wake(Checkpoint& checkpoint) {
  auto woken = checkpoint.process.ask({{"do", "wake"}});
  if (!woken) return tl::unexpected(woken.error());
  MachineProcess process(std::move(woken->descriptor), woken->json.value("pid", -1));
  auto told = process.ask({{"do", "inputs"}, {"inputs", inputs_behind(checkpoint.place)}});
  if (!told) return tl::unexpected(told.error());
  return process;
}

Json SteppedMachine::inputs_behind(const StepPlace& place) const {
  Json list = Json::array();
  for (const Input& input : inputs_) {
    // A checkpoint stands within a crossing, and input comes between two.
    if (input.crossing < place.crossing) continue;
    list.push_back({{"at_ps", input.at_ps}, {"wire", input.wire}, {"bytes", input.bytes_hex}});
  }
  return list;
}

Result<uint64_t> SteppedMachine::find_last(Checkpoint& checkpoint, const StopRule& rule, uint64_t before,
                                           const StepWatch& watch) {
  auto process = wake(checkpoint);
  if (!process) return tl::unexpected(process.error());
  auto answer = process->ask(
      {{"do", "run"}, {"scan", to_json(rule)}, {"until_crossing", before}, {"quiet", true}}, {}, watch.stop);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->json.value("stopped", "") == "asked") return fail(kStopped);
  return answer->json.value("last", uint64_t{0});
}

Result<Json> SteppedMachine::back(const StopRule& rule, const StepWatch& watch) {
  SIM_TRY(check_can_go_back());
  // Outside of any crossing, the last one has been passed.
  const uint64_t before = place_.inside ? place_.crossing : place_.crossing + 1;
  uint64_t found = 0;
  if (rule.kind == StopRule::Kind::crossing && rule.wire == "*" && rule.conditions.empty() &&
      !rule.direction) {
    found = before - 1;
  } else {
    uint64_t end = before;
    for (size_t i = checkpoints_.size(); i-- > 0 && found == 0;) {
      if (checkpoints_[i].place.crossing >= end) continue;
      auto last = find_last(checkpoints_[i], rule, end, watch);
      if (!last) return tl::unexpected(last.error());
      found = *last;
      end = checkpoints_[i].place.crossing;
    }
  }
  if (found <= made_.crossing)
    return fail(
        fmt::format("there is no such crossing before this place (the machine starts behind crossing {})",
                    made_.crossing));
  return go_to_crossing(found, watch);
}

Result<Json> SteppedMachine::go_to_crossing(uint64_t crossing, const StepWatch& watch) {
  Checkpoint* from = nullptr;
  for (Checkpoint& checkpoint : checkpoints_) {
    if (checkpoint.place.crossing <= crossing) from = &checkpoint;
  }
  return run_from(*from, {{"until_crossing", crossing}}, watch);
}

Result<Json> SteppedMachine::go_to(uint64_t sequence, const StepWatch& watch) {
  if (sequence == 0) return go_to_start();
  if (sequence <= made_.passed)
    return fail(fmt::format("crossing {} passed while the machine was made", sequence));
  if (place_.inside && place_.sequence == sequence) return Json{{"stopped", "crossing"}};
  if (sequence > place_.passed && !ended_) {
    StepWatch onward = watch;
    const StepPlace begin = place_;
    onward.on_position = [&](const StepPlace& now) {
      if (watch.on_progress) watch.on_progress(part_done(begin, now, sequence));
      if (watch.on_position) watch.on_position(now);
    };
    return run_live({{"do", "run"}, {"until_sequence", sequence}}, onward);
  }
  SIM_TRY(check_can_go_back());
  if (sequence > place_.passed) return fail(fmt::format("the machine ended before crossing {}", sequence));
  Checkpoint* from = nullptr;
  for (Checkpoint& checkpoint : checkpoints_) {
    const StepPlace& place = checkpoint.place;
    if (place.passed < sequence || (place.inside && place.sequence == sequence)) from = &checkpoint;
  }
  return run_from(*from, {{"until_sequence", sequence}}, watch);
}

// The first checkpoint is never dropped.
Result<Json> SteppedMachine::go_to_start() {
  SIM_TRY(check_can_go_back());
  Checkpoint& first = checkpoints_.front();
  auto process = wake(first);
  if (!process) return tl::unexpected(process.error());
  return replace_live(std::move(*process), first.place, {{"stopped", "start"}});
}

Result<Json> SteppedMachine::run_from(Checkpoint& checkpoint, const Json& until, const StepWatch& watch) {
  auto process = wake(checkpoint);
  if (!process) return tl::unexpected(process.error());
  Json request{{"do", "run"}, {"quiet", true}, {"heartbeat_ms", kHeartbeatMs}};
  request.update(until);
  const uint64_t target = until.value("until_sequence", place_.sequence);
  const auto on_event = [&](const Json& event, const OwnedDescriptor&) {
    if (!watch.on_progress || event.value("event", "") != "position") return;
    watch.on_progress(part_done(checkpoint.place, step_place_in(event["position"]), target));
  };
  auto answer = process->ask(std::move(request), on_event, watch.stop);
  if (!answer) return tl::unexpected(answer.error());
  const std::string stopped = answer->json.value("stopped", "");
  if (stopped == "asked") return fail(kStopped);
  if (stopped != "crossing") {
    return fail(fmt::format("the place was not found again ({}); this is our own fault", until.dump()),
                ExitCode::internal);
  }
  const StepPlace reached = step_place_in(answer->json["position"]);
  return replace_live(std::move(*process), reached, std::move(answer->json));
}

Json SteppedMachine::replace_live(MachineProcess process, const StepPlace& place, Json answer) {
  live_.emplace(std::move(process));
  if (const size_t dropped = std::exchange(undelivered_, 0); dropped != 0) answer["dropped"] = dropped;
  place_ = place;
  ended_ = false;
  return answer;
}

}  // namespace ringside
