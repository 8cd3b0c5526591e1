// The composition root: reads a scenario and builds the machine that it describes, with everything that taps
// its wires; then runs it to its end. Nobody else knows all the parts.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkers/checker.h"
#include "cpu/cpu.h"
#include "machine/input.h"
#include "machine/intrusion.h"
#include "machine/scenario.h"
#include "sim/fault/fault_injector.h"
#include "sim/result.h"
#include "sim/session/replayer.h"
#include "sim/session/session.h"
#include "sim/session/unanswered.h"
#include "sim/wire.h"

namespace ringside {

class Hypervisor;
class PcBoard;
class XenStoreSocketInput;
struct ViewedParts;

struct Progress {
  Tick now;
  uint64_t instructions = 0;
};

struct MachineOptions {
  // Records to this file; empty: no recording.
  std::string record_to;
  // Replays instead of running freely: inputs come from it and every digest is compared. Must outlive the
  // machine.
  Replayer* replay = nullptr;
  // Ends a run early at the first block boundary at or behind this tick.
  Tick until = Tick::never();
  // What the guests print: the domain's name, or "dom1/console1" for a further console, and bytes.
  std::function<void(const std::string& domain, std::span<const uint8_t>)> on_console;
  // Called now and then (by virtual progress), for a progress line.
  std::function<void(const Progress&)> on_progress;
  // Set by a signal handler or a key: the run ends in order, and what was recorded is whole.
  const volatile bool* stop_requested = nullptr;
  // Who gives input while the machine runs: a person at a terminal, programs at a socket. Must outlive the
  // machine. A replay does without them.
  std::vector<InputSource*> live_inputs;
  // One of them, which also gets what XenStore sends to its clients; null: nobody.
  XenStoreSocketInput* xenstore_socket = nullptr;
  // Who is asked at each site of a fault what to do there (a campaign). Must outlive the machine.
  FaultScout* scout = nullptr;
  // Records the data of all disks' operations, whatever the scenario says: for stand-ins.
  bool record_data = false;
  // The run counts as hung when no crossing has passed for so long, or so many instructions have run.
  Tick quiet = Tick::never();
  uint64_t instructions_max = UINT64_MAX;
  // For a debugger, which looks for requests at each turn of the run loop: turns come at least so often (of
  // virtual time), and a guest cannot tell.
  std::function<void()> on_turn;
  Tick slice_max = Tick::never();
  // Taps (listeners) that stand where the recorder does, and see what it sees. Must outlive the machine.
  std::vector<Tap*> taps_beside_recorder;
  // More taps, placed behind the recorder and the checkers (listeners). Must outlive the machine.
  std::vector<Tap*> taps_behind;
  // Writes the interrupt lines of all PCs to this VCD file; empty: none.
  std::string vcd_to;
  // Puts models of somebody's own on a PC's board (domain's name) before its guest starts; called once for
  // each PC while the machine is made. See docs/bring-your-own-model.md.
  std::function<void(const std::string& domain, PcBoard&)> customize_board;
  // Of a run that a test makes: the test program (its file's name) and the test's name, for the session's
  // header.
  std::string program, test;
  // The programs of hosted domains, by the domain's name.
  std::map<std::string, std::function<void()>> hosted;
  // A test switch: random pauses of the host, random flushes of the emulator's TLB and extra stops, all of
  // which must have no effect. 0: off.
  uint64_t disturb_seed = 0;
  // A test switch: steps, breakpoints and forks, which must have none either.
  IntrusionOptions intrusion;
  // A test switch: flips one bit of guest memory once so many epochs are complete. 0: off.
  uint64_t flip_memory_bit_after_epoch = 0;
};

// Everything that decides what comes: equal digests, equal futures.
struct MachineDigest {
  uint64_t state = 0;   // of all components, and of the events to come
  uint64_t memory = 0;  // of all RAM
};

struct RunReport {
  ExitCode exit_code = ExitCode::ok;
  std::string reason;  // "poweroff", "the guest hung: ..."
  Tick at;
  uint64_t instructions = 0;
  uint64_t epochs = 0;
  uint64_t notices = 0;
  std::vector<std::string> missing;   // expectations that were not met
  std::vector<Violation> violations;  // what the checkers found, what the scenario allows included
  std::vector<FaultInjector::Struck> faults;
  std::vector<std::string> objections;  // faults that are for no wire of this machine, with near names
  // What was asked of recorded sessions that they cannot answer, and how often in all.
  std::vector<UnansweredRequests::Request> unanswered;
  uint64_t unanswered_count = 0;
  Intrusion::Counts intrusion;  // what the test switch did
  std::string details;          // of a crash: registers, disassembly, stack; lines for people
};

class Machine {
 public:
  // Builds everything up to, not including, the guest's first instruction.
  static Result<std::unique_ptr<Machine>> create(const Scenario& scenario, const MachineOptions& options);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Once. A failure of the host (a full disk) is an error; whatever the guest did is in the report.
  Result<RunReport> run();

  // --- The same in parts, for tests: run_on() as often as one likes, then finish(). ---
  // Runs on until the run ends (true), or pauses (false) between two turns of the run loop: at the first one
  // at or behind `until`, or at which `pause_wanted` says so. No guest can tell that there was a pause.
  Result<bool> run_on(Tick until, const std::function<bool()>& pause_wanted = {});
  // From a tap, within run_on(): the turn should end soon, so that `pause_wanted` is asked.
  void end_turn_soon();
  // What comes behind the last turn. Where the run has not ended by itself, the user ends it here.
  Result<RunReport> finish();

  Wiring& wiring();
  const Clock& clock() const;
  // What the guests have made of it. Only where a domain is paravirtual.
  Hypervisor& hypervisor();
  FaultInjector& faults();
  // A fault from now on (from the next turn of the run loop), while the machine runs. It is an input, so that
  // a replay does it again. Errors are those of FaultInjector::add().
  Result<> inject(const FaultSpec& fault);
  MachineDigest digest() const;
  // What the checkers have found so far, what the scenario allows included.
  const std::vector<Violation>& violations() const;
  // Every guest that lives waits, and nothing is pending that could end it.
  bool waits_for_input() const;
  // For a process that forks: the code that the guests have run, by domain, and having it translated before
  // the forks (Cpu::translate_ahead).
  std::vector<std::vector<SeenBlock>> seen_code() const;
  void translate_ahead(std::vector<std::vector<SeenBlock>>& code);
  // For MachineViews (machine/views.h).
  ViewedParts viewed();
  // In the child of a fork that goes on as the machine: what belonged to the parent is its own now.
  void take_over();
  // The same where the parent goes on, too: the recording is continued in this file, a copy of the parent's.
  Result<> take_over_in(const std::string& recording);
  // Hands what has been recorded to the operating system.
  void flush_recording();

 private:
  struct Impl;
  explicit Machine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The versions that a session depends on, by name: another one may give another run.
std::vector<std::pair<std::string, std::string>> component_versions();

// The scenario of a session, with its overrides applied. Files are looked for in `scenario_folder` (unless it
// is empty), where the scenario was run before, and where the build put them; a packed session needs none of
// it.
Result<Scenario> scenario_of_session(const SessionHeader& header, const std::string& scenario_folder);

// Registers every payload type of the house, for readers of sessions.
void register_all_payload_types();

}  // namespace ringside
