#include "boot/mp_table.h"

#include <array>
#include <string_view>

#include "boot/bytes.h"

namespace ringside {

namespace {

constexpr uint8_t kSpecification = 4;  // 1.4
constexpr uint32_t kLocalApic = 0xfee00000;
constexpr uint32_t kIoApic = 0xfec00000;
constexpr uint8_t kPciBus = 0, kIsaBus = 1;
constexpr uint8_t kIsaLines = 16;
constexpr size_t kPointerBytes = 16;
constexpr size_t kHeaderBytes = 44;

// Interrupt types and flags of 4.3.4.
enum InterruptType : uint8_t { kVectored = 0, kNmi = 1, kExternal = 3 };
constexpr uint16_t kConforms = 0;
constexpr uint16_t kActiveHighLevel = 1 | 3 << 2;

struct Entries {
  ByteTable bytes;
  uint16_t count = 0;

  void add_processor() {
    constexpr uint8_t kIntegratedApic = 0x14;
    constexpr uint8_t kEnabledBootProcessor = 3;
    constexpr uint32_t kFeatures = 1 << 9 | 1 << 0;  // APIC, FPU
    begin(0).append(uint8_t{0}).append(kIntegratedApic).append(kEnabledBootProcessor);
    bytes.append(uint32_t{0x600}).append(kFeatures).append(uint64_t{0});
  }
  void add_bus(uint8_t number, std::string_view type) {
    begin(1).append(number);
    bytes.put_text(bytes.size(), type, 6);
  }
  void add_io_apic(uint8_t id) {
    constexpr uint8_t kVersion = 0x11;
    begin(2).append(id).append(kVersion).append(uint8_t{1}).append(kIoApic);
  }
  void add_line(uint8_t bus, uint8_t source, uint8_t io_apic, uint8_t input, uint16_t flags) {
    begin(3)
        .append(uint8_t{kVectored})
        .append(flags)
        .append(bus)
        .append(source)
        .append(io_apic)
        .append(input);
  }
  void add_local(InterruptType type, uint8_t local_input) {
    constexpr uint8_t kAllProcessors = 0xff;
    begin(4).append(uint8_t{type}).append(kConforms).append(kIsaBus).append(uint8_t{0});
    bytes.append(kAllProcessors).append(local_input);
  }

 private:
  ByteTable& begin(uint8_t type) {
    ++count;
    return bytes.append(type);
  }
};

Entries make_entries(const MpTableConfig& config) {
  Entries entries;
  entries.add_processor();
  entries.add_bus(kPciBus, "PCI");
  entries.add_bus(kIsaBus, "ISA");
  entries.add_io_apic(config.io_apic_id);
  std::array<bool, kIsaLines> of_pci{};
  for (const PciRoute& route : config.routes) {
    const auto source = static_cast<uint8_t>(route.device << 2 | (route.pin & 3));
    entries.add_line(kPciBus, source, config.io_apic_id, route.line, kActiveHighLevel);
    if (route.line < kIsaLines) of_pci[route.line] = true;
  }
  // The PIT is wired to input 2; the 8259s' cascade, IRQ 2, is wired to none.
  for (uint8_t irq = 0; irq < kIsaLines; ++irq) {
    if (irq == 2 || of_pci[irq]) continue;
    entries.add_line(kIsaBus, irq, config.io_apic_id, irq == 0 ? 2 : irq,
                     irq == config.sci ? kActiveHighLevel : kConforms);
  }
  entries.add_local(kExternal, 0);
  entries.add_local(kNmi, 1);
  return entries;
}

}  // namespace

void store_mp_table(Memory& memory, const MpTableConfig& config, GuestPhys base) {
  const Entries entries = make_entries(config);
  const size_t length = kHeaderBytes + entries.bytes.size();
  ByteTable table(length);
  table.put_text(0, "PCMP", 4).put(4, static_cast<uint16_t>(length)).put(6, kSpecification);
  table.put_text(8, "RINGSIDE", 8).put_text(16, "PC440FX", 12);
  table.put(34, entries.count).put(36, kLocalApic);
  table.put_bytes(kHeaderBytes, entries.bytes.bytes());
  table.put_checksum(7, 0, length);

  // Feature byte 1 is zero: there is a table. So is byte 2: virtual wire mode, no IMCR.
  ByteTable pointer(kPointerBytes);
  pointer.put_text(0, "_MP_", 4).put(4, static_cast<uint32_t>(base.value + kPointerBytes));
  pointer.put(8, uint8_t{kPointerBytes / 16}).put(9, kSpecification);
  pointer.put_checksum(10, 0, kPointerBytes);
  memory.write(base, pointer.bytes().data(), pointer.size());
  memory.write(base + kPointerBytes, table.bytes().data(), table.size());
}

}  // namespace ringside
