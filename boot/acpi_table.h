// One ACPI table as bytes: its header, and the fields that table after table has.
#pragma once

#include <string_view>

#include "boot/bytes.h"

namespace ringside {

inline constexpr size_t kAcpiHeaderBytes = 36;
inline constexpr size_t kAcpiChecksumOffset = 9;
inline constexpr std::string_view kAcpiOem = "RINGSD";
inline constexpr std::string_view kAcpiOemTable = "PC440FX";

// DESCRIPTION_HEADER (5.2.6); the length is filled in by finish_acpi_table().
inline ByteTable begin_acpi_table(std::string_view signature, uint8_t revision) {
  ByteTable table(kAcpiHeaderBytes);
  table.put_text(0, signature, 4).put(8, revision).put_text(10, kAcpiOem, 6).put_text(16, kAcpiOemTable, 8);
  table.put(24, uint32_t{1}).put_text(28, "RNGS", 4).put(32, uint32_t{1});
  return table;
}
inline std::vector<uint8_t> finish_acpi_table(ByteTable table) {
  table.put(4, static_cast<uint32_t>(table.size()));
  return table.take();
}

enum class AcpiSpace : uint8_t { memory = 0, ports = 1 };
inline constexpr size_t kAcpiAddressBytes = 12;

// Generic Address Structure (5.2.3.2). `access` is the access size: 1 byte, 2 word, 3 dword.
inline void put_acpi_address(ByteTable& table, size_t offset, AcpiSpace space, uint64_t address,
                             unsigned bytes, uint8_t access) {
  table.put(offset, static_cast<uint8_t>(space)).put(offset + 1, static_cast<uint8_t>(bytes * 8));
  table.put(offset + 2, uint8_t{0}).put(offset + 3, access).put(offset + 4, address);
}

}  // namespace ringside
