#include "machine/scenario_devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

#include "hv-model/backends/blk/virtual_device.h"
#include "machine/toolstack_command.h"
#include "sim/ids.h"

namespace ringside {

namespace {

template <size_t N>
bool read_octets(const std::string& text, char separator, int base, std::array<uint8_t, N>& into) {
  size_t at = 0;
  for (size_t i = 0; i < N; ++i) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value, base);
    const auto length = static_cast<size_t>(end - (text.data() + at));
    if (error != std::errc{} || value > 255 || length > (base == 16 ? 2u : 3u)) return false;
    into[i] = static_cast<uint8_t>(value);
    at += length;
    if (i + 1 == N) return at == text.size();
    if (at >= text.size() || text[at] != separator) return false;
    ++at;
  }
  return false;
}

void read_mac(TomlReader& table, std::array<uint8_t, 6>& mac) {
  std::string text;
  table.read("mac", text);
  if (!table.has("mac")) return;
  if (!read_octets(text, ':', 16, mac)) {
    table.error("mac", fmt::format("'{}' is no MAC address; write \"52:54:00:12:34:56\"", text));
  } else if ((mac[0] & 1) != 0) {
    table.error("mac", fmt::format("'{}' is a group address; a station's first byte is even", text));
  }
}

}  // namespace

void read_domain(TomlReader& table, DomainScenario& domain) {
  table.read("name", domain.name);
  table.read("personality", domain.personality);
  table.read_size("memory", domain.memory_bytes);
  table.read("kernel", domain.kernel);
  if (table.has("kernel") && domain.kernel.empty()) table.error("kernel", "'kernel' names no file");
  table.read("ramdisk", domain.ramdisk);
  table.read("cmdline", domain.command_line);
  table.read("firmware", domain.firmware);
  if (table.has("firmware") && domain.firmware.empty()) table.error("firmware", "'firmware' names no file");
  table.read("symbols", domain.symbols);
  table.read("hpet", domain.hpet);
  table.read_frequency("apic_frequency", domain.apic_hz);
  if (domain.apic_hz < 1'000'000 || domain.apic_hz > 10'000'000'000) {
    table.error("apic_frequency", "'apic_frequency' must be from 1MHz to 10GHz");
  }
  const std::vector<std::string> known{"pv", "pc", "pvh", "bare", "hosted", "hosted-pc"};
  if (std::find(known.begin(), known.end(), domain.personality) == known.end()) {
    table.error("personality", fmt::format("personality '{}' is not there; choose one of {}",
                                           domain.personality, fmt::join(known, ", ")));
  }
  if (domain.is_hosted()) {
    for (const char* file : {"kernel", "ramdisk", "firmware", "symbols"})
      if (table.has(file)) table.error(file, "a hosted domain's program is part of the process: no files");
  } else if (domain.firmware.empty()) {
    table.require("kernel");
  } else if (domain.personality != "pc") {
    table.error("firmware", "only a \"pc\" starts with firmware");
  } else if (!domain.kernel.empty()) {
    table.error("kernel", "a PC starts with either 'kernel' or 'firmware', which loads one from a disk");
  }
  constexpr uint64_t kSmallest = 4 << 20, kLargest = uint64_t{16} << 30, kPcSmallest = 8 << 20,
                     kPcLargest = uint64_t{3} << 30;
  const bool pc = !domain.is_paravirtual();
  if (domain.memory_bytes < (pc ? kPcSmallest : kSmallest) ||
      domain.memory_bytes > (pc ? kPcLargest : kLargest) || domain.memory_bytes % kPageSize != 0) {
    table.error("memory", fmt::format("'memory' must be from {} and a whole number of 4 KiB pages",
                                      pc ? "8M to 3G (a PC's devices lie above)" : "4M to 16G"));
  }
}

