// A machine that the viewer runs: a scenario live, or a session's run once more, up to the cursor, for what
// the file cannot tell (registers, memory). It is two processes away: GL starts threads, so that the window's
// process must not fork machines. prepare() forks a steward before there is a window; the steward owns a
// SteppedMachine (control/stepped_machine.h), and does what it is asked to, one thing after another, while
// the window goes on.
//
//   window --(requests, answers: JSON lines)--> steward --(control protocol)--> machine, checkpoints
//   window <--(crossings, as they pass: packets)-------------------------------- machine
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/channel.h"
#include "control/server.h"
#include "control/stepped_machine.h"
#include "sim/result.h"
#include "viewer/session/viewed_session.h"

namespace ringside::viewer {

class LiveMachine {
 public:
  // Before SDL_Init, in a process without threads.
  static Result<std::unique_ptr<LiveMachine>> prepare();
  ~LiveMachine();

  // --- What it is asked to do; each returns at once. One thing runs at a time: what comes in between waits,
  // apart from pause(), which ends a run. --- A scenario (is_session false): `feed` gets its crossings, and
  // is told another history when one begins. A session: no feed, the rows are known.
  void start(const MachineRequest& wanted, ViewedSession* feed);
  // On until it is paused, or one of the rules matches. speed: virtual seconds per second of the host's; 0:
  // as fast as it goes.
  void run(double speed, std::vector<StopRule> rules = {});
  void pause();
  // To the next crossing of a wire (a glob), or back to the last one.
  void step(const std::string& wire_glob);
  void back(const std::string& wire_glob);
  // To a crossing, by its sequence (CrossingTable::sequence), forward or back; with progress.
  void go_to(uint64_t sequence);
  void type(const std::string& console_wire, const std::string& text);
  void fault(const std::string& spec);
  // What a wire takes: menu entries, ready to be given to fault() (sim/fault/fault_actions.h).
  void ask_fault_actions(const std::string& wire);
  void save(const std::string& file);
  // {"do": "view", "name": ..}: control/README.md. The answer belongs to the place where the machine stands.
  void ask_view(const std::string& key, Json request);

  // --- What has come of it. poll() each frame: takes in answers, crossings, console text; true where
  // something has changed. ---
  bool poll();
  enum class State : uint8_t { none, starting, paused, running, going, ended, failed };
  State state() const;
  // While `going`, `starting`, saving: 0 to 1.
  double progress() const;
  const StepPlace& place() const;
  // The sequence of the crossing that it stands in, or that was last; 0: none.
  uint64_t sequence() const;
  // What stopped it last, in words: "dom1/ring/xvda/request matches". Of a failure, its message.
  const std::string& reason() const;
  // What started(): "scenario", "domains", "wires".
  const Json& ready() const;
  // The answer to ask_view(key), where the machine still stands at the place that it was asked at; null
  // before.
  const Json* view(const std::string& key) const;
  const std::vector<std::string>* fault_actions(const std::string& wire) const;
  // Of what was asked last by type(), fault(), save(): a line for the status bar; empty: nothing new.
  std::string take_message();

 private:
  struct Impl;
  explicit LiveMachine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "paused"
std::string_view to_string(LiveMachine::State state);

}  // namespace ringside::viewer
