// The parts of a machine, for machine/*.cpp only. Members are destroyed from last to first: whoever holds a
// reference stands below what it refers to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cpu/cpu.h"
#include "host/disk_image.h"
#include "hv-model/backends/blk/blk_backend.h"
#include "hv-model/console/pv_console.h"
#include "hv-model/hypervisor.h"
#include "hv-model/pv/builder.h"
#include "hv-model/pv/pv_guest.h"
#include "hv-model/xenstore/client.h"
#include "hv-model/xenstore/xenstore.h"
#include "hv-model/xenstore/xenstore_ring.h"
#include "machine/console_watch.h"
#include "machine/machine.h"
#include "sim/random.h"
#include "sim/session/recorder.h"
#include "sim/systemc/timeline.h"

namespace ringside {

// One guest and what it alone has.
struct GuestParts {
  const DomainScenario* scenario = nullptr;
  std::unique_ptr<PvCpuEnvironment> environment;
  std::unique_ptr<Cpu> cpu;
  Domain* domain = nullptr;
  std::unique_ptr<PvGuest> personality;
  std::unique_ptr<XenStoreRing> xenstore_ring;
  std::unique_ptr<PvConsole> console;
  Wire* input_wire = nullptr;
  ConsoleWatch console_watch;  // which texts of [expect] it has printed
  bool was_idle = true;
};

struct DiskParts {
  const DiskScenario* scenario = nullptr;
  std::unique_ptr<DiskImage> image;
  std::unique_ptr<BlkBackend> backend;
};

// A file that the guest sees, in memory.
struct LoadedFile {
  std::string path;  // on this host; empty for one from a packed session
  std::vector<uint8_t> contents;
};

struct Machine::Impl {
  Impl(const Scenario& given_scenario, const MachineOptions& given_options)
      : scenario(given_scenario), options(given_options), scripted(given_scenario.inputs) {}

  Scenario scenario;
  MachineOptions options;
  ScriptedInput scripted;
  std::vector<InputSource*> sources;

  Timeline timeline;
  std::unique_ptr<Wiring> wiring;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<Memory> memory;
  std::unique_ptr<Hypervisor> hypervisor;
  std::unique_ptr<XenStore> xenstore;
  std::unique_ptr<XenStoreClient> toolstack;
  std::vector<std::unique_ptr<GuestParts>> guests;
  std::vector<std::unique_ptr<DiskParts>> disks;
  // In the order of the digest: name and part.
  std::vector<std::pair<std::string, const Stateful*>> components;

  // --- building (build.cpp) ---
  Result<> build();
  Result<SessionHeader> describe(std::map<std::string, LoadedFile>& files);
  Result<> build_guest(const DomainScenario& domain, std::map<std::string, LoadedFile>& files);
  Result<> build_disk(const DiskScenario& disk);
  void give_toolstack_nodes(const GuestParts& guest);
  void list_components();

  // --- running (run_loop.cpp) ---
  void run_loop();
  bool deliver_inputs();
  Tick next_input_tick() const;
  void end_epoch(bool final);
  bool should_stop();
  bool all_ended() const;
  std::string how_all_ended() const;
  std::string who_hangs() const;
  bool stopped_from_outside();
  Tick time_limit() const;
  bool run_slice(Tick horizon);
  void idle(Tick horizon);
  Tick epoch_deadline() const;
  void disturb(Tick& horizon);
  RunReport report();

  std::unique_ptr<Random> disturbance;
  uint64_t epochs = 0;
  uint64_t epoch_ends_at = 0;   // instructions
  uint64_t epoch_began_at = 0;  // instructions
  uint64_t inputs_delivered = 0;
  uint64_t next_progress_at = 0;  // instructions
  size_t next_guest = 0;          // round robin
  Tick quantum_ends_at;
  bool look_for_upcalls = true;
  bool hung = false;
  ExitCode exit_code = ExitCode::ok;
  std::string end_reason;
  std::optional<Error> host_error;
};

}  // namespace ringside