namespace {

void read_blkif(TomlReader& table, BlkBackendConfig& blkif) {
  const auto number = [&table](const char* name, uint32_t& value, uint32_t least, uint32_t most) {
    table.read(name, value);
    if (value < least || value > most)
      table.error(name, fmt::format("'{}' must be between {} and {}", name, least, most));
  };
  table.read("flush", blkif.flush);
  table.read("barrier", blkif.barrier);
  table.read("persistent", blkif.persistent);
  number("persistent_grants", blkif.persistent_grants_max, 1, BlkBackendConfig::kPersistentGrantsMax);
  number("indirect_segments", blkif.indirect_segments, 0, BlkBackendConfig::kIndirectSegmentsMax);
  number("ring_page_order", blkif.ring_page_order, 0, BlkBackendConfig::kRingPageOrderMax);
  number("queues", blkif.queues, 1, BlkBackendConfig::kQueuesMax);
  table.read("sector_size", blkif.sector_bytes);
  if (blkif.sector_bytes != 512 && blkif.sector_bytes != 4096)
    table.error("sector_size", "'sector_size' must be 512 or 4096");
  blkif.physical_sector_bytes = blkif.sector_bytes;
  table.read("physical_sector_size", blkif.physical_sector_bytes);
  const uint32_t physical = blkif.physical_sector_bytes;
  if (physical < blkif.sector_bytes || (physical & (physical - 1)) != 0 || physical > 65536) {
    table.error("physical_sector_size",
                "'physical_sector_size' must be a power of two from 'sector_size' to 65536");
  }
}

}  // namespace

void read_disk(TomlReader& table, DiskScenario& disk) {
  table.require("name");
  table.read("name", disk.name);
  table.read("domain", disk.domain);
  read_disk_contents(table, disk);
  table.read("read_only", disk.read_only);
  table.read("discard", disk.discard);
  table.read("write_cache", disk.write_cache);
  table.read("attached", disk.blkif.attached);
  table.table("blkif", [&](TomlReader& blkif) { read_blkif(blkif, disk.blkif); });
  table.table("ata", [&](TomlReader& ata) {
    ata.read("command_overhead", disk.command_overhead);
    ata.read("block_gap", disk.block_gap);
    ata.read("reset", disk.reset);
    ata.read("spin_up", disk.spin_up);
    const Tick longest = std::max({disk.command_overhead, disk.block_gap, disk.reset, disk.spin_up});
    if (longest > seconds(31)) ata.error("a disk's interface takes no longer than 31s (ATA-7, 9.2)");
  });
  table.table("latency", [&](TomlReader& latency) {
    latency.read("command", disk.latency.command);
    latency.read("seek_min", disk.latency.seek_min);
    latency.read("seek_max", disk.latency.seek_max);
    latency.read_rate("rate", disk.latency.bytes_per_second);
    latency.read("flush", disk.latency.flush);
    latency.read("queue_depth", disk.latency.queue_depth);
    if (disk.latency.queue_depth == 0) latency.error("queue_depth", "'queue_depth' must be 1 or more");
    if (disk.latency.seek_min > disk.latency.seek_max) {
      latency.error("seek_min", "'seek_min' must not be larger than 'seek_max'");
    }
    const Tick longest = seconds(1000);
    if (disk.latency.command > longest || disk.latency.seek_max > longest || disk.latency.flush > longest) {
      latency.error("a latency above 1000s is not a disk's");
    }
  });
}

void read_uart(TomlReader& table, UartScenario& uart) {
  table.read("name", uart.name);
  table.read("domain", uart.domain);
  table.read("port", uart.port);
  table.read("irq", uart.irq);
  table.read_frequency("clock", uart.clock_hz);
  if (uart.clock_hz < 10'000 || uart.clock_hz > 1'000'000'000)
    table.error("clock", "'clock' must be from 10kHz to 1GHz");
  table.read("wait_for_room", uart.wait_for_room);
  if (uart.port > 0xfff8 || uart.port % 8 != 0)
    table.error("port", "'port' must be a multiple of 8 below 65536");
  if (uart.irq == 0 || uart.irq == 2 || uart.irq > 15) table.error("irq", "'irq' must be 1 or from 3 to 15");
}

