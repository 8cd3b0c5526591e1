// The process between the window and a machine. It owns the SteppedMachine, does what the window asks for,
// one thing after another, and hears of a pause meanwhile. Requests and answers are JSON lines:
//
//   {"do": "start", "path", "is_session", "scenario_folder", "overrides", "record_to"}, with a feed's
//   descriptor
//   {"do": "run", "speed", "rules"}   {"do": "pause"}   {"do": "step", "wire"}   {"do": "back", "wire"}
//   {"do": "go_to", "sequence"}   {"do": "save", "file"}
//   {"do": "type", "wire", "text"}   {"do": "fault", "spec"}   {"do": "faults", "wire"}
//   {"do": "view", "request"}
//
// Each has an `id`, and one answer that repeats it, when it is done: `state` (paused, ended, failed),
// `place`, `reason`, `message`, `error`, and what it was asked for. Between come {"event": "place", "place"}
// while the machine runs, and {"event": "progress", "part"}.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "control/stepped_machine.h"

namespace ringside::viewer {

class Steward {
 public:
  // In a process of its own: serves until the window is gone. Never returns.
  [[noreturn]] static void serve(OwnedDescriptor socket);

 private:
  explicit Steward(OwnedDescriptor socket) : channel_(std::move(socket)) {}

  void perform(ControlChannel::Line line);
  Json start(const Json& request, OwnedDescriptor feed);
  Json run(const Json& request);
  Json step(const Json& request);
  Json back(const Json& request);
  Json go_to(const Json& request);
  Json save(const Json& request);
  Json give(const std::string& wire, const std::string& bytes, const std::string& what);
  Json view(const Json& request);
  Json fault_actions(const Json& request);

  // What takes no time and leaves the machine where it is: done while it runs, which it goes on to.
  static bool is_brief(const Json& request);
  Json do_brief(const Json& request);
  void do_waiting_briefs();
  // Takes in what the window has sent. Whether it contains what ends the thing in progress.
  bool is_interrupted();
  bool take_pause();
  void wait_for_window(std::chrono::nanoseconds time);

  StepWatch watch();
  void send_place(const StepPlace& place);
  void answer(const Json& request, Json answer);
  // What a stop means: state, reason.
  Json told_of(const Result<Json>& stopped, const std::vector<StopRule>& rules = {});
  Json failure(const Error& error);

  ControlChannel channel_;
  std::unique_ptr<SteppedMachine> machine_;
  std::deque<ControlChannel::Line> waiting_;
  std::string in_progress_;  // a request's "do"
  std::string failed_;       // why there is nothing more to be had of this machine; empty: there is
  // The run that ended because every guest waits: what is typed then goes on with it.
  Json idle_run_;
};

}  // namespace ringside::viewer
