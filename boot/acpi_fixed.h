// The tables that describe fixed hardware, each with its checksum still zero.
#pragma once

#include "boot/acpi.h"

namespace ringside {

std::vector<uint8_t> acpi_facs();
// Fixed ACPI Description Table, revision 3. FACS and DSDT are given as offsets, at kFadtFacs, kFadtDsdt and
// kFadtDsdt64.
std::vector<uint8_t> acpi_fadt(const AcpiConfig& config, uint32_t facs, uint32_t dsdt);
std::vector<uint8_t> acpi_madt(const AcpiConfig& config);
std::vector<uint8_t> acpi_hpet(const AcpiConfig& config);

inline constexpr uint32_t kFadtFacs = 36;
inline constexpr uint32_t kFadtDsdt = 40;
inline constexpr uint32_t kFadtDsdt64 = 140;

}  // namespace ringside
