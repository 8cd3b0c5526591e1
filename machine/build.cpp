// Builds a machine: files, memory, hypervisor, domains, disks, and the list of parts that digests cover.
#include <fmt/format.h>

#include "machine/host_file.h"
#include "machine/machine_impl.h"
#include "machine/session_output.h"
#include "sim/hash.h"

namespace ringside {

namespace {

// Machine memory begins at 4 GiB, so that no machine frame number equals a guest's own: a driver that mixes
// them up fails here as it would on a real machine.
constexpr GuestPhys kMemoryBase{uint64_t{4} << 30};

// What Xen itself needs beside the domains: shared_info, grant frames, the machine-to-phys table and its page
// tables.
uint64_t overhead_bytes(uint64_t guest_bytes, size_t domains) {
  const uint64_t machine_to_phys = guest_bytes / 512;
  const uint64_t per_domain = 256 * kPageSize;
  const uint64_t bytes = machine_to_phys + per_domain * domains + (2 << 20);
  return (bytes + kPageSize - 1) / kPageSize * kPageSize;
}

}  // namespace

Result<> Machine::Impl::build() {
  uint64_t guest_bytes = 0;
  for (const DomainScenario& domain : scenario.domains) guest_bytes += domain.memory_bytes;
  auto created =
      Memory::create(kMemoryBase, guest_bytes + overhead_bytes(guest_bytes, scenario.domains.size()));
  if (!created) return tl::unexpected(created.error());
  memory = std::move(*created);
  wiring = std::make_unique<Wiring>(timeline.clock(), timeline.events());

  std::map<std::string, LoadedFile> files;
  for (const DiskScenario& disk : scenario.disks) SIM_TRY(build_disk(disk));
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
  for (Tap* tap : options.taps_behind) wiring->add_tap(*tap);

  HypervisorConfig config;
  config.wall_clock_seconds = scenario.wall_clock_seconds;
  config.cpu_frequency_hz = scenario.cpu_frequency_hz;
  hypervisor = std::make_unique<Hypervisor>(config, *memory, timeline.clock(), timeline.events(), *wiring);
  if (!hypervisor->page_tables.create_machine_to_phys())
    return fail("no memory for the machine-to-phys table");
  xenstore = std::make_unique<XenStore>();
  toolstack =
      std::make_unique<XenStoreClient>(*xenstore, timeline.events(), timeline.clock(), config.event_latency);
  for (const DomainScenario& domain : scenario.domains) SIM_TRY(build_guest(domain, files));
  for (const auto& disk : disks) {
    for (const auto& guest : guests) {
      if (guest->scenario->name != disk->scenario->domain) continue;
      BlkBackendConfig backend;
      backend.name = disk->scenario->name;
      backend.read_only = disk->scenario->read_only;
      backend.discard = disk->scenario->discard;
      disk->backend =
          std::make_unique<BlkBackend>(*hypervisor, *toolstack, *guest->domain, *disk->image, backend);
    }
  }
  list_components();
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
  const auto add = [&](const std::string& name, uint64_t size, uint64_t hash) {
    for (const SessionFile& have : header.files) {
      if (have.name == name) return;
    }
    header.files.push_back({name, size, hash, std::nullopt});
  };
  const auto packed = [&](const std::string& name) -> const std::vector<uint8_t>* {
    if (options.replay == nullptr) return nullptr;
    for (const SessionFile& file : options.replay->header().files) {
      if (file.name == name && file.contents) return &*file.contents;
    }
    return nullptr;
  };
  for (const DomainScenario& domain : scenario.domains) {
    for (const std::string& name : {domain.kernel, domain.ramdisk}) {
      if (name.empty() || files.count(name) != 0) continue;
      LoadedFile file;
      if (const auto* contents = packed(name)) {
        file.contents = *contents;
      } else {
        auto path = locate_file(scenario, name, name == domain.kernel ? "kernel" : "ramdisk");
        if (!path) return tl::unexpected(path.error());
        auto contents_read = read_whole_file(*path);
        if (!contents_read) return tl::unexpected(contents_read.error());
        file.path = *path;
        file.contents = std::move(*contents_read);
      }
      add(name, file.contents.size(), file_hash(file.contents));
      files.emplace(name, std::move(file));
    }
  }
  const bool hashes_wanted = !options.record_to.empty() || options.replay != nullptr;
  for (const auto& disk : disks) {
    if (!hashes_wanted) break;
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
  config.latency = disk.latency;
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
  config.path = *path;
  auto image = DiskImage::open(config, timeline.clock(), timeline.events(), *wiring);
  if (!image) return tl::unexpected(image.error());
  parts->image = std::move(*image);
  disks.push_back(std::move(parts));
  return {};
}

Result<> Machine::Impl::build_guest(const DomainScenario& given, std::map<std::string, LoadedFile>& files) {
  auto parts = std::make_unique<GuestParts>();
  GuestParts& guest = *parts;
  guest.scenario = &given;
  guest.console_watch = ConsoleWatch(scenario.expect.console);
  guest.domain = &hypervisor->create_domain();
  guest.environment = std::make_unique<PvCpuEnvironment>(scenario.cpu_frequency_hz);
  CpuConfig cpu_config;
  cpu_config.name = fmt::format("cpu/{}", given.name);
  cpu_config.frequency_hz = scenario.cpu_frequency_hz;
  auto cpu = make_unicorn_cpu(cpu_config, *memory, timeline.clock(), *guest.environment);
  if (!cpu) return tl::unexpected(cpu.error());
  guest.cpu = std::move(*cpu);
  guest.domain->cpu = guest.cpu.get();

  PvBuildRequest request;
  request.kernel_name = given.kernel;
  request.kernel = files.at(given.kernel).contents;
  if (!given.ramdisk.empty()) request.ramdisk = files.at(given.ramdisk).contents;
  request.command_line = given.command_line;
  request.memory_bytes = given.memory_bytes;
  const auto pages = build_pv_domain(*hypervisor, *guest.domain, request);
  if (!pages) return tl::unexpected(pages.error());

  give_toolstack_nodes(guest);
  xenstore->introduce(guest.domain->id);
  guest.xenstore_ring = std::make_unique<XenStoreRing>(*hypervisor, *xenstore, *guest.domain, pages->xenstore,
                                                       pages->xenstore_remote_port);
  guest.console =
      std::make_unique<PvConsole>(*hypervisor, *guest.domain, pages->console, pages->console_remote_port);
  guest.console->set_output([this, &guest](std::span<const uint8_t> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    guest.console_watch.on_output(text);
    scripted.on_console(guest.scenario->name, text);
    if (options.on_console) options.on_console(guest.scenario->name, bytes);
  });
  guest.personality = std::make_unique<PvGuest>(*hypervisor, *guest.domain);
  guests.push_back(std::move(parts));
  return {};
}

// What xl writes for a domain before it runs (tools/libs/light/libxl_create.c), with its permissions.
void Machine::Impl::give_toolstack_nodes(const GuestParts& guest) {
  const uint16_t id = guest.domain->id.value;
  const std::string base = fmt::format("/local/domain/{}", id);
  const auto put = [&](const std::string& path, const std::string& value,
                       const std::vector<std::string>& access) {
    toolstack->write(path, value);
    toolstack->set_permissions(path, access);
  };
  const std::vector<std::string> readable{"n0", fmt::format("r{}", id)};
  const std::vector<std::string> owned{fmt::format("n{}", id)};
  put(base, "", readable);
  put(base + "/name", guest.scenario->name, readable);
  put(base + "/domid", fmt::format("{}", id), readable);
  put(base + "/vm", fmt::format("/vm/{}", id), readable);
  put(base + "/memory", "", readable);
  put(base + "/memory/target", fmt::format("{}", guest.scenario->memory_bytes >> 10), readable);
  put(base + "/memory/static-max", fmt::format("{}", guest.scenario->memory_bytes >> 10), readable);
  put(base + "/cpu", "", readable);
  put(base + "/cpu/0", "", readable);
  put(base + "/cpu/0/availability", "online", readable);
  put(base + "/device", "", readable);
  put(base + "/control", "", readable);
  put(base + "/control/shutdown", "", owned);
  put(base + "/data", "", owned);
  put(fmt::format("/vm/{}", id), "", readable);
  put(fmt::format("/vm/{}/name", id), guest.scenario->name, readable);
}

void Machine::Impl::list_components() {
  for (const auto& guest : guests) {
    components.emplace_back(fmt::format("cpu/{}", guest->scenario->name), guest->cpu.get());
    components.emplace_back(guest->scenario->name, guest->domain);
    components.emplace_back(fmt::format("xenstore/{}", guest->scenario->name), guest->xenstore_ring.get());
    components.emplace_back(fmt::format("console/{}", guest->scenario->name), guest->console.get());
  }
  components.emplace_back("frames", &hypervisor->frames);
  components.emplace_back("page_tables", &hypervisor->page_tables);
  components.emplace_back("event_channels", &hypervisor->channels);
  components.emplace_back("grants", &hypervisor->grants);
  components.emplace_back("xenstore", xenstore.get());
  for (const auto& disk : disks) {
    components.emplace_back(fmt::format("image/{}", disk->scenario->name), disk->image.get());
    components.emplace_back(fmt::format("blk/{}", disk->scenario->name), disk->backend.get());
  }
}

}  // namespace ringside
