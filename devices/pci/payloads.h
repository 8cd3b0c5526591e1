// Registers the payload types of devices/pci/ (ids 235-236), so that sessions, `ringside show` and the
// Wireshark dissector can decode them. Idempotent.
#pragma once

#include <cstdint>

#include "sim/field_table.h"

namespace ringside {

// On "pci/config": one access to a function's configuration space, with the value read or written.
struct PciConfigRecord {
  uint32_t value;
  uint8_t size;  // bytes: 1, 2 or 4
  uint8_t write;
  uint8_t bus;
  uint8_t device;
  uint8_t function;
  uint8_t offset;
  uint8_t reserved[2];
};
static_assert(sizeof(PciConfigRecord) == 12);
extern const PayloadType kPciConfigPayload;

void register_pci_payload_types();

}  // namespace ringside
