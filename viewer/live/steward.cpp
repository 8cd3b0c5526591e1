#include "viewer/live/steward.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "control/crossing_text.h"

namespace ringside::viewer {

namespace {

Json place_json(const StepPlace& place) {
  return {{"crossing", place.crossing},         {"inside", place.inside},     {"at_ps", place.at_ps},
          {"instructions", place.instructions}, {"sequence", place.sequence}, {"passed", place.passed}};
}

std::string text_of_end(const Json& report) {
  std::string text = report.value("reason", "");
  const int exit_code = report.value("exit_code", 0);
  if (exit_code != 0) text += fmt::format(" (exit code {})", exit_code);
  for (const Json& missing : report.value("missing", Json::array()))
    text += "; expected: " + missing.get<std::string>();
  return text;
}

std::string text_of_divergence(const Json& divergence) {
  return fmt::format("the replay diverged in epoch {} at {}: {}; expected: {}; found: {}",
                     divergence.value("epoch", uint64_t{0}),
                     to_string(Tick{divergence.value("at_ps", uint64_t{0})}), divergence.value("what", ""),
                     divergence.value("expected", ""), divergence.value("found", ""));
}

}  // namespace

void Steward::serve(OwnedDescriptor socket) {
  // Ctrl-C is for the window, whose end is ours. Machines' processes whose parents are gone come to us, and
  // are nobody's to wait for.
  for (const int number : {SIGINT, SIGQUIT, SIGTSTP, SIGPIPE, SIGCHLD}) std::signal(number, SIG_IGN);
  // What this process was forked from is not run down.
  auto* steward = new Steward(std::move(socket));
  for (;;) {
    if (steward->waiting_.empty()) {
      if (auto line = steward->channel_.receive(ControlChannel::Wait::yes))
        steward->waiting_.push_back(std::move(*line));
    }
    if (!steward->channel_.is_open()) {
      steward->machine_.reset();
      _exit(0);
    }
    if (steward->waiting_.empty()) continue;
    ControlChannel::Line line = std::move(steward->waiting_.front());
    steward->waiting_.pop_front();
    steward->perform(std::move(line));
  }
}

void Steward::perform(ControlChannel::Line line) {
  const Json& request = line.json;
  if (!request.is_object()) return;
  const std::string what = in_progress_ = request.value("do", "");
  Json told;
  try {
    if (what == "pause") {
      idle_run_ = nullptr;
      told = {{"state", ""}};
    } else if (what == "start") {
      told = start(request, std::move(line.descriptor));
    } else if (!failed_.empty()) {
      told = {{"error", failed_}};
    } else if (machine_ == nullptr) {
      told = {{"error", "there is no machine"}};
    } else if (is_brief(request)) {
      told = do_brief(request);
      // Answered before the run goes on, which its own answer tells of.
      if (idle_run_.is_object() && !told.contains("error") && what != "faults") {
        answer(request, told);
        const Json resumed = std::exchange(idle_run_, nullptr);
        Json now{{"event", "resumed"}};
        channel_.send(now);
        in_progress_ = "run";
        Json ended = run(resumed);
        ended["event"] = "stopped";
        channel_.send(ended);
        return;
      }
    } else if (what == "view") {
      told = view(request.at("request"));
    } else {
      idle_run_ = nullptr;
      if (what == "run") told = run(request);
      if (what == "step") told = step(request);
      if (what == "back") told = back(request);
      if (what == "go_to") told = go_to(request);
      if (what == "save") told = save(request);
    }
  } catch (const Json::exception& error) {
    told = {{"error", fmt::format("the request is malformed: {}", error.what())}};
  }
  answer(request, std::move(told));
}

void Steward::answer(const Json& request, Json answer) {
  Json whole{{"id", request.value("id", int64_t{0})}};
  if (answer.is_object()) whole.update(answer);
  channel_.send(whole);
}

void Steward::send_place(const StepPlace& place) {
  channel_.send({{"event", "place"}, {"place", place_json(place)}});
}

// --- What the window says meanwhile ---

bool Steward::is_brief(const Json& request) {
  const std::string what = request.is_object() ? request.value("do", "") : "";
  return what == "type" || what == "fault" || what == "faults";
}

Json Steward::do_brief(const Json& request) {
  const std::string what = request.value("do", "");
  if (what == "type") return give(request.at("wire"), request.at("text"), "typed");
  if (what == "fault") return give("fault", request.at("spec"), "fault given");
  return fault_actions(request);
}

bool Steward::is_interrupted() {
  while (auto line = channel_.receive(ControlChannel::Wait::no)) waiting_.push_back(std::move(*line));
  if (!channel_.is_open()) return true;
  return std::any_of(waiting_.begin(), waiting_.end(), [this](const ControlChannel::Line& line) {
    const std::string what = line.json.is_object() ? line.json.value("do", "") : "";
    // Another machine, or a place that was wanted later, makes this one pointless.
    if (what == "pause" || what == "start" || (what == "go_to" && in_progress_ == "go_to")) return true;
    return in_progress_ == "run" && is_brief(line.json);
  });
}

// True once for each: what was asked to pause, does.
bool Steward::take_pause() {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), [](const ControlChannel::Line& line) {
    const std::string what = line.json.is_object() ? line.json.value("do", "") : "";
    return what == "pause" || what == "start";
  });
  if (found == waiting_.end()) return !channel_.is_open();
  if (found->json.value("do", "") == "start") return true;
  const Json request = std::move(found->json);
  waiting_.erase(found);
  answer(request, {{"state", ""}});
  return true;
}

