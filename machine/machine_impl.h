// The parts of a machine, for machine/*.cpp only. Members are destroyed from last to first: whoever holds a
// reference stands below what it refers to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/disk_image.h"
#include "machine/console_watch.h"
#include "machine/fault_input.h"
#include "machine/guest.h"
#include "machine/machine.h"
#include "machine/networks.h"
#include "machine/outside.h"
#include "machine/standins.h"
#include "machine/xen_consoles.h"
#include "machine/xen_guest.h"
#include "machine/xen_host.h"
#include "machine/xen_nics.h"
#include "machine/xen_shares.h"
#include "sim/random.h"
#include "sim/session/recorder.h"
#include "sim/systemc/line_trace.h"
#include "sim/systemc/timeline.h"

namespace ringside {

class PcGuest;

// One domain, and what the machine watches of it.
struct GuestParts {
  const DomainScenario* scenario = nullptr;
  std::unique_ptr<Guest> guest;
  ConsoleWatch console_watch;  // which texts of [expect] it has printed
  bool was_idle = true;
};

struct DiskParts {
  const DiskScenario* scenario = nullptr;
  std::unique_ptr<DiskImage> image;
};

// A file that the guest sees, in memory.
struct LoadedFile {
  std::string path;  // on this host; empty for one from a packed session
  std::vector<uint8_t> contents;
};

struct Machine::Impl {
  Impl(const Scenario& given_scenario, const MachineOptions& given_options)
      : scenario(given_scenario),
        options(given_options),
        scripted(given_scenario),
        quiet(std::min(given_options.quiet, given_scenario.expect.quiet)),
        instructions_max(std::min(given_options.instructions_max, given_scenario.expect.instructions_max != 0
                                                                      ? given_scenario.expect.instructions_max
                                                                      : UINT64_MAX)) {}

  Scenario scenario;
  MachineOptions options;
  ScriptedInput scripted;
  FaultInput fault_input;  // what inject() was given
  const Tick quiet;        // the limits that say that a guest hangs, beside expect.within
  const uint64_t instructions_max;
  EveryWire every_wire;  // where `quiet` needs to hear of every crossing
  std::vector<InputSource*> sources;

  Timeline timeline;
  std::unique_ptr<Wiring> wiring;
  std::unique_ptr<FaultInjector> faults;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<MachineOutside> outside;
  std::unique_ptr<Standins> standins;
  std::vector<std::unique_ptr<DiskParts>> disks;
  std::unique_ptr<XenHost> xen;  // null where no domain is paravirtual
  std::unique_ptr<XenShares> shares;
  std::unique_ptr<Networks> networks;
  std::unique_ptr<XenNics> xen_nics;          // null where `xen` is
  std::unique_ptr<LineTrace> line_trace;      // null unless asked for
  std::unique_ptr<XenConsoles> xen_consoles;  // null where no domain is paravirtual
  std::vector<std::unique_ptr<GuestParts>> guests;
  std::unique_ptr<Checkers> checkers;
  // In the order of the digest.
  Components components;
  std::vector<Memory*> memories;

  // --- building (build.cpp) ---
  Result<> build();
  Result<> build_faults();
  Result<SessionHeader> describe(std::map<std::string, LoadedFile>& files);
  Result<> build_guest(const DomainScenario& domain, std::map<std::string, LoadedFile>& files);
  Result<> load_file(const std::string& name, const char* what, std::map<std::string, LoadedFile>& files);
  Result<> build_disk(const DiskScenario& disk);
  Result<std::string> build_recorded_disk(const DiskScenario& disk, DiskImageConfig& config);
  Result<> open_disk(std::unique_ptr<DiskParts> parts, DiskImageConfig config, const std::string& path);
  Result<std::unique_ptr<PcGuest>> build_pc(const DomainScenario& domain,
                                            std::map<std::string, LoadedFile>& files,
                                            std::function<void(std::span<const uint8_t>)> output,
                                            HostedProgram program);
  Result<> find_standins(std::map<std::string, LoadedFile>& files);
  Result<> attach_checkers();
  Result<> attach_xenstore_socket();
  std::vector<PcGuest*> pc_guests() const;
  void hear_complaints();
  Result<> trace_lines();
  void list_components();

  // --- running (run_loop.cpp) ---
  bool run_loop();  // false: paused
  void begin_run();
  bool deliver_inputs();
  Tick next_input_tick() const;
  void end_epoch(bool final);
  bool should_stop();
  bool all_ended() const;
  std::string how_all_ended() const;
  std::string who_hangs() const;
  bool stopped_from_outside();
  std::string limit_reached() const;
  Tick limit_horizon() const;
  Tick earliest_after(uint64_t instructions) const;
  void take_fault(std::span<const uint8_t> text);
  Tick time_limit() const;
  bool run_slice(Tick horizon);
  Exit run_guest(Guest& guest, Tick horizon);
  void take_over();
  void print_console(GuestParts& parts, std::span<const uint8_t> bytes);
  void show_console(const std::string& console, std::span<const uint8_t> bytes);
  uint64_t memory_digest() const;
  void idle(Tick horizon);
  Tick epoch_deadline() const;
  void disturb(Tick& horizon);
  bool ended_in_order() const;
  RunReport report();
  void object_to_faults(RunReport& report) const;
  void judge(RunReport& report) const;

  std::unique_ptr<Random> disturbance;
  std::unique_ptr<Intrusion> intrusion;
  uint64_t epochs = 0;
  uint64_t epoch_ends_at = 0;   // instructions
  uint64_t epoch_began_at = 0;  // instructions
  uint64_t inputs_delivered = 0;
  uint64_t next_progress_at = 0;  // instructions
  size_t next_guest = 0;          // round robin
  Tick quantum_ends_at;
  bool look_for_upcalls = true;
  Tick xen_timer;      // Only Xen interrupts a guest that computes.
  bool began = false;  // the first turn has come
  bool over = false;   // the last one
  bool stopped_by_user = false;
  Tick pause_at = Tick::never();
  std::function<bool()> pause_wanted;
  Guest* running = nullptr;  // within its run()
  bool hung = false;
  ExitCode exit_code = ExitCode::ok;
  std::string end_reason;
  std::optional<Error> host_error;
};

}  // namespace ringside