namespace {

void read_vif(TomlReader& table, NicScenario& nic) {
  VifScenario& vif = nic.vif;
  for (const char* key : {"attached", "rate", "rate_interval", "loss_ppm", "queues", "mtu", "gso",
                          "split_event_channels", "multicast_control", "control_ring"}) {
    nic.says_vif = nic.says_vif || table.has(key);
  }
  table.read("attached", vif.attached);
  table.read_rate("rate", vif.rate);
  table.read("rate_interval", vif.rate_interval);
  table.read("loss_ppm", vif.loss_ppm);
  table.read("queues", vif.queues);
  table.read("mtu", vif.mtu);
  table.read("gso", vif.gso);
  table.read("split_event_channels", vif.split_event_channels);
  table.read("multicast_control", vif.multicast_control);
  table.read("control_ring", vif.control_ring);
  if (table.has("rate") && (vif.rate < 1000 || vif.rate > 1'000'000'000'000))
    table.error("rate", "'rate' must be from 1kB/s to 1000GB/s");
  if (vif.rate_interval < milliseconds(1) || vif.rate_interval > seconds(100))
    table.error("rate_interval", "'rate_interval' must be from 1ms to 100s");
  if (vif.loss_ppm > 1'000'000) table.error("loss_ppm", "'loss_ppm' counts of a million");
  if (vif.queues == 0 || vif.queues > 64) table.error("queues", "'queues' must be from 1 to 64");
  if (vif.mtu < 68 || vif.mtu > 16'000) table.error("mtu", "'mtu' must be from 68 to 16000");
}

}  // namespace

void read_nic(TomlReader& table, NicScenario& nic) {
  table.read("name", nic.name);
  table.read("domain", nic.domain);
  table.read("model", nic.model);
  if (table.has("model") && nic.model != "82540em" && nic.model != "vif") {
    table.error("model", fmt::format("'{}' is not there; this version has \"82540em\", and \"vif\" for a "
                                     "paravirtual domain",
                                     nic.model));
  }
  read_vif(table, nic);
  read_mac(table, nic.mac);
  table.read("network", nic.network);
  table.read("megabits", nic.megabits);
  table.table("timing", [&](TomlReader& timing) {
    timing.read("autonegotiation", nic.autonegotiation);
    timing.read("eeprom_read", nic.eeprom_read);
    timing.read_frequency("pci_frequency", nic.pci_hz);
    timing.read("pci_transaction_clocks", nic.pci_transaction_clocks);
    if (nic.autonegotiation > seconds(100) || nic.eeprom_read > seconds(1)) {
      timing.error("a link comes up within 100s, and a word of the EEPROM within 1s");
    }
    if (nic.pci_hz < 1'000'000 || nic.pci_hz > 10'000'000'000 || nic.pci_transaction_clocks > 100'000) {
      timing.error("'pci_frequency' must be from 1MHz to 10GHz, 'pci_transaction_clocks' at most 100000");
    }
  });
  if (nic.megabits != 10 && nic.megabits != 100 && nic.megabits != 1000) {
    table.error("megabits", "'megabits' must be 10, 100 or 1000");
  }
}

void read_network(TomlReader& table, NetworkScenario& network) {
  table.require("name");
  table.read("name", network.name);
  table.read("latency", network.latency);
  if (network.latency > seconds(100)) table.error("latency", "a switch takes no longer than 100s");
}

void read_peer(TomlReader& table, PeerScenario& peer) {
  table.require("kind");
  table.read("kind", peer.kind);
  const std::vector<std::string> known{"responder", "pcap-player", "pcap-writer"};
  if (table.has("kind") && std::find(known.begin(), known.end(), peer.kind) == known.end()) {
    table.error("kind",
                fmt::format("'{}' is no kind of peer; choose one of {}", peer.kind, fmt::join(known, ", ")));
  }
  table.read("name", peer.name);
  table.read("network", peer.network);
  peer.mac = {0x52, 0x54, 0x00, 0x00, 0x00, 0x01};
  read_mac(table, peer.mac);
  std::string address = "10.0.2.1";
  table.read("address", address);
  if (!read_octets(address, '.', 10, peer.address)) {
    table.error("address", fmt::format("'{}' is no IPv4 address; write \"10.0.2.1\"", address));
  }
  table.read("latency", peer.latency);
  if (peer.latency > seconds(100)) table.error("latency", "a peer answers within 100s");
  table.read("loss_ppm", peer.loss_ppm);
  if (peer.loss_ppm > 1'000'000) table.error("loss_ppm", "'loss_ppm' counts of a million");
  table.read("file", peer.file);
  table.read("start", peer.start);
  if (peer.kind.starts_with("pcap-") && peer.file.empty()) table.require("file");
}

void read_capture(TomlReader& table, CaptureScenario& capture) {
  table.require("wire");
  table.require("mode");
  table.read("wire", capture.wire);
  std::string mode;
  table.read("mode", mode);
  uint64_t bytes = 0;
  table.read("bytes", bytes);
  if (mode == "full" || mode.empty()) {
    capture.policy.mode = CaptureMode::full;
  } else if (mode == "none") {
    capture.policy.mode = CaptureMode::none;
  } else if (mode == "first") {
    capture.policy.mode = CaptureMode::first_bytes;
    capture.policy.bytes = static_cast<uint32_t>(std::min<uint64_t>(bytes, UINT32_MAX));
    table.require("bytes");
  } else {
    table.error("mode", fmt::format("'{}' is no way to capture; choose one of full, first, none", mode));
  }
}

namespace {

// Every device names its domain, except where there is only one.
void assign_domain(std::string& domain, const Scenario& scenario, TomlReader& top, const std::string& who) {
  if (scenario.domains.empty()) return;
  if (domain.empty()) {
    if (scenario.domains.size() > 1) top.error(fmt::format("{} needs 'domain': there are several", who));
    domain = scenario.domains.front().name;
    return;
  }
  for (const DomainScenario& candidate : scenario.domains) {
    if (candidate.name == domain) return;
  }
  top.error(fmt::format("{} names the domain '{}', which is not there", who, domain));
}

const DomainScenario& domain_named(const Scenario& scenario, const std::string& name) {
  for (const DomainScenario& domain : scenario.domains) {
    if (domain.name == name) return domain;
  }
  return scenario.domains.front();
}

// A device's name is part of its wires' names.
void check_name(const std::string& name, const std::string& what, std::vector<std::string>& taken,
                TomlReader& top) {
  const bool word = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  });
  if (!word) top.error(fmt::format("'{}' is no name of a {}; write letters, digits, - and _", name, what));
  if (std::find(taken.begin(), taken.end(), name) != taken.end()) {
    top.error(fmt::format("two devices are named '{}'; each needs a name of its own, in several domains too",
                          name));
  }
  taken.push_back(name);
}

