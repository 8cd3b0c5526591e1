// The board and what is on it: the platform, serial ports, the IDE controller and its disks, network cards.
#include <fmt/format.h>

#include "devices/disk/ide_controller.h"
#include "devices/nic/e1000.h"
#include "machine/networks.h"
#include "machine/pc/pc_guest.h"

namespace ringside {

namespace {

constexpr unsigned kIdeFunction = 1;        // of the south bridge
constexpr unsigned kFirstNicDevice = 3;     // as on QEMU's board: 2 would be a display
constexpr unsigned kIdeLines[] = {14, 15};  // compatibility mode

}  // namespace

void PcGuest::make_platform() {
  PlatformConfig config;
  config.memory_bytes = domain_.memory_bytes;
  config.wall_clock_seconds = surroundings_.scenario.wall_clock_seconds;
  config.hpet = domain_.hpet;
  config.apic_bus_hz = domain_.apic_hz;
  PlatformOutputs outputs;
  outputs.interrupt = [this](bool level) { cpu_->set_interrupt_line(level); };
  outputs.nmi = [this] { cpu_->raise_nmi(); };
  outputs.init = [this] { end_by("reboot", "reboot"); };
  outputs.reset = [this] { end_by("reboot", "reboot"); };
  outputs.power_off = [this](const std::string& how) { end_by(how, how); };
  outputs.address_line_20 = [this](bool enabled) {
    if (!enabled)
      site_.notice(NoticeKind::unimplemented, "A20 was masked: addresses do not wrap at 1 MiB here");
  };
  platform_ = std::make_unique<Platform>(site_.named("platform"), config, ports_, mmio_, outputs);
  environment_.connect(*cpu_, *platform_);
  board_ = std::make_unique<PcBoard>(site_, surroundings_.timeline, *memory_, ports_, mmio_, *platform_);
}

void PcGuest::make_uarts() {
  for (const UartScenario& scenario : surroundings_.scenario.uarts) {
    if (scenario.domain != domain_.name) continue;
    UartConfig config;
    config.clock_hz = scenario.clock_hz;
    config.peer_waits_for_room = scenario.wait_for_room;
    SerialPort port;
    port.scenario = &scenario;
    port.uart = std::make_unique<Uart>(site_.named(scenario.name), config);
    const bool is_console = uarts_.empty();
    if (is_console) {
      port.uart->set_output([this](uint8_t byte) { surroundings_.console({&byte, 1}); });
    }
    ports_.map(scenario.name, scenario.port, Uart::kBusLength, *port.uart, Uart::kBusWidthMax);
    platform_->connect(port.uart->interrupt, static_cast<unsigned>(scenario.irq));
    uarts_.push_back(std::move(port));
  }
}

Result<> PcGuest::make_ide() {
  const std::string name = domain_.name == "dom1" ? "ide" : "ide-" + domain_.name;
  ide_ = std::make_unique<IdeController>(site_.named(name), ports_, mmio_, board_->dma(name));
  platform_->add_pci(Platform::kSouthBridge, kIdeFunction, ide_->pci());
  for (unsigned channel = 0; channel < 2; ++channel) {
    platform_->connect(ide_->interrupt(channel), kIdeLines[channel]);
  }
  unsigned place = 0;
  for (const auto& [scenario, image] : surroundings_.disks) {
    AtaDriveConfig config;
    config.name = scenario->name;
    config.serial = fmt::format("RS{:06}", place + 1);
    config.read_only = scenario->read_only;
    config.write_cache = scenario->write_cache;
    config.timing.command_overhead = scenario->command_overhead;
    config.timing.block_gap = scenario->block_gap;
    config.timing.reset = scenario->reset;
    config.timing.spin_up = scenario->spin_up;
    ide_->attach(place / 2, place % 2, *image, config);
    ++place;
  }
  return {};
}

Result<> PcGuest::make_nics() {
  unsigned device = kFirstNicDevice;
  for (const NicScenario& scenario : surroundings_.scenario.nics) {
    if (scenario.domain != domain_.name) continue;
    if (device >= 32)
      return fail(fmt::format("'{}' has more network cards than a PCI bus has places", domain_.name));
    E1000Config config;
    config.mac = scenario.mac;
    config.phy.partner_mbps = static_cast<uint32_t>(scenario.megabits);
    config.phy.autonegotiation = scenario.autonegotiation;
    config.timing.pci_hz = scenario.pci_hz;
    config.timing.pci_transaction_clocks = static_cast<uint32_t>(scenario.pci_transaction_clocks);
    config.timing.eeprom_read = scenario.eeprom_read;
    SwitchPort& port = surroundings_.networks.attach(scenario.network, scenario.name);
    Nic nic;
    nic.name = scenario.name;
    nic.controller = std::make_unique<E1000>(site_.named(scenario.name), config, ports_, mmio_,
                                             board_->dma(scenario.name), port);
    platform_->add_pci(device++, 0, nic.controller->pci());
    nics_.push_back(std::move(nic));
  }
  return {};
}

}  // namespace ringside
