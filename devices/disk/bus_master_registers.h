// The bus master IDE registers of one channel (82371SB, "PCI/IDE bus master registers"; the same in Intel's
// "Programming Interface for Bus Master IDE Controller" 1.0, chapter 2).
#pragma once

#include "devices/disk/bus_master.h"

namespace ringside {

struct BusMasterRegisters {
  // The order is that of BusMaster's accessors.
  static constexpr Register<BusMaster> kRows[] = {
      // Bit 3: read/write control (1: to memory); bit 0: start.
      {{"BMICOM", 0, 1, RegisterAccess::read_write, 0, 0x09, "2.1"}, nullptr, &BusMaster::write_command},
      // Bits 6 and 5: drive 1 and 0 are set up for DMA, which only firmware and drivers use. Bit 2,
      // interrupt,
      // and bit 1, error: writing 1 clears them. Bit 0, active, is the engine's.
      {{"BMISTA", 2, 1, RegisterAccess::read_write, 0, 0x60, "2.2"}, nullptr, &BusMaster::write_status},
      {{"BMIDTP", 4, 4, RegisterAccess::read_write, 0, 0xffff'fffc, "2.3"}},
  };
};

inline constexpr std::span<const Register<BusMaster>> kBusMasterRegisters = BusMasterRegisters::kRows;

}  // namespace ringside