void need_pc(const Scenario& scenario, const std::string& domain, const std::string& who, TomlReader& top) {
  if (domain_named(scenario, domain).is_paravirtual()) {
    top.error(fmt::format("{} belongs to '{}', which is no PC: a paravirtual domain has none", who, domain));
  }
}

void assign_disks(Scenario& scenario, TomlReader& top, std::vector<std::string>& names) {
  std::map<std::string, unsigned> ata_disks;
  for (DiskScenario& disk : scenario.disks) {
    assign_domain(disk.domain, scenario, top, fmt::format("disk '{}'", disk.name));
    const bool paravirtual = domain_named(scenario, disk.domain).is_paravirtual();
    if (paravirtual && !virtual_device_number(disk.name)) {
      top.error(fmt::format("'{}' is no name of a virtual disk; write \"xvda\", \"xvdb\", ...", disk.name));
    }
    if (!paravirtual && !disk.blkif.attached) {
      top.error(fmt::format("disk '{}' is an ATA disk, which cannot be attached later", disk.name));
    }
    if (!paravirtual && ++ata_disks[disk.domain] > 4) {
      top.error(fmt::format("disk '{}' is the fifth of '{}'; an IDE controller has four places", disk.name,
                            disk.domain));
    }
    check_name(disk.name, "disk", names, top);
  }
}

