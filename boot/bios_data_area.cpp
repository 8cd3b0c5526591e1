#include "boot/bios_data_area.h"

#include "boot/memory_map.h"

namespace ringside {

void store_bios_data_area(Memory& memory) {
  constexpr uint64_t kSerialPorts = 0x00;  // base addresses of COM1 to COM4
  constexpr uint64_t kExtendedAreaSegment = 0x0e;
  constexpr uint64_t kEquipment = 0x10;  // bits 9-11: serial ports
  constexpr uint64_t kConventionalKib = 0x13;
  constexpr uint64_t kAreaBytes = 0x100;
  const auto put = [&memory](uint64_t offset, uint16_t value) {
    memory.store(GuestPhys{kBiosDataArea + offset}, value);
  };
  store_zeros(memory, {kBiosDataArea, kAreaBytes});
  put(kSerialPorts, 0x3f8);
  put(kExtendedAreaSegment, kExtendedBiosData >> 4);
  put(kEquipment, 1 << 9);
  put(kConventionalKib, kExtendedBiosData >> 10);
  // The extended area begins with its own size in KiB.
  memory.store(GuestPhys{kExtendedBiosData}, uint8_t{(kVgaWindow - kExtendedBiosData) >> 10});
}

}  // namespace ringside
