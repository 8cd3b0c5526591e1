// From files to the first instruction: memory, the core, firmware's work or firmware itself.
#include <fmt/format.h>

#include "boot/bios.h"
#include "boot/memory_map.h"
#include "machine/pc/pc_guest.h"

namespace ringside {

namespace {

// A BIOS of 256 KiB ends where the address space of 32 bits does.
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
  auto memory = Memory::create(GuestPhys{0}, domain_.memory_bytes);
  if (!memory) return tl::unexpected(memory.error());
  memory_ = std::move(*memory);
  NativeCpuConfig config;
  config.name = fmt::format("cpu/{}", domain_.name);
  config.frequency_hz = surroundings_.scenario.cpu_frequency_hz;
  config.holes.push_back({GuestPhys{kVgaWindow}, kVgaWindowBytes});
  if (!files_.firmware.empty()) {
    auto rom = bios_rom(domain_.firmware, files_.firmware);
    if (!rom) return tl::unexpected(rom.error());
    config.roms.push_back({rom->base, rom->bytes});
  }
  auto cpu = make_native_cpu(config, *memory_, surroundings_.timeline.clock(), environment_);
  if (!cpu) return tl::unexpected(cpu.error());
  cpu_ = std::move(*cpu);
  return {};
}

Result<> PcGuest::boot() {
  BootState state;
  if (!files_.firmware.empty()) {
    auto started = boot_bios(*memory_, domain_.firmware, files_.firmware);
    if (!started) return tl::unexpected(started.error());
    state = *started;
  } else {
    BootRequest request;
    request.kernel_name = domain_.kernel;
    request.kernel = files_.kernel;
    request.ramdisk_name = domain_.ramdisk;
    request.ramdisk = files_.ramdisk;
    request.command_line = domain_.command_line;
    request.rsdp = do_firmwares_work();
    auto started = boot_kernel(*memory_, request, protocol_of(domain_));
    if (!started) return tl::unexpected(started.error());
    state = *started;
  }
  cpu_->enter(entry_of(state));
  return {};
}

}  // namespace ringside
