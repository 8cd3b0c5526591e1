// From files to the first instruction: memory, the core, firmware's work or firmware itself.
#include <fmt/format.h>

#include <algorithm>

#include "boot/bios.h"
#include "boot/fw_cfg.h"
#include "boot/memory_map.h"
#include "boot/mp_table.h"
#include "boot/pc_setup.h"
#include "checkers/driver/driver_report.h"
#include "machine/pc/pc_guest.h"

namespace ringside {

namespace {

constexpr uint64_t kVgaWindowBytes = 0x20000;

BootProtocol protocol_of(const DomainScenario& domain) {
  if (domain.personality == "pvh") return BootProtocol::pvh;
  if (domain.personality == "bare") return BootProtocol::bare;
  return BootProtocol::automatic;
}

CpuEntry entry_of(const BootState& state) {
  CpuEntry entry;
  switch (state.mode) {
    case BootMode::reset_vector: entry.mode = EntryMode::reset_vector; break;
    case BootMode::protected_32: entry.mode = EntryMode::protected_32; break;
    case BootMode::long_64: entry.mode = EntryMode::long_64; break;
  }
  entry.rip = state.rip;
  entry.general = state.general;
  entry.page_table_root = state.page_table_root;
  entry.descriptor_table = state.descriptor_table;
  entry.descriptor_table_limit = state.descriptor_table_limit;
  entry.code_selector = state.code_selector;
  entry.data_selector = state.data_selector;
  return entry;
}

}  // namespace

Result<> PcGuest::make_memory_and_core() {
  auto memory = Memory::create(GuestPhys{0}, domain_.memory_bytes,
                               domain_.is_hosted() ? HostPlace::memory : HostPlace::anywhere);
  if (!memory) return tl::unexpected(memory.error());
  memory_ = std::move(*memory);
  for (Bus* bus : {&ports_, &mmio_}) bus->set_wait([this](Tick delay) { cpu_->charge(delay); });
  if (domain_.is_hosted()) {
    HostedCpuConfig hosted;
    hosted.name = fmt::format("cpu/{}", domain_.name);
    hosted.frequency_hz = surroundings_.scenario.cpu_frequency_hz;
    hosted.program = surroundings_.program;
    hosted.reports =
        &surroundings_.wiring.add(domain_.name + "/driver", WireKind::sampled, kDriverReportPayload);
    auto core = std::make_unique<HostedCpu>(std::move(hosted), *memory_, surroundings_.timeline.clock(),
                                            environment_, &environment_);
    hosted_ = core.get();
    cpu_ = std::move(core);
    return {};
  }
  NativeCpuConfig config;
  config.name = fmt::format("cpu/{}", domain_.name);
  config.frequency_hz = surroundings_.scenario.cpu_frequency_hz;
  config.holes.push_back({GuestPhys{kVgaWindow}, kVgaWindowBytes});
  if (!files_.firmware.empty()) {
    auto bios = boot_bios(*memory_, domain_.firmware, files_.firmware);
    if (!bios) return tl::unexpected(bios.error());
    config.roms.push_back({bios->base, files_.firmware});
    entry_ = bios->state;
  }
  auto cpu = make_native_cpu(config, *memory_, surroundings_.timeline.clock(), environment_);
  if (!cpu) return tl::unexpected(cpu.error());
  cpu_ = std::move(*cpu);
  return {};
}

// For a machine without firmware.
Result<GuestPhys> PcGuest::do_firmwares_work() {
  // Configuration mechanism 1, as firmware uses it.
  constexpr uint16_t kConfigAddress = 0xcf8, kConfigData = 0xcfc;
  const auto select = [this](unsigned device, unsigned function, uint8_t offset) {
    ports_.write(kConfigAddress, 4, 0x8000'0000u | device << 11 | function << 8 | (offset & 0xfc));
    return static_cast<uint16_t>(kConfigData + (offset & 3));
  };
  PcHardware hardware;
  hardware.config_read = [&](unsigned device, unsigned function, uint8_t offset, unsigned size) {
    return static_cast<uint32_t>(ports_.read(select(device, function, offset), size));
  };
  hardware.config_write = [&](unsigned device, unsigned function, uint8_t offset, unsigned size,
                              uint32_t value) {
    ports_.write(select(device, function, offset), size, value);
  };
  hardware.port_write = [&](uint16_t port, uint8_t value) { ports_.write(port, 1, value); };
  hardware.memory_write = [&](GuestPhys address, uint32_t value) { mmio_.write(address.value, 4, value); };
  auto layout = set_up_pc(hardware);
  if (!layout) return tl::unexpected(layout.error());
  MpTableConfig table;
  table.routes = layout->routes;
  store_mp_table(*memory_, table);
  return AcpiTables(acpi_config()).place(*memory_);
}

AcpiConfig PcGuest::acpi_config() const {
  AcpiConfig config;
  config.hpet = domain_.hpet;
  return config;
}

void PcGuest::add_firmware_config() {
  const AcpiTables acpi(acpi_config());
  FwCfgConfig config;
  config.ram_bytes = domain_.memory_bytes;
  config.memory_end = domain_.memory_bytes;
  config.acpi = &acpi;
  firmware_config_ = std::make_unique<FwCfg>(site_.named("fw_cfg"), config, board_->dma("fw_cfg"));
  ports_.map("fw_cfg", FwCfg::kPort, FwCfg::kPorts, *firmware_config_);
}

Result<> PcGuest::start_hosted() {
  const auto tables = do_firmwares_work();
  if (!tables) return tl::unexpected(tables.error());
  // The driver's pages lie above what firmware and the ISA bus have below 2 MiB.
  constexpr uint64_t kPool = 2 << 20;
  native_domain domain{};
  domain.is_pc = 1;
  domain.pool = kPool;
  domain.pool_pages = std::min<uint64_t>((domain_.memory_bytes - kPool) >> kPageShift, 4096);
  domain.command_line = domain_.command_line.c_str();
  domain.memory_bytes = domain_.memory_bytes;
  return hosted_->start(domain);
}

Result<> PcGuest::boot() {
  if (hosted_ != nullptr) return start_hosted();
  if (!files_.firmware.empty()) {
    add_firmware_config();
  } else {
    BootRequest request;
    request.kernel_name = domain_.kernel;
    request.kernel = files_.kernel;
    request.ramdisk_name = domain_.ramdisk;
    request.ramdisk = files_.ramdisk;
    request.command_line = domain_.command_line;
    const auto rsdp = do_firmwares_work();
    if (!rsdp) return tl::unexpected(rsdp.error());
    request.rsdp = *rsdp;
    auto started = boot_kernel(*memory_, request, protocol_of(domain_));
    if (!started) return tl::unexpected(started.error());
    entry_ = *started;
  }
  cpu_->enter(entry_of(entry_));
  return {};
}

}  // namespace ringside