void assign_shares(Scenario& scenario, TomlReader& top, std::vector<std::string>& names) {
  for (size_t i = 0; i < scenario.shares.size(); ++i) {
    ShareScenario& share = scenario.shares[i];
    if (share.name.empty()) share.name = fmt::format("share{}", i);
    if (share.tag.empty()) share.tag = share.name;
    assign_domain(share.domain, scenario, top, fmt::format("share '{}'", share.name));
    check_name(share.name, "share", names, top);
    if (!domain_named(scenario, share.domain).is_paravirtual()) {
      top.error(
          fmt::format("share '{}' belongs to '{}', which is a PC: shares are Xen's, and a PC has none yet",
                      share.name, share.domain));
    }
    for (size_t other = 0; other < i; ++other) {
      if (scenario.shares[other].domain == share.domain && scenario.shares[other].tag == share.tag)
        top.error(fmt::format("two shares of '{}' have the tag '{}'", share.domain, share.tag));
    }
  }
}

void assign_uarts(Scenario& scenario, TomlReader& top, std::vector<std::string>& names) {
  for (UartScenario& uart : scenario.uarts) {
    assign_domain(uart.domain, scenario, top, "a [[uart]]");
    if (uart.name.empty()) uart.name = "uart0";
    need_pc(scenario, uart.domain, fmt::format("uart '{}'", uart.name), top);
  }
  // Every PC has COM1, unless it says itself what it has.
  for (const DomainScenario& domain : scenario.domains) {
    const bool has_one = std::any_of(scenario.uarts.begin(), scenario.uarts.end(),
                                     [&](const UartScenario& uart) { return uart.domain == domain.name; });
    if (domain.is_paravirtual() || has_one) continue;
    UartScenario& uart = scenario.uarts.emplace_back();
    uart.name = domain.name == "dom1" ? "uart0" : fmt::format("uart0-{}", domain.name);
    uart.domain = domain.name;
  }
  for (const UartScenario& uart : scenario.uarts) check_name(uart.name, "serial port", names, top);
}

void assign_network(Scenario& scenario, TomlReader& top, std::vector<std::string>& names) {
  const auto assign = [&](std::string& network, const std::string& who) {
    if (network.empty()) {
      if (scenario.networks.size() > 1) top.error(fmt::format("{} needs 'network': there are several", who));
      if (scenario.networks.empty()) scenario.networks.push_back({"net0"});
      network = scenario.networks.front().name;
      return;
    }
    for (const NetworkScenario& candidate : scenario.networks) {
      if (candidate.name == network) return;
    }
    top.error(fmt::format("{} names the network '{}', which is not there", who, network));
  };
  uint8_t number = 0;
  for (NicScenario& nic : scenario.nics) {
    assign_domain(nic.domain, scenario, top, "a [[nic]]");
    const bool paravirtual = domain_named(scenario, nic.domain).is_paravirtual();
    if (nic.name.empty()) nic.name = fmt::format("{}{}", paravirtual ? "vif" : "nic", number);
    const char* const model = paravirtual ? "vif" : "82540em";
    if (nic.model.empty()) nic.model = model;
    if (nic.model != model) {
      top.error(fmt::format("nic '{}' belongs to '{}', whose network cards are of the model \"{}\"", nic.name,
                            nic.domain, model));
    }
    if (!paravirtual && nic.says_vif) {
      top.error(
          fmt::format("nic '{}' is a PC's: 'attached', 'rate', 'rate_interval', 'loss_ppm', 'queues', "
                      "'mtu', 'gso', 'split_event_channels', 'multicast_control' and 'control_ring' are "
                      "a virtual interface's",
                      nic.name));
    }
    if (nic.mac == std::array<uint8_t, 6>{})
      nic.mac = {0x52, 0x54, 0x00, 0x12, 0x34, static_cast<uint8_t>(0x56 + number)};
    ++number;
    assign(nic.network, fmt::format("nic '{}'", nic.name));
    check_name(nic.name, "network card", names, top);
  }
  number = 0;
  for (PeerScenario& peer : scenario.peers) {
    if (peer.name.empty()) peer.name = fmt::format("peer{}", number);
    ++number;
    assign(peer.network, fmt::format("peer '{}'", peer.name));
    check_name(peer.name, "peer", names, top);
  }
}

