// A scenario: everything that makes a machine, as its TOML file says it (docs/scenario-reference.md). A
// session holds the text, so that a replay builds the same machine from it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkers/checker.h"
#include "host/disk_image.h"
#include "hv-model/backends/blk/blk_config.h"
#include "machine/scenario_shares.h"
#include "machine/scenario_standins.h"
#include "sim/fault/fault_spec.h"
#include "sim/result.h"
#include "sim/session/session.h"
#include "sim/tick.h"
#include "sim/wire.h"

namespace ringside {

using Overrides = std::vector<std::pair<std::string, std::string>>;

struct DomainScenario {
  std::string name;
  // "pv", or a PC: "pc" (Linux's boot protocol, or firmware), "pvh", "bare". "hosted" is a paravirtual
  // domain, "hosted-pc" a PC, whose program is part of the process (ringside/hosted.h).
  std::string personality = "pv";
  uint64_t memory_bytes = 64 << 20;
  std::string kernel;
  std::string ramdisk;
  std::string command_line;
  std::string firmware;  // a PC's BIOS: a file
  std::string symbols;   // an ELF file or a System.map, for crash reports
  bool hpet = true;
  uint64_t apic_hz = 100'000'000;  // what a PC's local APIC counts, before its divider
  bool is_hosted() const { return personality == "hosted" || personality == "hosted-pc"; }
  bool is_paravirtual() const { return personality == "pv" || personality == "hosted"; }
};

struct DiskScenario {
  std::string name;
  std::string domain;
  std::string image;
  StandinScenario standin;   // instead of an image: a recorded session
  bool record_data = false;  // sessions hold the data of its operations
  bool write_file = false;   // the guest's writes reach the file
  bool read_only = false;
  bool discard = false;
  bool write_cache = true;  // of an ATA disk, as it comes up
  // Of an ATA disk's interface; devices/disk/ata_timing.h has the sources.
  Tick command_overhead = microseconds(10);
  Tick block_gap = nanoseconds(400);
  Tick reset = milliseconds(2);
  Tick spin_up;
  DiskLatency latency;
  // Of a paravirtual domain's disk. Its name and what is above of it are copied in by the machine.
  BlkBackendConfig blkif;
};

// A serial port of a PC.
struct UartScenario {
  std::string name;
  std::string domain;
  uint64_t port = 0x3f8;
  uint64_t irq = 4;
  uint64_t clock_hz = 1'843'200;
  bool wait_for_room = true;  // the sender at the other end holds back while the receiver is full
};

// What a virtual network interface has and a network card has not.
struct VifScenario {
  bool attached = true;  // from the start
  uint64_t rate = 0;     // bytes a second that the guest may send; 0: any number
  Tick rate_interval = milliseconds(50);
  uint64_t loss_ppm = 0;  // frames that are lost, each way, of a million
  uint64_t queues = 8;
  uint64_t mtu = 1500;
  bool gso = true, split_event_channels = true, multicast_control = true, control_ring = true;
};

// A network card of a PC, or a virtual network interface of a paravirtual domain.
struct NicScenario {
  std::string name;
  std::string domain;
  std::string model;  // "82540em" of a PC, "vif" of a paravirtual domain
  VifScenario vif;
  bool says_vif = false;  // it has a key that only a virtual interface has
  std::array<uint8_t, 6> mac{};
  std::string network;
  uint64_t megabits = 1000;
  // devices/nic/README.md has the sources.
  Tick autonegotiation = milliseconds(1500);
  uint64_t pci_hz = 66'666'667;
  uint64_t pci_transaction_clocks = 16;
  Tick eeprom_read = microseconds(27);
};

// A switch, and what else is plugged into it.
struct NetworkScenario {
  std::string name;
  Tick latency = microseconds(1);
};

struct PeerScenario {
  std::string kind;  // "responder", "pcap-player", "pcap-writer"
  std::string name;
  std::string network;
  std::array<uint8_t, 6> mac{};      // responder
  std::array<uint8_t, 4> address{};  // responder: IPv4
  Tick latency = microseconds(10);   // responder: until it answers
  uint64_t loss_ppm = 0;             // responder: answers that are lost, of a million
  std::string file;                  // pcap-player, pcap-writer
  Tick start;                        // pcap-player: when the first frame is sent
};

// What of a wire's crossings a recording keeps.
struct CaptureScenario {
  std::string wire;  // a glob
  CapturePolicy policy;
};

// A console of a paravirtual domain, beside its first one.
struct ConsoleScenario {
  std::string name;  // of its wires, too
  std::string domain;
  uint32_t device = 1;  // its number in the domain: hvc1 of Linux
  std::string full_name() const { return domain + "/" + name; }
};

struct InputScenario {
  std::string wire = "console";
  std::string domain;
  std::string when;        // appears on the console, after the place where the last one matched
  std::optional<Tick> at;  // or a time
  std::string send;
};

struct ExpectScenario {
  std::vector<std::string> console;     // each must appear
  std::optional<std::string> shutdown;  // "poweroff", "reboot", "suspend", "crash"
  Tick within = seconds(60);            // of virtual time; 0: no limit
  Tick quiet = Tick::never();           // hung: no crossing on any wire for so long
  uint64_t instructions_max = 0;        // hung: more than so many; 0: no limit
};

// What a campaign on this scenario does unless its command line says otherwise, and what it will find.
struct CampaignScenario {
  std::vector<std::string> sites;    // globs of wires; empty: all
  std::vector<std::string> actions;  // by name, "delay" or "delay(1ms)"; empty: all that make sense
  Tick quiet = Tick::never();        // hung: no crossing for so long
  Overrides set;                     // settings of the scenario that are others in a campaign
  // Verdicts that are right: a driver without timeouts does hang when its only completion is dropped.
  struct Right {
    std::string site, action;  // globs: of the wire, of the action
    std::string verdict;       // "driver hung"
    std::string why;
  };
  std::vector<Right> right;
  // Where there are some, a campaign is as many, one after the other, each with these settings besides:
  // kernels that differ in one planted bug.
  struct Variant {
    std::string name;
    Overrides set;
  };
  std::vector<Variant> variants;
};

struct Scenario {
  std::string name;
  std::string description;
  std::string text;    // the file as it was read
  std::string folder;  // on this host; empty when it came from a session
  std::string notes;   // of the file beside it (docs/lessons.md); they change nothing about the machine
  // Of a session's scenario: where else its files may be, and what they must be.
  std::vector<std::string> remembered_folders;
  std::vector<SessionFile> expected_files;
  std::vector<std::pair<std::string, std::string>> overrides;

