// The ACPI tables of the machine (ACPI specification 6.5, chapter 5): RSDP, RSDT, XSDT, FADT, MADT, HPET,
// FACS and the DSDT (dsdt.asl). They are built once, with pointers as offsets and no checksums; placing them
// in memory turns the one into addresses and adds the other. A BIOS does the same by the script that
// boot/acpi_loader.h makes for it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "boot/memory_map.h"
#include "sim/memory.h"

namespace ringside {

struct AcpiConfig {
  bool hpet = true;
  uint32_t hpet_block_id = 0x8086a201;     // the low half of its GCAP_ID
  uint16_t power_management_base = 0x600;  // PMBASE of the PIIX4
  uint16_t general_event_base = 0x60c;     // GPE0: status, then enable; 2 bytes each
  uint8_t general_event_bytes = 4;
  uint8_t sci = 9;
  uint8_t io_apic_id = 0;
};

class AcpiTables {
 public:
  explicit AcpiTables(const AcpiConfig& config);

  // Stores them from `base` (aligned to 64 bytes) on, the RSDP first, which is what a kernel is told.
  // `space` bytes must suffice; they are far more than these tables have.
  GuestPhys place(Memory& memory, GuestPhys base = GuestPhys{kAcpiArea},
                  uint64_t space = kAcpiAreaSpace) const;

  // --- For the loader's script ---
  enum class Part : uint8_t { root, tables };  // the RSDP; all others, one behind the other
  struct Pointer {
    Part in;
    uint32_t offset;
    uint8_t size;  // 4 or 8; holds an offset in `tables`
  };
  struct Checksum {
    Part in;
    uint32_t offset, start, length;
  };
  std::span<const uint8_t> bytes(Part part) const { return part == Part::root ? root_ : tables_; }
  const std::vector<Pointer>& pointers() const { return pointers_; }
  const std::vector<Checksum>& checksums() const { return checksums_; }

 private:
  uint32_t add_table(std::span<const uint8_t> table, bool has_checksum = true);
  void add_root(uint32_t rsdt, uint32_t xsdt);

  std::vector<uint8_t> root_, tables_;
  std::vector<Pointer> pointers_;
  std::vector<Checksum> checksums_;
};

// dsdt.asl, compiled.
std::span<const uint8_t> acpi_dsdt();

}  // namespace ringside