void Steward::do_waiting_briefs() {
  for (;;) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [](const ControlChannel::Line& line) { return is_brief(line.json); });
    if (found == waiting_.end()) return;
    const Json request = std::move(found->json);
    waiting_.erase(found);
    try {
      answer(request, do_brief(request));
    } catch (const Json::exception& error) {
      answer(request, {{"error", fmt::format("the request is malformed: {}", error.what())}});
    }
  }
}

void Steward::wait_for_window(std::chrono::nanoseconds time) {
  const auto count = time.count();
  if (count <= 0 || !channel_.is_open()) return;
  const timespec duration{count / 1'000'000'000, count % 1'000'000'000};
  pollfd waiting{channel_.descriptor(), POLLIN, 0};
  ppoll(&waiting, 1, &duration, nullptr);
}

StepWatch Steward::watch() {
  StepWatch watch;
  watch.stop.wanted = [this] { return is_interrupted(); };
  watch.stop.descriptor = channel_.descriptor();
  watch.on_progress = [this](double part) { channel_.send({{"event", "progress"}, {"part", part}}); };
  return watch;
}

// --- What becomes of it ---

Json Steward::failure(const Error& error) {
  if (error.code != ExitCode::internal) {
    Json told{{"error", error.message}, {"state", machine_->ended() ? "ended" : "paused"}};
    told["place"] = place_json(machine_->place());
    return told;
  }
  failed_ = error.message;
  return {{"state", "failed"}, {"reason", failed_}};
}

Json Steward::told_of(const Result<Json>& stopped, const std::vector<StopRule>& rules) {
  if (!stopped) return failure(stopped.error());
  Json told{{"state", machine_->ended() ? "ended" : "paused"}};
  told["place"] = place_json(machine_->place());
  const std::string why = stopped->value("stopped", "");
  if (stopped->contains("divergence")) {
    failed_ = text_of_divergence((*stopped)["divergence"]);
    told["state"] = "failed";
    told["reason"] = failed_;
  } else if (why == "rule") {
    const int64_t id = stopped->value("rule", int64_t{0});
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&](const StopRule& candidate) { return candidate.id == id; });
    std::string reason = stopped->contains("crossing") && !(*stopped)["crossing"].is_null()
                             ? (*stopped)["crossing"].value("wire", "") + " matches"
                             : "";
    if (rule != rules.end() && (reason.empty() || rule->kind != StopRule::Kind::crossing))
      reason = to_string(*rule);
    if (const std::string more = stopped->value("why", ""); !more.empty()) reason += ": " + more;
    told["reason"] = reason;
  } else if (why == "ended") {
    told["reason"] = text_of_end((*stopped)["report"]);
  } else if (why == "idle") {
    told["reason"] = "every guest waits, and nothing is pending but what you type";
  } else {
    told["reason"] = why == "asked" ? "paused" : "";
  }
  if (stopped->contains("dropped")) {
    told["message"] =
        fmt::format("{} that the machine had not taken yet: dropped", (*stopped)["dropped"].get<uint64_t>());
  }
  return told;
}

// --- What is asked ---

Json Steward::start(const Json& request, OwnedDescriptor feed) {
  machine_.reset();
  failed_.clear();
  idle_run_ = nullptr;
  MachineRequest wanted;
  wanted.path = request.at("path");
  wanted.is_session = request.value("is_session", false);
  wanted.scenario_folder = request.value("scenario_folder", "");
  wanted.record_to = request.value("record_to", "");
  wanted.overrides = request.value("overrides", Overrides());
  wanted.feed = feed.get();
  StepOptions options;
  // The window must see the end of this process, and a machine not live on the window's.
  options.in_child = [this] { channel_.close(); };
  auto started = SteppedMachine::start(
      wanted, options, [](const std::string&, const std::string&) {}, watch());
  if (!started) {
    failed_ = started.error().message;
    return {{"state", "failed"}, {"reason", failed_}};
  }
  machine_ = std::move(*started);
  Json told{{"state", "paused"}, {"ready", machine_->ready()}};
  told["place"] = place_json(machine_->place());
  return told;
}

Json Steward::give(const std::string& wire, const std::string& bytes, const std::string& what) {
  auto dropped = machine_->give(wire, bytes);
  if (!dropped) return {{"error", dropped.error().message}};
  std::string message = what == "typed" ? "" : fmt::format("{}: {}", what, bytes);
  if (*dropped != 0) {
    message += fmt::format("{}another history begins: {} that came later {} dropped",
                           message.empty() ? "" : "; ", *dropped, *dropped == 1 ? "is" : "are");
  }
  return {{"message", message}};
}

Json Steward::fault_actions(const Json& request) {
  auto actions = machine_->fault_actions(request.at("wire"));
  if (!actions) return {{"error", actions.error().message}};
  return {{"actions", *actions}};
}

Json Steward::view(const Json& request) {
  auto found = machine_->view(request);
  if (!found && found.error().code == ExitCode::internal) return failure(found.error());
  if (!found) return {{"view", {{"error", found.error().message}}}};
  found->erase("id");
  return {{"view", *found}};
}

Json Steward::save(const Json& request) {
  const std::string file = request.at("file");
  auto saved = machine_->save(file, watch());
  take_pause();
  // Whatever went wrong with the copy, the machine stands where it stood.
  Json told{{"state", machine_->ended() ? "ended" : "paused"}};
  if (!saved) {
    told["error"] = saved.error().message;
  } else {
    told["message"] = fmt::format("saved {}", file);
  }
  return told;
}

}  // namespace ringside::viewer
