#include "checkers/dma/pci_functions.h"

namespace ringside {

namespace {

constexpr unsigned kCommand = 0x04, kBaseAddress = 0x10, kBars = 6;
constexpr uint32_t kBusMaster = 0x04;
constexpr uint32_t kPorts = 0x01;
// The least that BARs of our devices' kinds cover, where nobody has asked for their size: an IDE controller's
// 16 ports, a page of memory.
constexpr uint32_t kPortsMask = ~15u, kMemoryMask = ~0xfffu;

}  // namespace

PciFunctions::Function& PciFunctions::find(uint16_t place) {
  for (Function& function : functions_) {
    if (function.place == place) return function;
  }
  functions_.push_back({.place = place});
  return functions_.back();
}

void PciFunctions::config_access(const PciConfigRecord& record) {
  const bool command = record.offset == kCommand;
  const bool bar = record.size == 4 && record.offset >= kBaseAddress &&
                   record.offset < kBaseAddress + 4 * kBars && record.offset % 4 == 0;
  if (record.bus != 0 || record.device > 31 || record.function > 7 || !(command || bar)) return;
  // Where no function is, reads give ones.
  if (record.write == 0 && command && (record.value & 0xff) == 0xff) return;
  Function& function = find(static_cast<uint16_t>(record.device << 3 | record.function));
  if (command) {
    function.command_known = true;
    function.may_master = (record.value & kBusMaster) != 0;
    return;
  }
  const unsigned number = (record.offset - kBaseAddress) / 4u;
  // 6.2.5.1: ones are written, and what reads back as zeros is the size.
  if (record.write != 0) {
    function.sizing[number] = record.value == ~0u;
    if (!function.sizing[number]) function.bars[number] = record.value;
  } else if (function.sizing[number]) {
    function.masks[number] = record.value;
  } else {
    function.bars[number] = record.value;
  }
}

bool PciFunctions::may_not_master(bool ports, uint64_t address) const {
  for (const Function& function : functions_) {
    for (unsigned i = 0; i < kBars; ++i) {
      const uint32_t bar = function.bars[i];
      if (bar == 0 || ((bar & kPorts) != 0) != ports) continue;
      const uint32_t flags = ports ? 3 : 15;
      const uint32_t sized = function.masks[i] & ~flags;
      const uint32_t mask = sized != 0 ? sized : ports ? kPortsMask : kMemoryMask;
      if ((bar & mask) == (address & mask) && address <= UINT32_MAX)
        return function.command_known && !function.may_master;
    }
  }
  return false;
}

}  // namespace ringside
