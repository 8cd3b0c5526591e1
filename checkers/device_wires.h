// Which device's registers, lines and characters a wire shows, told by its name, its payload and the wires
// beside it: a UART is what has "<name>/tx" with characters, an 82540EM what has "nic/<name>/ring". And what
// checkers read off such crossings.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "sim/bus.h"
#include "sim/wire.h"

namespace ringside {

enum class DevicePart : uint8_t {
  none,
  uart_registers,
  uart_tx,
  uart_rx,
  ata_command_block,  // `index`: the channel
  ata_control_block,  // likewise
  ata_bus_master,
  ata_command,     // the drive took one
  ata_completion,  // and ended it
  nic_registers,
  nic_ports,  // IOADDR and IODATA
  nic_ring,
  pic_registers,
  interrupt_line,  // `index`: which
  apic_registers,
  apic_accept,
  pit_registers,
  pci_config,
  dma,
};

struct DeviceWire {
  DevicePart part = DevicePart::none;
  // "dom1/nic0"; only the domain ("dom1") for what there is one of, an ATA controller's parts included.
  std::string device;
  uint8_t index = 0;
};
DeviceWire device_wire(const Wire& wire, const Wiring& wiring);

// "dom1" of "dom1/pio/uart0".
std::string_view domain_of(std::string_view wire_name);

// The record that a crossing begins with; false where a fault has left less of it.
template <class Record>
bool read_record(const Crossing& crossing, Record& record) {
  if (crossing.payload->size() < sizeof record) return false;
  std::memcpy(&record, crossing.payload->data(), sizeof record);
  return true;
}

// What a fault has changed is nobody's misdeed, and says nothing of the device's state.
inline bool genuine(const Crossing& crossing) { return (crossing.flags & Crossing::kInjected) == 0; }
inline bool arrives(const Verdict& verdict) { return verdict.copies != 0 && verdict.fail == 0; }

}  // namespace ringside
