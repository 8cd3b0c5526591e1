#include "control/stepped_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/bytes_text.h"

namespace ringside {

StepPlace step_place_in(const Json& position) {
  return {position.value("crossing", uint64_t{0}), position.value("inside", false),
          position.value("at_ps", uint64_t{0}),    position.value("instructions", uint64_t{0}),
          position.value("sequence", uint64_t{0}), position.value("passed", uint64_t{0})};
}

SteppedMachine::~SteppedMachine() {
  // Children before their parents or behind them: each is waited for where it is ours.
  checkpoints_.clear();
  live_.reset();
}

Result<std::unique_ptr<SteppedMachine>> SteppedMachine::start(const MachineRequest& wanted,
                                                              const StepOptions& options,
                                                              OnConsole on_console, const StepWatch& watch) {
  std::unique_ptr<SteppedMachine> machine(new SteppedMachine(wanted, options, std::move(on_console)));
  auto started = MachineProcess::start(wanted, options.in_child, watch.stop);
  if (!started) return tl::unexpected(started.error());
  machine->wanted_.feed = -1;  // one machine has it
  machine->ready_ = std::move(started->ready);
  machine->live_.emplace(std::move(started->process));
  machine->place_ = machine->made_ = step_place_in(machine->ready_["position"]);
  SIM_TRY(machine->keep_first_checkpoint());
  return machine;
}

// A conversation with a server outside cannot be taken back.
Result<> SteppedMachine::keep_first_checkpoint() {
  if (ready_.contains("live_outside")) return {};
  auto kept = live_->ask({{"do", "checkpoint"}}, [this](Json event, OwnedDescriptor descriptor) {
    on_event(std::move(event), std::move(descriptor));
  });
  if (!kept) return tl::unexpected(kept.error());
  return {};
}

void SteppedMachine::on_event(Json event, OwnedDescriptor descriptor) {
  const std::string what = event.value("event", "");
  if (what == "console") {
    on_console_(event.value("console", ""), event.value("text", ""));
  } else if (what == "input") {
    if (undelivered_ != 0) --undelivered_;
    inputs_.push_back({event.value("crossing", uint64_t{0}), event.value("at_ps", uint64_t{0}),
                       event.value("instructions", uint64_t{0}), event.value("wire", ""),
                       event.value("bytes", "")});
  } else if (what == "checkpoint" && descriptor) {
    const StepPlace place = step_place_in(event["position"]);
    Checkpoint made{MachineProcess(std::move(descriptor), event.value("pid", -1)), place};
    const auto behind = std::find_if(checkpoints_.begin(), checkpoints_.end(), [&](const Checkpoint& other) {
      return other.place.crossing >= place.crossing;
    });
    // One that is there already, from the time before going back, is as good.
    if (behind != checkpoints_.end() && behind->place.crossing == place.crossing) return;
    checkpoints_.insert(behind, std::move(made));
    thin_out();
  }
}

// Of too many checkpoints the one goes whose absence costs least: a short way between its neighbours, seen
// from the present. So they stand close together near by, and ever farther apart long ago.
void SteppedMachine::thin_out() {
  if (checkpoints_.size() <= options_.checkpoints_max) return;
  const uint64_t now = std::max(place_.instructions, checkpoints_.back().place.instructions) + 1;
  size_t victim = 1;
  double cheapest = 0;
  for (size_t i = 1; i + 1 < checkpoints_.size(); ++i) {
    const auto gap = static_cast<double>(checkpoints_[i + 1].place.instructions -
                                         checkpoints_[i - 1].place.instructions + 1);
    const double age =
        std::abs(static_cast<double>(now) - static_cast<double>(checkpoints_[i].place.instructions));
    const double cost = gap / (age + 1);
    if (i == 1 || cost < cheapest) {
      cheapest = cost;
      victim = i;
    }
  }
  checkpoints_.erase(checkpoints_.begin() + static_cast<ptrdiff_t>(victim));
}

Result<Json> SteppedMachine::run(const Until& until, volatile bool* stop) {
  StepWatch watch;
  if (stop != nullptr) {
    watch.stop.wanted = [stop] {
      const bool wanted = *stop;
      *stop = false;
      return wanted;
    };
  }
  return run(until, watch);
}

Result<Json> SteppedMachine::run(const Until& until, const StepWatch& watch) {
  Json request{{"do", "run"}};
  for (const StopRule& rule : until.rules) request["rules"].push_back(to_json(rule));
  if (until.time) request["until_ps"] = until.time->ps;
  if (until.stops_idle) request["stops_idle"] = true;
  return run_live(std::move(request), watch);
}

Result<Json> SteppedMachine::run_live(Json request, const StepWatch& watch) {
  if (ended_) return fail("the machine has ended; `back` goes back, `quit` leaves");
  if (!ready_.contains("live_outside")) {
    request["checkpoint_instructions"] = options_.checkpoint_instructions;
    request["checkpoint_crossings"] = options_.checkpoint_crossings;
  }
  if (watch.on_position) request["heartbeat_ms"] = kHeartbeatMs;
  auto answer = live_->ask(
      std::move(request),
      [&](Json event, OwnedDescriptor descriptor) {
        if (event.value("event", "") == "position") {
          if (watch.on_position) watch.on_position(step_place_in(event["position"]));
        } else {
          on_event(std::move(event), std::move(descriptor));
        }
      },
      watch.stop);
  if (!answer) return tl::unexpected(answer.error());
  place_ = step_place_in(answer->json["position"]);
  ended_ = answer->json.value("stopped", "") == "ended";
  return std::move(answer->json);
}

// From here on it happens otherwise than it did.
void SteppedMachine::new_history() {
  const auto later = [this](uint64_t crossing) { return crossing > place_.crossing; };
  std::erase_if(inputs_, [&](const Input& input) {
    return later(input.crossing) || (input.crossing == place_.crossing && input.at_ps > place_.at_ps);
  });
  std::erase_if(checkpoints_, [&](const Checkpoint& checkpoint) { return later(checkpoint.place.crossing); });
}

Result<size_t> SteppedMachine::give(const std::string& wire, std::string_view bytes) {
  if (ended_) return fail("the machine has ended");
  const size_t known = inputs_.size();
  new_history();
  if (inputs_.size() != known) {
    // What the live process was told of later input no longer comes.
    auto told = live_->ask({{"do", "inputs"}, {"inputs", Json::array()}});
    if (!told) return tl::unexpected(told.error());
  }
  auto given =
      live_->ask({{"do", "input"},
                  {"wire", wire},
                  {"bytes", hex_of({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()})}});
  if (!given) return tl::unexpected(given.error());
  ++undelivered_;
  return known - inputs_.size();
}

Result<Json> SteppedMachine::where() {
  auto answer = live_->ask({{"do", "where"}});
  if (!answer) return tl::unexpected(answer.error());
  return std::move(answer->json);
}

Result<Json> SteppedMachine::view(Json request) {
  request["do"] = "view";
  auto answer = live_->ask(std::move(request));
  if (!answer) return tl::unexpected(answer.error());
  return std::move(answer->json);
}

Result<std::vector<std::string>> SteppedMachine::wires() {
  auto answer = live_->ask({{"do", "wires"}});
  if (!answer) return tl::unexpected(answer.error());
  return answer->json.value("wires", std::vector<std::string>());
}

Result<std::vector<std::string>> SteppedMachine::fault_actions(const std::string& wire) {
  auto answer = live_->ask({{"do", "faults"}, {"wire", wire}});
  if (!answer) return tl::unexpected(answer.error());
  return answer->json.value("actions", std::vector<std::string>());
}

Result<Json> SteppedMachine::save(const std::string& file, const StepWatch& watch) {
  if (wanted_.is_session)
    return fail(fmt::format("this is a replay of '{}', which is the session", wanted_.path));
  if (ready_.contains("live_outside"))
    return fail(
        "saving runs it all again, and a conversation with a server outside cannot be had again; "
        "record it with `ringside run -o`");
  auto here = where();
  if (!here) return here;
  MachineRequest recorded = wanted_;
  recorded.record_to = file;
  // Another machine's process must not hold our connections: their end is what ends these.
  auto started = MachineProcess::start(
      recorded,
      [this] {
        if (options_.in_child) options_.in_child();
        live_->forget();
        for (Checkpoint& checkpoint : checkpoints_) checkpoint.process.forget();
      },
      watch.stop);
  if (!started) return tl::unexpected(started.error());
  MachineProcess& process = started->process;
  auto told = process.ask({{"do", "inputs"}, {"inputs", inputs_behind({})}});
  if (!told) return tl::unexpected(told.error());
  Json request{{"do", "run"}, {"quiet", true}};
  if (!ended_) request["until_crossing"] = place_.crossing;
  Json ran = {{"stopped", "crossing"}};
  if (ended_ || place_.crossing > made_.crossing) {
    if (watch.on_progress) request["heartbeat_ms"] = kHeartbeatMs;
    auto answer = process.ask(
        std::move(request),
        [&](Json event, OwnedDescriptor) {
          if (!watch.on_progress || event.value("event", "") != "position") return;
          const StepPlace now = step_place_in(event["position"]);
          watch.on_progress(static_cast<double>(now.instructions) /
                            static_cast<double>(std::max<uint64_t>(place_.instructions, 1)));
        },
        watch.stop);
    if (!answer) return tl::unexpected(answer.error());
    ran = std::move(answer->json);
    if (ran.value("stopped", "") == "asked")
      return fail(fmt::format("stopped; '{}' is not a whole session", file));
  }
  auto there = process.ask({{"do", "where"}});
  if (!there) return tl::unexpected(there.error());
  const bool same = there->json["crossings_hash"] == (*here)["crossings_hash"] &&
                    there->json["position"]["crossing"] == (*here)["position"]["crossing"];
  if (!same) {
    return fail(
        fmt::format("run again, the machine did not do the same: something that it reads has changed; '{}' "
                    "holds what it did now",
                    file));
  }
  if (ran.value("stopped", "") == "ended") return ran;
  auto finished = process.ask({{"do", "finish"}, {"at_ps", place_.at_ps}});
  if (!finished) return tl::unexpected(finished.error());
  return std::move(finished->json);
}

}  // namespace ringside
