// The checker `device`: registers accessed in a state that the device's documents forbid. Each device has a
// protocol of its own.
#include <map>
#include <memory>

#include "checkers/device/apic_protocol.h"
#include "checkers/device/ata_protocol.h"
#include "checkers/device/nic_protocol.h"
#include "checkers/device/pic_protocol.h"
#include "checkers/device/pit_protocol.h"
#include "checkers/device/uart_protocol.h"
#include "checkers/device_checkers.h"
#include "checkers/device_followers.h"

namespace ringside {

namespace {

constexpr std::string_view kName = "device";

class DeviceChecker final : public DeviceFollowers {
 public:
  explicit DeviceChecker(Checkers& checkers) : DeviceFollowers(checkers, kName) {}

  std::vector<std::string> wires() const override {
    return {"pio/*", "mmio/*", "*/tx", "*/rx", "ata/*", "nic/*", "irq/*", "apic/*"};
  }

 private:
  bool follows(DevicePart part) const override {
    return part != DevicePart::none && part != DevicePart::dma && part != DevicePart::pci_config;
  }
  DeviceProtocol& follower_of(const Wire& wire, const DeviceWire& kind) override;
  template <class Protocol>
  DeviceProtocol& protocol(const std::string& name) {
    auto& found = protocols_[name];
    if (!found) found = std::make_unique<Protocol>(static_cast<ViolationSink&>(*this));
    return *found;
  }

  std::map<std::string, std::unique_ptr<DeviceProtocol>> protocols_;
};

// What there is one of in a domain has the domain's name, so the kind is part of it.
DeviceProtocol& DeviceChecker::follower_of(const Wire&, const DeviceWire& kind) {
  switch (kind.part) {
    case DevicePart::uart_registers:
    case DevicePart::uart_tx:
    case DevicePart::uart_rx: return protocol<UartProtocol>(kind.device + " uart");
    case DevicePart::nic_registers:
    case DevicePart::nic_ports:
    case DevicePart::nic_ring: return protocol<NicProtocol>(kind.device + " nic");
    case DevicePart::pic_registers:
    case DevicePart::interrupt_line: return protocol<PicProtocol>(kind.device + " pic");
    case DevicePart::apic_registers:
    case DevicePart::apic_accept: return protocol<ApicProtocol>(kind.device + " apic");
    case DevicePart::pit_registers: return protocol<PitProtocol>(kind.device + " pit");
    default: return protocol<AtaProtocol>(kind.device + " ata");
  }
}

}  // namespace

KnownChecker device_checker() {
  return {kName, "registers accessed in a state that the device's documents forbid",
          [](Checkers& checkers) -> std::unique_ptr<Checker> {
            return std::make_unique<DeviceChecker>(checkers);
          },
          []() -> std::vector<CheckerRule> {
            return {
                {"uart_rbr_without_data", "RBR read while no character can be there"},
                {"uart_thr_overrun", "THR written while the transmitter is full"},
                {"uart_latch_left_open", "data moved while DLAB is still set"},
                {"uart_status_written", "LSR or MSR written"},
                {"ata_command_while_busy", "a command written while BSY or DRQ"},
                {"ata_register_while_busy", "a command block register written while BSY or DRQ"},
                {"ata_data_without_drq", "the Data register used before Status has shown DRQ"},
                {"ata_status_too_early", "Status read within 400 ns of a command"},
                {"ata_start_without_table", "the bus master started without a table"},
                {"ata_table_misaligned", "BMIDTP is no multiple of 4"},
                {"ata_table_while_started", "BMIDTP written while the bus master works"},
                {"ata_direction_changed", "BMICOM's direction changed while the bus master works"},
                {"nic_tail_beyond_ring", "RDT or TDT is no index of the ring"},
                {"nic_tail_passes_head", "RDT or TDT moved over the head"},
                {"nic_ring_while_enabled", "a ring's base, length or head written while its engine runs"},
                {"nic_ring_length", "RDLEN or TDLEN is no multiple of 128"},
                {"nic_ring_misaligned", "RDBAL or TDBAL is no multiple of 16"},
                {"nic_eeprom_busy", "EERD started before it has shown DONE"},
                {"nic_eeprom_not_granted", "the EEPROM's pins used without EE_GNT"},
                {"nic_mdic_busy", "MDIC written before it has shown Ready"},
                {"nic_register_width", "a register written by other than 32 bits"},
                {"nic_register_reserved", "a write where the 82540EM has no register"},
                {"pic_eoi_without_service", "an EOI while nothing can be in service"},
                {"apic_eoi_without_service", "an EOI while nothing can be in service"},
                {"apic_register_width", "a register written by other than 32 bits"},
                {"apic_register_reserved", "a write where the local APIC has no register"},
                {"pit_illegal_count", "a count of 1 in mode 2 or 3"},
                {"pit_control_read", "the control word register read"},
            };
          }};
}

}  // namespace ringside
