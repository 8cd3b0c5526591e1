// A machine that can be stepped, and taken back. It owns one live process and the checkpoints, which are
// processes that sleep. To go back, a checkpoint is woken and runs forward to the place: a machine does the
// same each time, so that counting crossings finds it (as rr does with its traces).
//
// What a person typed, and faults given by hand, are inputs with a time and an instruction count. They are
// kept here, and given again at the same place whenever the machine is run over it again. What is given at an
// earlier place than some of them makes another history: those behind it are dropped.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/machine_process.h"
#include "control/stops.h"

namespace ringside {

struct StepOptions {
  // A checkpoint is made after so many instructions or crossings, whichever comes first.
  uint64_t checkpoint_instructions = 25'000'000;
  uint64_t checkpoint_crossings = 50'000;
  size_t checkpoints_max = 32;
  // Called first in each process that is started: what it must not hold.
  std::function<void()> in_child;
};

// Where a machine stands.
struct StepPlace {
  uint64_t crossing = 0;  // the number of the crossing that it stands in, or that was last
  bool inside = false;
  uint64_t at_ps = 0;
  uint64_t instructions = 0;
  uint64_t sequence = 0;  // of that crossing (Crossing::sequence)
  uint64_t passed = 0;    // the largest sequence so far, which crossings within a crossing have
};

// Of what takes long: who may want it to stop, and who is told how far it is.
struct StepWatch {
  StopWish stop;
  std::function<void(double)> on_progress;            // 0 to 1
  std::function<void(const StepPlace&)> on_position;  // of a machine that runs
};

StepPlace step_place_in(const Json& position);

class SteppedMachine {
 public:
  using OnConsole = std::function<void(const std::string& console, const std::string& text)>;

  static Result<std::unique_ptr<SteppedMachine>> start(const MachineRequest& wanted,
                                                       const StepOptions& options, OnConsole on_console,
                                                       const StepWatch& watch = {});
  ~SteppedMachine();

  // What the machine said when it was made: "scenario", "domains", "wires", "replay".
  const Json& ready() const { return ready_; }
  const StepPlace& place() const { return place_; }
  bool ended() const { return ended_; }

  // Goes on until a rule matches, a time has come, or something else stops it: see README.md for what it
  // answers.
  struct Until {
    std::vector<StopRule> rules;
    std::optional<Tick> time;
    bool stops_idle = false;  // at an idle machine at once, whatever time it waits for
  };
  Result<Json> run(const Until& until, const StepWatch& watch);
  // `stop` is set by Ctrl-C, and taken back.
  Result<Json> run(const Until& until, volatile bool* stop);
  // Back to the last crossing before this place that the rule matches. "dropped" in the answer: how many
  // inputs had been given and not been delivered.
  Result<Json> back(const StopRule& rule, const StepWatch& watch = {});
  // To the crossing of that sequence, forward or back; 0: before the first instruction. What else stops it on
  // the way forward is answered as run() does; on the way back it stays where it was, which is an error.
  Result<Json> go_to(uint64_t sequence, const StepWatch& watch = {});
  // Input for a wire ("dom1/console/in"), delivered as the machine goes on. Gives how many later inputs are
  // dropped for it.
  Result<size_t> give(const std::string& wire, std::string_view bytes);
  Result<Json> where();
  // {"do": "view", ...}: README.md.
  Result<Json> view(Json request);
  Result<std::vector<std::string>> wires();
  // {"do": "faults", ...}: what may be done to a wire's crossings.
  Result<std::vector<std::string>> fault_actions(const std::string& wire);
  // Runs it all again in a process of its own, recording, up to this place. Gives the outcome.
  Result<Json> save(const std::string& file, const StepWatch& watch = {});

  size_t checkpoints() const { return checkpoints_.size(); }
  size_t inputs() const { return inputs_.size(); }

 private:
  // How often a running machine tells where it is.
  static constexpr unsigned kHeartbeatMs = 30;
  struct Checkpoint {
    MachineProcess process;
    StepPlace place;
  };
  struct Input {
    uint64_t crossing = 0;  // the last one before it was delivered
    uint64_t at_ps = 0, instructions = 0;
    std::string wire, bytes_hex;
  };

  SteppedMachine(MachineRequest wanted, const StepOptions& options, OnConsole on_console)
      : wanted_(std::move(wanted)), options_(options), on_console_(std::move(on_console)) {}

  Result<> keep_first_checkpoint();
  void on_event(Json event, OwnedDescriptor descriptor);
  void thin_out();
  Result<MachineProcess> wake(Checkpoint& checkpoint);
  Json inputs_behind(const StepPlace& place) const;
  // The last match in [from its place, before), or 0.
  Result<uint64_t> find_last(Checkpoint& checkpoint, const StopRule& rule, uint64_t before,
                             const StepWatch& watch);
  Result<Json> run_live(Json request, const StepWatch& watch);
  // By a checkpoint that is woken, and takes the live one's place once it is there.
  Result<Json> run_from(Checkpoint& checkpoint, const Json& until, const StepWatch& watch);
  Result<Json> go_to_crossing(uint64_t crossing, const StepWatch& watch);
  Result<Json> go_to_start();
  Json replace_live(MachineProcess process, const StepPlace& place, Json answer);
  // Says what a person can do where there are no checkpoints.
  Result<> check_can_go_back() const;
  void new_history();

  MachineRequest wanted_;
  const StepOptions options_;
  const OnConsole on_console_;
  Json ready_;
  std::optional<MachineProcess> live_;
  std::vector<Checkpoint> checkpoints_;  // by place
  std::vector<Input> inputs_;            // in order
  StepPlace place_;
  StepPlace made_;  // where the first instruction is
  bool ended_ = false;
  size_t undelivered_ = 0;  // inputs that the live machine has been given
};

}  // namespace ringside