  uint64_t seed = 1;
  uint64_t epoch_instructions = 500'000;
  uint64_t memory_digest_epochs = 64;
  uint64_t wall_clock_seconds = 1704067200;  // 2024-01-01 00:00:00 UTC
  uint64_t cpu_frequency_hz = 2'000'000'000;
  std::vector<DomainScenario> domains;
  std::vector<DiskScenario> disks;
  std::vector<ShareScenario> shares;
  std::vector<ConsoleScenario> consoles;
  std::vector<UartScenario> uarts;
  std::vector<NicScenario> nics;
  std::vector<NetworkScenario> networks;
  std::vector<PeerScenario> peers;
  StandinScenario xenstore_standin, events_standin;
  std::vector<CaptureScenario> captures;
  std::vector<InputScenario> inputs;
  std::vector<FaultSpec> faults;
  CheckSettings check;
  CampaignScenario campaign;
  ExpectScenario expect;
};

// A folder with a scenario.toml, a TOML file, or the name of a scenario that came with Ringside.
// What stands behind `--set` on a command line, "key=value" each.
Result<Overrides> parse_settings(const std::vector<std::string>& settings);
Result<Scenario> load_scenario(const std::string& path, const Overrides& overrides);
// From a text, as a session holds it; `origin` is for messages.
Result<Scenario> parse_scenario(const std::string& text, const std::string& origin,
                                const Overrides& overrides);

// The scenarios that came with Ringside: name, description, folder.
struct KnownScenario {
  std::string name, description, folder;
};
std::vector<KnownScenario> known_scenarios();

// Remembers where the scenario of a session lies on this host, and finds it again for a replay: a session
// holds no path, so that equal runs give equal files. In the user's state folder (XDG_STATE_HOME); a host
// without one works all the same. The same scenario may lie in several folders: the latest comes first.
void remember_folder(const Scenario& scenario);
std::vector<std::string> recall_folders(const std::string& scenario_text);

// Where a file that a scenario names is on this host: absolute, or in the scenario's folder, or where the
// build put the scenario's own files. Errors name every place that was tried.
Result<std::string> locate_file(const Scenario& scenario, const std::string& name, const std::string& what);

}  // namespace ringside
