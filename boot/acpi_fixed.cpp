#include "boot/acpi_fixed.h"

#include "boot/acpi_table.h"

namespace ringside {

namespace {

constexpr uint32_t kLocalApic = 0xfee00000;
constexpr uint32_t kIoApic = 0xfec00000;
constexpr uint64_t kHpet = 0xfed00000;

// Flags of the FADT (5.2.9): the WBINVD instruction works; C1 on all processors; no fixed sleep button; the
// RTC wakes from S4; the reset register is there.
constexpr uint32_t kFadtFlags = 1 << 0 | 1 << 2 | 1 << 5 | 1 << 7 | 1 << 10;

// IAPC_BOOT_ARCH: ISA devices are there; no 8042; do not probe for VGA.
constexpr uint16_t kBootArchitecture = 1 << 0 | 1 << 2;

// MPS INTI flags (5.2.12.5): active high, level-triggered.
constexpr uint16_t kActiveHighLevel = 1 | 3 << 2;

void append_override(ByteTable& madt, uint8_t irq, uint32_t line, uint16_t flags) {
  madt.append(uint8_t{2}).append(uint8_t{10}).append(uint8_t{0}).append(irq).append(line).append(flags);
}

}  // namespace

std::vector<uint8_t> acpi_facs() {
  constexpr uint32_t kBytes = 64;
  ByteTable facs(kBytes);
  facs.put_text(0, "FACS", 4).put(4, kBytes).put(32, uint8_t{1});  // version
  return facs.take();
}

std::vector<uint8_t> acpi_fadt(const AcpiConfig& config, uint32_t facs, uint32_t dsdt) {
  constexpr uint8_t kByte = 1, kWord = 2, kDword = 3;
  const uint32_t events = config.power_management_base;       // PMSTS and PMEN
  const uint32_t control = config.power_management_base + 4;  // PMCNTRL
  const uint32_t timer = config.power_management_base + 8;    // PMTMR
  const uint32_t general = config.general_event_base;
  ByteTable fadt = begin_acpi_table("FACP", 3);
  fadt.put(kFadtFacs, facs).put(kFadtDsdt, dsdt);
  fadt.put(45, uint8_t{1});  // desktop
  fadt.put(46, uint16_t{config.sci});
  fadt.put(48, uint32_t{0xb2}).put(52, uint8_t{0xf1}).put(53, uint8_t{0xf0});  // SMI_CMD: enable, disable
  fadt.put(56, events).put(64, control).put(76, timer).put(80, general);
  fadt.put(88, uint8_t{4}).put(89, uint8_t{2}).put(91, uint8_t{4}).put(92, config.general_event_bytes);
  fadt.put(96, uint16_t{0xfff}).put(98, uint16_t{0xfff});  // latencies that say: no C2, no C3
  fadt.put(108, uint8_t{0x32});                            // the RTC's century
  fadt.put(109, kBootArchitecture).put(112, kFadtFlags);
  put_acpi_address(fadt, 116, AcpiSpace::ports, 0xcf9, 1, kByte);  // reset control of the PIIX3
  fadt.put(128, uint8_t{0x06});                                    // RCPU with SRST: a hard reset
  fadt.put(kFadtDsdt64, uint64_t{dsdt});
  put_acpi_address(fadt, 148, AcpiSpace::ports, events, 4, kWord);
  put_acpi_address(fadt, 172, AcpiSpace::ports, control, 2, kWord);
  put_acpi_address(fadt, 208, AcpiSpace::ports, timer, 4, kDword);
  put_acpi_address(fadt, 220, AcpiSpace::ports, general, config.general_event_bytes, kByte);
  put_acpi_address(fadt, 232, AcpiSpace::memory, 0, 0, 0);
  return finish_acpi_table(std::move(fadt));
}

std::vector<uint8_t> acpi_madt(const AcpiConfig& config) {
  ByteTable madt = begin_acpi_table("APIC", 3);
  madt.append(kLocalApic).append(uint32_t{1});  // PCAT_COMPAT: there are 8259s as well
  // Processor 0: its local APIC has the number 0, and it is enabled.
  madt.append(uint8_t{0}).append(uint8_t{8}).append(uint8_t{0}).append(uint8_t{0}).append(uint32_t{1});
  madt.append(uint8_t{1}).append(uint8_t{12}).append(config.io_apic_id).append(uint8_t{0});
  madt.append(kIoApic).append(uint32_t{0});  // its inputs are the interrupts from 0 on
  append_override(madt, 0, 2, 0);            // the PIT is wired to input 2
  append_override(madt, config.sci, config.sci, kActiveHighLevel);
  append_override(madt, 10, 10, kActiveHighLevel);  // PCI
  append_override(madt, 11, 11, kActiveHighLevel);
  // NMI is LINT1 of every processor.
  madt.append(uint8_t{4}).append(uint8_t{6}).append(uint8_t{0xff}).append(uint16_t{0}).append(uint8_t{1});
  return finish_acpi_table(std::move(madt));
}

std::vector<uint8_t> acpi_hpet(const AcpiConfig& config) {
  ByteTable hpet = begin_acpi_table("HPET", 1);
  hpet.append(config.hpet_block_id);
  put_acpi_address(hpet, 40, AcpiSpace::memory, kHpet, 0, 0);
  hpet.put(52, uint8_t{0}).put(53, uint16_t{0}).put(55, uint8_t{0});
  return finish_acpi_table(std::move(hpet));
}

}  // namespace ringside
