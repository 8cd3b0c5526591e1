#include "devices/pci/payloads.h"

#include <cstddef>

namespace ringside {

namespace {

constexpr FieldName kDirections[] = {{0, "read"}, {1, "write"}};
constexpr Field kPciConfigFields[] = {
    {"op", offsetof(PciConfigRecord, write), 1, FieldFormat::enumeration, kDirections},
    {"bus", offsetof(PciConfigRecord, bus), 1},
    {"device", offsetof(PciConfigRecord, device), 1},
    {"function", offsetof(PciConfigRecord, function), 1},
    {"offset", offsetof(PciConfigRecord, offset), 1, FieldFormat::hex},
    {"size", offsetof(PciConfigRecord, size), 1},
    {"value", offsetof(PciConfigRecord, value), 4, FieldFormat::hex},
};

}  // namespace

const PayloadType kPciConfigPayload{.id = 235,
                                    .name = "pci_config",
                                    .title = "An access to a PCI function's configuration space",
                                    .size = sizeof(PciConfigRecord),
                                    .fields = kPciConfigFields,
                                    .group = "pci"};

void register_pci_payload_types() { PayloadRegistry::instance().add(kPciConfigPayload); }

}  // namespace ringside
