// The script by which a BIOS loads ACPI tables from the firmware configuration device: 128-byte commands that
// allocate files in memory, add a file's address to a pointer, and make checksums (QEMU's
// hw/acpi/bios-linker-loader, SeaBIOS's src/fw/romfile_loader.h).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "boot/acpi.h"

namespace ringside {

inline constexpr std::string_view kAcpiRootFile = "etc/acpi/rsdp";
inline constexpr std::string_view kAcpiTablesFile = "etc/acpi/tables";
inline constexpr std::string_view kAcpiLoaderFile = "etc/table-loader";

std::vector<uint8_t> acpi_loader_script(const AcpiTables& tables);

}  // namespace ringside