void assign_consoles(Scenario& scenario, TomlReader& top, std::vector<std::string>& names) {
  for (ConsoleScenario& console : scenario.consoles) {
    assign_domain(console.domain, scenario, top, "a [[console]]");
    if (!domain_named(scenario, console.domain).is_paravirtual())
      top.error(fmt::format("'{}' is no paravirtual domain: its consoles are serial ports", console.domain));
  }
  number_consoles(scenario, top);
  for (const ConsoleScenario& console : scenario.consoles) check_name(console.name, "console", names, top);
}

// Commands for the toolstack are known to be right before anything runs.
void check_toolstack(const Scenario& scenario, const InputScenario& input, TomlReader& top) {
  if (!domain_named(scenario, input.domain).is_paravirtual())
    top.error(fmt::format("'{}' is no paravirtual domain: no toolstack takes commands for it", input.domain));
  const auto commands = parse_toolstack_commands(input.send);
  if (!commands) return top.error(commands.error().message);
  for (const ToolstackCommand& command : *commands) {
    if (command.device.empty()) continue;
    const auto is_it = [&](const auto& device) {
      return device.name == command.device && device.domain == input.domain;
    };
    const bool network =
        command.verb == ToolstackVerb::network_attach || command.verb == ToolstackVerb::network_detach;
    const bool share =
        command.verb == ToolstackVerb::share_attach || command.verb == ToolstackVerb::share_detach;
    const bool there = network ? std::any_of(scenario.nics.begin(), scenario.nics.end(), is_it)
                       : share ? std::any_of(scenario.shares.begin(), scenario.shares.end(), is_it)
                               : std::any_of(scenario.disks.begin(), scenario.disks.end(), is_it);
    if (!there) {
      top.error(fmt::format("'{}' names a device that '{}' does not have: '{}'", command.text, input.domain,
                            command.device));
    }
  }
}

}  // namespace

void assign_devices(Scenario& scenario, TomlReader& top) {
  if (scenario.domains.empty()) return;
  for (size_t i = 1; i < scenario.domains.size(); ++i) {
    // Xen's domain numbers are those of our names.
    if (scenario.domains[i].is_paravirtual() && !scenario.domains[i - 1].is_paravirtual())
      top.error("paravirtual domains come first, PCs behind them");
  }
  std::vector<std::string> names;
  assign_disks(scenario, top, names);
  assign_shares(scenario, top, names);
  assign_uarts(scenario, top, names);
  assign_consoles(scenario, top, names);
  assign_network(scenario, top, names);
  for (InputScenario& input : scenario.inputs) {
    assign_domain(input.domain, scenario, top, "an [[input]]");
    if (input.wire == "toolstack") {
      check_toolstack(scenario, input, top);
      continue;
    }
    const bool known =
        input.wire == "console" ||
        std::any_of(scenario.uarts.begin(), scenario.uarts.end(),
                    [&](const UartScenario& uart) {
                      return uart.name == input.wire && uart.domain == input.domain;
                    }) ||
        std::any_of(scenario.consoles.begin(), scenario.consoles.end(), [&](const ConsoleScenario& console) {
          return console.name == input.wire && console.domain == input.domain;
        });
    if (!known) {
      top.error(fmt::format(
          "nothing can be sent on '{}'; write \"console\", \"toolstack\" or the name of a further "
          "console or serial port of '{}'",
          input.wire, input.domain));
    }
  }
}

}  // namespace ringside
