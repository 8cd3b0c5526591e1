// Builds a machine: files, memory, hypervisor, domains, disks, and the list of parts that digests cover.
#include <fmt/format.h>

#include <algorithm>

#include "machine/host_file.h"
#include "machine/machine_impl.h"
#include "machine/pc/pc_guest.h"
#include "machine/session_output.h"
#include "machine/xenstore_socket.h"
#include "sim/hash.h"

namespace ringside {

Result<> Machine::Impl::build() {
  wiring = std::make_unique<Wiring>(timeline.clock(), timeline.events());
  for (const CaptureScenario& capture : scenario.captures) wiring->set_capture(capture.wire, capture.policy);
  SIM_TRY(build_faults());

  std::map<std::string, LoadedFile> files;
  SIM_TRY(find_standins(files));
  for (const DiskScenario& disk : scenario.disks) SIM_TRY(build_disk(disk));
  auto opened = XenShares::open(scenario, options.replay == nullptr);
  if (!opened) return tl::unexpected(opened.error());
  shares = std::move(*opened);
  auto header = describe(files);
  if (!header) return tl::unexpected(header.error());
  if (!options.record_to.empty()) {
    SIM_TRY(check_session_output(options.record_to));
    auto made = Recorder::create(options.record_to, *header);
    if (!made) return tl::unexpected(made.error());
    recorder = std::move(*made);
    wiring->add_tap(*recorder);
  }
  if (options.replay != nullptr) {
    options.replay->set_clock(timeline.clock());
    wiring->add_tap(*options.replay);
  }
  for (Tap* tap : options.taps_beside_recorder) wiring->add_tap(*tap);
  SIM_TRY(attach_checkers());
  for (Tap* tap : options.taps_behind) wiring->add_tap(*tap);
  outside =
      std::make_unique<MachineOutside>(timeline.clock(), recorder.get(), options.replay, inputs_delivered);

  const bool paravirtual = std::any_of(scenario.domains.begin(), scenario.domains.end(),
                                       [](const DomainScenario& domain) { return domain.is_paravirtual(); });
  if (paravirtual) {
    auto host = XenHost::create(scenario, timeline, *wiring);
    if (!host) return tl::unexpected(host.error());
    xen = std::move(*host);
    memories.push_back(xen->memory.get());
    checkers->set_hypervisor(*xen->hypervisor, *xen->xenstore);
  }
  SIM_TRY(attach_xenstore_socket());
  auto made_networks = Networks::create(
      scenario, timeline, options.replay == nullptr,
      [&files](const std::string& name) { return std::span<const uint8_t>(files.at(name).contents); });
  if (!made_networks) return tl::unexpected(made_networks.error());
  networks = std::move(*made_networks);
  if (xen) {
    xen_nics = std::make_unique<XenNics>(*xen->hypervisor, *xen->toolstack);
    xen->commands->set_network_devices(*xen_nics);
    xen->commands->set_shares(*shares);
    xen_consoles = std::make_unique<XenConsoles>(scenario);
  }
  for (const DomainScenario& domain : scenario.domains) SIM_TRY(build_guest(domain, files));
  hear_complaints();
  SIM_TRY(trace_lines());
  list_components();
  if (xen) faults->set_targets(&xen->fault_targets);
  return faults->check();
}

// The first tap of all. Its faults are there before the first wire is, so that each counts from the start.
Result<> Machine::Impl::build_faults() {
  faults = std::make_unique<FaultInjector>(*wiring, timeline.events(), scenario.seed);
  for (const FaultSpec& fault : scenario.faults) SIM_TRY(faults->add(fault));
  faults->set_scout(options.scout);
  if (quiet != Tick::never()) wiring->add_tap(every_wire);
  return {};
}

// One that has been loaded stays as it is.
Result<> Machine::Impl::load_file(const std::string& name, const char* what,
                                  std::map<std::string, LoadedFile>& files) {
  if (files.count(name) != 0) return {};
  LoadedFile file;
  if (options.replay != nullptr) {
    for (const SessionFile& recorded : options.replay->header().files) {
      if (recorded.name != name || !recorded.contents) continue;
      file.contents = *recorded.contents;
      files.emplace(name, std::move(file));
      return {};
    }
  }
  const auto path = locate_file(scenario, name, what);
  if (!path) return tl::unexpected(path.error());
  auto contents = read_whole_file(*path);
  if (!contents) return tl::unexpected(contents.error());
  file.path = *path;
  file.contents = std::move(*contents);
  files.emplace(name, std::move(file));
  return {};
}

// Reads kernels and ramdisks, and says what a session's header says of this run. A replay compares it.
Result<SessionHeader> Machine::Impl::describe(std::map<std::string, LoadedFile>& files) {
  SessionHeader header;
  header.scenario_name = scenario.name;
  header.scenario_text = scenario.text;
  header.overrides = scenario.overrides;
  header.seed = scenario.seed;
  header.epoch_instructions = scenario.epoch_instructions;
  header.memory_digest_epochs = scenario.memory_digest_epochs;
  header.versions = component_versions();
  header.program = options.program;
  header.test = options.test;
  header.notes = scenario.notes;
  const auto add = [&](const std::string& name, uint64_t size, uint64_t hash) {
    for (const SessionFile& have : header.files) {
      if (have.name == name) return;
    }
    header.files.push_back({name, size, hash, std::nullopt});
  };
  std::vector<std::pair<std::string, const char*>> wanted;
  for (const DomainScenario& domain : scenario.domains) {
    wanted.insert(wanted.end(), {{domain.kernel, "kernel"},
                                 {domain.ramdisk, "ramdisk"},
                                 {domain.firmware, "firmware"},
                                 {domain.symbols, "symbols"}});
  }
  for (const PeerScenario& peer : scenario.peers) {
    if (peer.kind == "pcap-player") wanted.emplace_back(peer.file, "capture file");
  }
  for (const StandinScenario* standin : standins_of(scenario)) wanted.emplace_back(standin->file, "session");
  for (const auto& [name, what] : wanted) {
    if (name.empty()) continue;
    SIM_TRY(load_file(name, what, files));
    const std::vector<uint8_t>& contents = files.at(name).contents;
    add(name, contents.size(), file_hash(contents));
  }
  const bool hashes_wanted = !options.record_to.empty() || options.replay != nullptr;
  for (const auto& disk : disks) {
    if (!hashes_wanted) break;
    if (disk->scenario->standin) continue;
    const auto hash = disk->image->content_hash();
    if (!hash) return tl::unexpected(hash.error());
    add(disk->scenario->image, disk->image->size_bytes(), *hash);
  }
  if (options.replay == nullptr) return header;
  for (const SessionFile& recorded : options.replay->header().files) {
    for (const SessionFile& found : header.files) {
      if (found.name != recorded.name || (found.size == recorded.size && found.hash == recorded.hash))
        continue;
      return fail(fmt::format(
          "'{}' has changed since the session was recorded: it had {} bytes with hash {:016x}, now {} bytes "
          "with "
          "{:016x}. Bring the old file back, or record anew; `ringside pack` keeps files inside a session.",
          recorded.name, recorded.size, recorded.hash, found.size, found.hash));
    }
  }
  return header;
}

Result<> Machine::Impl::build_disk(const DiskScenario& disk) {
  auto parts = std::make_unique<DiskParts>();
  parts->scenario = &disk;
  DiskImageConfig config;
  config.name = disk.name;
  config.writable_file = disk.write_file;
  config.record_data = disk.record_data || options.record_data;
  config.latency = disk.latency;
  if (disk.standin) {
    auto path = build_recorded_disk(disk, config);
    if (!path) return tl::unexpected(path.error());
    return open_disk(std::move(parts), config, *path);
  }
  const std::vector<uint8_t>* packed = nullptr;
  if (options.replay != nullptr) {
    for (const SessionFile& file : options.replay->header().files) {
      if (file.name == disk.image && file.contents) packed = &*file.contents;
    }
    // A replay must not write what the recording wrote: the file would no longer be what it was.
    config.writable_file = false;
  }
  auto path =
      packed != nullptr ? path_of_contents(disk.image, *packed) : locate_file(scenario, disk.image, "image");
  if (!path) return tl::unexpected(path.error());
  return open_disk(std::move(parts), config, *path);
}

// The disk's size is all that is asked of its file.
Result<std::string> Machine::Impl::build_recorded_disk(const DiskScenario& disk, DiskImageConfig& config) {
  auto recording = standins->disk(disk);
  if (!recording) return tl::unexpected(recording.error());
  const auto path = path_of_zeros(disk.name, recording->sectors * DiskImage::kSectorSize);
  if (!path) return tl::unexpected(path.error());
  config.source = std::make_shared<RecordedDisk>("disk/" + disk.name, disk.standin.file,
                                                 std::move(*recording), standins->unanswered(), *wiring);
  return *path;
}

Result<> Machine::Impl::open_disk(std::unique_ptr<DiskParts> parts, DiskImageConfig config,
                                  const std::string& path) {
  const DiskScenario& disk = *parts->scenario;
  config.path = path;
  auto image = DiskImage::open(config, timeline.clock(), timeline.events(), *wiring);
  if (!image) return tl::unexpected(image.error());
  parts->image = std::move(*image);
  if (const uint32_t sector = disk.blkif.physical_sector_bytes; parts->image->size_bytes() % sector != 0) {
    return fail(
        fmt::format("disk '{}': image {} has {} bytes, which is no whole number of sectors of {} bytes",
                    disk.name, path, parts->image->size_bytes(), sector));
  }
  disks.push_back(std::move(parts));
  return {};
}

Result<> Machine::Impl::build_guest(const DomainScenario& given, std::map<std::string, LoadedFile>& files) {
  auto parts = std::make_unique<GuestParts>();
  parts->scenario = &given;
  parts->console_watch = ConsoleWatch(scenario.expect.console);
  const auto output = [this, &watched = *parts](std::span<const uint8_t> bytes) {
    print_console(watched, bytes);
  };
  static const std::vector<uint8_t> kNone;
  const auto contents = [&](const std::string& name) -> const std::vector<uint8_t>& {
    const auto found = files.find(name);
    return found == files.end() ? kNone : found->second.contents;
  };
  HostedProgram program;
  if (given.is_hosted()) {
    const auto found = options.hosted.find(given.name);
    if (found == options.hosted.end() || !found->second) {
      return fail(fmt::format(
          "'{}' is hosted: its driver is part of a test program, and only that can run it", given.name));
    }
    program = found->second;
  }
  if (given.is_paravirtual()) {
    auto guest = XenGuest::create(scenario, given, contents(given.kernel), contents(given.ramdisk), *xen,
                                  *standins, timeline, output, std::move(program));
    if (!guest) return tl::unexpected(guest.error());
    for (const auto& disk : disks) {
      if (disk->scenario->domain != given.name) continue;
      BlkBackend& backend = xen->disks->add(*disk->scenario, *disk->image, (*guest)->domain());
      const std::string& owner = (*guest)->domain().name;
      const std::string& name = disk->scenario->name;
      xen->fault_targets.add(
          {fmt::format("{}/ring/{}/", owner, name), fmt::format("{}/xenbus/{}", owner, name)}, backend);
    }
    for (const NicScenario& nic : scenario.nics) {
      if (nic.domain != given.name) continue;
      NetBackend& backend =
          xen_nics->add(nic, scenario.seed, networks->attach(nic.network, nic.name), (*guest)->domain());
      const std::string& owner = (*guest)->domain().name;
      xen->fault_targets.add(
          {fmt::format("{}/ring/{}/", owner, nic.name), fmt::format("{}/eth/{}/", owner, nic.name),
           fmt::format("{}/xenbus/{}", owner, nic.name)},
          backend);
    }
    xen_consoles->attach(given.name, (*guest)->domain(), *xen,
                         [this](const ConsoleScenario& console, std::span<const uint8_t> bytes) {
                           show_console(console.full_name(), bytes);
                         });
    SIM_TRY(shares->attach(given.name, (*guest)->domain(), *xen, {*outside, *standins, timeline}));
    parts->guest = std::move(*guest);
  } else {
    auto guest = build_pc(given, files, output, std::move(program));
    if (!guest) return tl::unexpected(guest.error());
    parts->guest = std::move(*guest);
  }
  if (Memory* own = parts->guest->memory()) memories.push_back(own);
  guests.push_back(std::move(parts));
  return {};
}

Result<std::unique_ptr<PcGuest>> Machine::Impl::build_pc(const DomainScenario& domain,
                                                         std::map<std::string, LoadedFile>& files,
                                                         std::function<void(std::span<const uint8_t>)> output,
                                                         HostedProgram program) {
  PcFiles own;
  for (const auto& [name, into] : {std::pair{&domain.kernel, &own.kernel},
                                   {&domain.ramdisk, &own.ramdisk},
                                   {&domain.firmware, &own.firmware},
                                   {&domain.symbols, &own.symbols}}) {
    const auto found = files.find(*name);
    if (found == files.end()) continue;
    // Several domains may start the same kernel; a single one may have it.
    if (scenario.domains.size() == 1) {
      *into = std::move(found->second.contents);
    } else {
      *into = found->second.contents;
    }
  }
  PcSurroundings surroundings{scenario, timeline, *wiring, {}, *networks, std::move(output), {}, {}};
  surroundings.program = std::move(program);
  for (const auto& disk : disks) {
    if (disk->scenario->domain == domain.name)
      surroundings.disks.emplace_back(disk->scenario, disk->image.get());
  }
  if (options.customize_board) {
    surroundings.customize = [this, &domain](PcBoard& board) { options.customize_board(domain.name, board); };
  }
  return PcGuest::create(domain, std::move(own), surroundings);
}

// Sessions are read by path; those of a packed session have none.
Result<> Machine::Impl::find_standins(std::map<std::string, LoadedFile>& files) {
  standins = std::make_unique<Standins>(scenario);
  for (const StandinScenario* standin : standins_of(scenario)) {
    if (files.count(standin->file) == 0) SIM_TRY(load_file(standin->file, "session", files));
    LoadedFile& file = files.at(standin->file);
    if (file.path.empty()) {
      const auto path = path_of_contents(standin->file, file.contents);
      if (!path) return tl::unexpected(path.error());
      file.path = *path;
    }
    standins->add_file(standin->file, file.path);
  }
  return {};
}

// Domains come later than their checkers, which ask for them by name when they have something to say.
Result<> Machine::Impl::attach_checkers() {
  SIM_TRY(check_settings(scenario.check));
  const auto find = [this](std::string_view name) -> Guest* {
    for (const auto& parts : guests) {
      if (parts->scenario->name == name) return parts->guest.get();
    }
    return nullptr;
  };
  CheckedMachine checked{.clock = timeline.clock(), .wiring = *wiring};
  checked.notices = [this, find](std::string_view name) -> Notices* {
    if (Guest* guest = find(name)) return &guest->notice_sink();
    return guests.empty() ? nullptr : &guests.front()->guest->notice_sink();
  };
  checked.memory = [this, find](std::string_view name) -> Memory* {
    Guest* guest = find(name);
    if (guest == nullptr) return nullptr;
    Memory* own = guest->memory();
    return own != nullptr || !xen ? own : xen->memory.get();
  };
  checked.page_table_root = [find](std::string_view name) -> std::optional<uint64_t> {
    Guest* guest = find(name);
    const NativeCpu* cpu = guest != nullptr ? guest->debuggable() : nullptr;
    if (cpu == nullptr) return std::nullopt;
    constexpr uint64_t kLongModeActive = 1 << 10, kFiveLevels = 1 << 12;  // EFER.LMA, CR4.LA57
    const SystemRegisters registers = cpu->system_registers();
    if ((registers.efer & kLongModeActive) == 0 || (registers.cr4 & kFiveLevels) != 0) return std::nullopt;
    return registers.cr3;
  };
  if (std::any_of(scenario.domains.begin(), scenario.domains.end(),
                  [](const DomainScenario& domain) { return domain.personality == "hosted-pc"; })) {
    checked.outside_pages = [find](std::string_view name, uint64_t address,
                                   uint64_t length) -> std::optional<std::string> {
      const auto* pc = dynamic_cast<const PcGuest*>(find(name));
      const HostedCpu* hosted = pc != nullptr ? pc->hosted() : nullptr;
      if (hosted == nullptr || hosted->in_drivers_pages(GuestPhys{address}, length)) return std::nullopt;
      return hosted->place();
    };
  }
  checkers = std::make_unique<Checkers>(std::move(checked), scenario.check);
  return {};
}

Result<> Machine::Impl::attach_xenstore_socket() {
  if (options.xenstore_socket == nullptr || options.replay != nullptr) return {};
  if (!xen) return fail("no domain of the scenario is paravirtual, so there is no XenStore to connect to");
  xen->socket_clients->set_output(
      [socket = options.xenstore_socket](uint32_t client, std::span<const uint8_t> message) {
        socket->deliver(client, message);
      });
  return {};
}

std::vector<PcGuest*> Machine::Impl::pc_guests() const {
  std::vector<PcGuest*> pcs;
  for (const auto& parts : guests) {
    auto* pc = dynamic_cast<PcGuest*>(parts->guest.get());
    if (pc != nullptr) pcs.push_back(pc);
  }
  return pcs;
}

// A malformed frame is news for the author of the driver that sent it. A switch does not know whose frame it
// is, so the first PC's notices tell it, or the first paravirtual domain's where there is no PC.
void Machine::Impl::hear_complaints() {
  const std::vector<PcGuest*> pcs = pc_guests();
  if (pcs.empty() && xen) {
    networks->on_complaint([domain = xen->hypervisor->find_domain(DomainId{1})](const std::string& peer,
                                                                                const std::string& what) {
      domain->notices.emit(NoticeKind::unusual, peer, what);
    });
  }
  if (pcs.empty()) return;
  networks->on_complaint([board = &pcs.front()->board()](const std::string& peer, const std::string& what) {
    board->site(peer).notice(NoticeKind::unusual, what);
  });
}

// --vcd: the interrupt lines of each PC.
Result<> Machine::Impl::trace_lines() {
  if (options.vcd_to.empty()) return {};
  std::vector<std::string> names;
  const std::vector<PcGuest*> pcs = pc_guests();
  if (pcs.empty()) return fail("--vcd writes interrupt lines, and no domain of the scenario is a PC");
  for (size_t i = 0; i < pcs.size(); ++i) {
    for (unsigned line = 0; line < Platform::kLines; ++line) {
      names.push_back(pcs.size() == 1 ? fmt::format("irq{}", line) : fmt::format("pc{}_irq{}", i + 1, line));
    }
  }
  auto trace = LineTrace::create(options.vcd_to, names, timeline);
  if (!trace) return tl::unexpected(trace.error());
  line_trace = std::move(*trace);
  for (size_t i = 0; i < pcs.size(); ++i) {
    pcs[i]->board().platform().on_line_change(
        [this, first = i * Platform::kLines](unsigned line, bool level) {
          line_trace->set(first + line, level);
        });
  }
  return {};
}

void Machine::Impl::print_console(GuestParts& parts, std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  parts.console_watch.on_output(text);
  show_console(parts.scenario->name, bytes);
}

void Machine::Impl::show_console(const std::string& console, std::span<const uint8_t> bytes) {
  scripted.on_console(console, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (options.on_console) options.on_console(console, bytes);
}

void Machine::Impl::list_components() {
  for (const auto& parts : guests) parts->guest->list_components(components);
  networks->list_components(components);
  if (xen) xen->list_components(components);
  if (xen_consoles) xen_consoles->list_components(components);
  if (xen_nics) xen_nics->list_components(components);
  shares->list_components(components);
  for (const auto& disk : disks) {
    components.emplace_back(fmt::format("image/{}", disk->scenario->name), disk->image.get());
    const Stateful* backend = xen ? xen->disks->backend_of(*disk->scenario) : nullptr;
    if (backend != nullptr) components.emplace_back(fmt::format("blk/{}", disk->scenario->name), backend);
  }
  if (!standins_of(scenario).empty()) components.emplace_back("unanswered", &standins->unanswered());
  if (!faults->empty()) components.emplace_back("faults", faults.get());
}

}  // namespace ringside
