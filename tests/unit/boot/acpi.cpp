// The ACPI tables as a kernel walks them: by address, checksum and length. Numbers are those of the ACPI
// specification 6.5 and of the chips' datasheets, restated.
#include "boot/acpi.h"

#include <catch2/catch.hpp>
#include <map>

#include "tests/support/boot_file.h"

using namespace ringside;

namespace {

uint8_t sum(const Memory& memory, uint64_t address, uint64_t length) {
  uint8_t total = 0;
  for (uint64_t i = 0; i < length; ++i)
    total = static_cast<uint8_t>(total + memory.load<uint8_t>(GuestPhys{address + i}));
  return total;
}
std::string characters(const Memory& memory, uint64_t address, size_t count) {
  return std::string(reinterpret_cast<const char*>(memory.at(GuestPhys{address}, count)), count);
}
template <class Number>
Number at(const Memory& memory, uint64_t address) {
  return memory.load<Number>(GuestPhys{address});
}

// The tables that the RSDT or the XSDT lists, by signature; each one checked.
template <class Pointer>
std::map<std::string, uint64_t> listed(const Memory& memory, uint64_t list, const std::string& signature) {
  REQUIRE(characters(memory, list, 4) == signature);
  const auto length = at<uint32_t>(memory, list + 4);
  CHECK(sum(memory, list, length) == 0);
  std::map<std::string, uint64_t> tables;
  for (uint64_t entry = 36; entry < length; entry += sizeof(Pointer)) {
    const uint64_t table = at<Pointer>(memory, list + entry);
    CHECK(sum(memory, table, at<uint32_t>(memory, table + 4)) == 0);
    tables[characters(memory, table, 4)] = table;
  }
  return tables;
}

struct Placed {
  explicit Placed(const AcpiConfig& config = {}, GuestPhys base = GuestPhys{0xe0000}) {
    rsdp = AcpiTables(config).place(*memory, base).value;
    tables = listed<uint64_t>(*memory, at<uint64_t>(*memory, rsdp + 24), "XSDT");
  }
  std::unique_ptr<Memory> memory = make_memory(2);
  uint64_t rsdp = 0;
  std::map<std::string, uint64_t> tables;
};

}  // namespace

TEST_CASE("the RSDP leads to the same tables by both lists") {
  const Placed placed;
  const Memory& memory = *placed.memory;
  CHECK(placed.rsdp == 0xe0000);
  CHECK(characters(memory, placed.rsdp, 8) == "RSD PTR ");
  CHECK(sum(memory, placed.rsdp, 20) == 0);
  CHECK(sum(memory, placed.rsdp, 36) == 0);
  CHECK(at<uint8_t>(memory, placed.rsdp + 15) == 2);
  CHECK(at<uint32_t>(memory, placed.rsdp + 20) == 36);
  CHECK(listed<uint32_t>(memory, at<uint32_t>(memory, placed.rsdp + 16), "RSDT") == placed.tables);
  CHECK(placed.tables.size() == 3);
  CHECK(placed.tables.contains("FACP"));
  CHECK(placed.tables.contains("APIC"));
  CHECK(placed.tables.contains("HPET"));
}

TEST_CASE("tables can lie anywhere, and a machine without HPET has no table of it") {
  AcpiConfig config;
  config.hpet = false;
  const Placed placed(config, GuestPhys{0x1f0000});
  CHECK(placed.rsdp == 0x1f0000);
  CHECK(placed.tables.size() == 2);
}

