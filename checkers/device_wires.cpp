#include "checkers/device_wires.h"

#include "devices/disk/payloads.h"
#include "devices/nic/payloads.h"
#include "devices/pci/payloads.h"
#include "devices/platform/apic/payloads.h"
#include "devices/uart/payloads.h"
#include "sim/dma.h"
#include "sim/interrupt.h"

namespace ringside {

namespace {

bool exists(const Wiring& wiring, const std::string& name, const PayloadType& type) {
  const Wire* wire = wiring.find(name);
  return wire != nullptr && wire->payload_type().id == type.id;
}

// A range of the bus of I/O ports ("pio/uart0") or of memory ("mmio/nic0"), by the name of the range.
DeviceWire register_wire(const Wiring& wiring, const std::string& domain, std::string_view space,
                         std::string_view range) {
  const std::string device = domain + "/" + std::string(range);
  if (exists(wiring, domain + "/nic/" + std::string(range) + "/ring", kNicRingPayload))
    return {space == "mmio" ? DevicePart::nic_registers : DevicePart::nic_ports, device, 0};
  if (space == "mmio") return {range == "apic" ? DevicePart::apic_registers : DevicePart::none, domain, 0};
  if (exists(wiring, device + "/tx", kUartPayload)) return {DevicePart::uart_registers, device, 0};
  if (range == "pic") return {DevicePart::pic_registers, domain, 0};
  if (range == "pit") return {DevicePart::pit_registers, domain, 0};
  if (range.ends_with("/bus-master")) return {DevicePart::ata_bus_master, domain, 0};
  if (range.ends_with("/primary")) return {DevicePart::ata_command_block, domain, 0};
  if (range.ends_with("/secondary")) return {DevicePart::ata_command_block, domain, 1};
  if (range.ends_with("/primary/control")) return {DevicePart::ata_control_block, domain, 0};
  if (range.ends_with("/secondary/control")) return {DevicePart::ata_control_block, domain, 1};
  return {};
}

}  // namespace

std::string_view domain_of(std::string_view wire_name) { return wire_name.substr(0, wire_name.find('/')); }

DeviceWire device_wire(const Wire& wire, const Wiring& wiring) {
  const std::string_view name = wire.name();
  const std::string domain(domain_of(name));
  if (domain.size() == name.size()) return {};
  const std::string_view path = name.substr(domain.size() + 1);
  const uint16_t payload = wire.payload_type().id;
  const auto device = [&](std::string_view part) { return domain + "/" + std::string(part); };
  if (payload == kBusAccessPayload.id) {
    const size_t slash = path.find('/');
    if (slash == std::string_view::npos) return {};
    return register_wire(wiring, domain, path.substr(0, slash), path.substr(slash + 1));
  }
  if (payload == kUartPayload.id && path.ends_with("/tx"))
    return {DevicePart::uart_tx, device(path.substr(0, path.size() - 3)), 0};
  if (payload == kUartPayload.id && path.ends_with("/rx"))
    return {DevicePart::uart_rx, device(path.substr(0, path.size() - 3)), 0};
  if (payload == kNicRingPayload.id && path.starts_with("nic/") && path.ends_with("/ring"))
    return {DevicePart::nic_ring, device(path.substr(4, path.size() - 9)), 0};
  if (payload == kAtaCommandPayload.id) return {DevicePart::ata_command, domain, 0};
  if (payload == kAtaCompletionPayload.id) return {DevicePart::ata_completion, domain, 0};
  if (payload == kApicAcceptPayload.id) return {DevicePart::apic_accept, domain, 0};
  if (payload == kPciConfigPayload.id) return {DevicePart::pci_config, domain, 0};
  if (payload == kDmaPayload.id && path.starts_with("dma/"))
    return {DevicePart::dma, device(path.substr(4)), 0};
  if (payload == kInterruptPayload.id && path.starts_with("irq/")) {
    unsigned line = 0;
    for (const char digit : path.substr(4)) {
      if (digit < '0' || digit > '9' || line > 25) return {};
      line = line * 10 + static_cast<unsigned>(digit - '0');
    }
    return {DevicePart::interrupt_line, domain, static_cast<uint8_t>(line)};
  }
  return {};
}

}  // namespace ringside