TEST_CASE("the FADT describes the PIIX4's power management") {
  const Placed placed;
  const Memory& memory = *placed.memory;
  const uint64_t fadt = placed.tables.at("FACP");
  CHECK(at<uint32_t>(memory, fadt + 4) == 244);  // revision 3
  CHECK(at<uint8_t>(memory, fadt + 8) == 3);
  const uint64_t facs = at<uint32_t>(memory, fadt + 36);
  CHECK(facs % 64 == 0);
  CHECK(characters(memory, facs, 4) == "FACS");
  CHECK(at<uint32_t>(memory, facs + 4) == 64);
  const uint64_t dsdt = at<uint32_t>(memory, fadt + 40);
  CHECK(at<uint64_t>(memory, fadt + 140) == dsdt);
  CHECK(characters(memory, dsdt, 4) == "DSDT");
  CHECK(sum(memory, dsdt, at<uint32_t>(memory, dsdt + 4)) == 0);
  CHECK(at<uint16_t>(memory, fadt + 46) == 9);               // SCI_INT
  CHECK(at<uint32_t>(memory, fadt + 48) == 0xb2);            // SMI_CMD
  CHECK(at<uint32_t>(memory, fadt + 56) == 0x600);           // PM1a_EVT
  CHECK(at<uint32_t>(memory, fadt + 64) == 0x604);           // PM1a_CNT
  CHECK(at<uint32_t>(memory, fadt + 76) == 0x608);           // PM_TMR
  CHECK(at<uint32_t>(memory, fadt + 80) == 0x60c);           // GPE0
  CHECK((at<uint32_t>(memory, fadt + 112) & 1 << 8) == 0);   // the timer has 24 bits
  CHECK((at<uint32_t>(memory, fadt + 112) & 1 << 10) != 0);  // RESET_REG_SUP
  CHECK(at<uint64_t>(memory, fadt + 120) == 0xcf9);
  // The extended blocks repeat the others: space, bits, then the address.
  CHECK(at<uint8_t>(memory, fadt + 148) == 1);
  CHECK(at<uint8_t>(memory, fadt + 149) == 32);
  CHECK(at<uint64_t>(memory, fadt + 152) == 0x600);
  CHECK(at<uint64_t>(memory, fadt + 176) == 0x604);
  CHECK(at<uint64_t>(memory, fadt + 212) == 0x608);
  CHECK(at<uint64_t>(memory, fadt + 224) == 0x60c);
}

TEST_CASE("the MADT has one processor, one I/O APIC, and the wiring of a PC") {
  const Placed placed;
  const Memory& memory = *placed.memory;
  const uint64_t madt = placed.tables.at("APIC");
  CHECK(at<uint32_t>(memory, madt + 36) == 0xfee00000);
  CHECK(at<uint32_t>(memory, madt + 40) == 1);
  std::map<uint8_t, std::pair<uint32_t, uint16_t>> overrides;
  unsigned processors = 0, io_apics = 0, nmis = 0;
  const uint64_t end = madt + at<uint32_t>(memory, madt + 4);
  uint64_t entry = madt + 44;
  while (entry < end) {
    switch (at<uint8_t>(memory, entry)) {
      case 0:
        ++processors;
        CHECK(at<uint32_t>(memory, entry + 4) == 1);
        break;
      case 1:
        ++io_apics;
        CHECK(at<uint32_t>(memory, entry + 4) == 0xfec00000);
        CHECK(at<uint32_t>(memory, entry + 8) == 0);
        break;
      case 2:
        overrides[at<uint8_t>(memory, entry + 3)] = {at<uint32_t>(memory, entry + 4),
                                                     at<uint16_t>(memory, entry + 8)};
        break;
      case 4:
        ++nmis;
        CHECK(at<uint8_t>(memory, entry + 5) == 1);
        break;
      default: FAIL("an entry of an unknown type");
    }
    const auto length = at<uint8_t>(memory, entry + 1);
    REQUIRE(length != 0);
    entry += length;
  }
  CHECK(entry == end);
  CHECK(processors == 1);
  CHECK(io_apics == 1);
  CHECK(nmis == 1);
  CHECK(overrides == std::map<uint8_t, std::pair<uint32_t, uint16_t>>{
                         {0, {2, 0}}, {9, {9, 0xd}}, {10, {10, 0xd}}, {11, {11, 0xd}}});
}

TEST_CASE("the HPET table gives its address") {
  const Placed placed;
  const uint64_t hpet = placed.tables.at("HPET");
  CHECK(at<uint32_t>(*placed.memory, hpet + 4) == 56);
  CHECK(at<uint32_t>(*placed.memory, hpet + 36) == 0x8086a201);
  CHECK(at<uint64_t>(*placed.memory, hpet + 44) == 0xfed00000);
}

TEST_CASE("the compiled DSDT is whole") {
  const auto dsdt = acpi_dsdt();
  REQUIRE(dsdt.size() > 36);
  CHECK(std::string(dsdt.begin(), dsdt.begin() + 4) == "DSDT");
  uint32_t length = 0;
  std::memcpy(&length, dsdt.data() + 4, sizeof length);
  CHECK(length == dsdt.size());
}
