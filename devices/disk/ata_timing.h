// How long a drive and its cable take, besides the medium (which is the DiskImage's own latency).
//
// A data transfer takes at least one cycle for each 16-bit word. The cycle times are those of ATA/ATAPI-7
// volume 2: PIO modes 0-4 (600, 383, 240, 180, 120 ns: mode 4 is 16.6 MB/s), Multiword DMA modes
// 0-2 (480, 150, 120 ns), Ultra DMA modes 0-6 (two words in 240, 160, 120, 90, 60, 40, 30 ns: mode 2 is 33.3
// MB/s). In PIO the guest moves the data, at the speed of its instructions; a drive in a slow PIO mode holds
// back the next block.
#pragma once

#include <cstdint>

#include "sim/tick.h"

namespace ringside {

struct AtaTiming {
  // From the Command register's write to the first step of the command. 7200 rpm drives of the time name
  // "controller overhead" of 0.1 to 0.5 ms; solid-state ones about 10 us. The default fits DiskLatency's.
  Tick command_overhead = microseconds(10);
  // BSY between two DRQ blocks of one PIO command. ATA-7 sets no limit; the host needs 400 ns to see it.
  Tick block_gap = nanoseconds(400);
  // After SRST is cleared, and EXECUTE DEVICE DIAGNOSTIC. ATA-7 allows 31 s and 6 s; drives that spin need
  // a few milliseconds.
  Tick reset = milliseconds(2);
  // From standby to the first access to the medium. Nothing for a solid-state disk; a 7200 rpm drive: 4 s.
  Tick spin_up = Tick{};
};

// The mode that SET FEATURES 03h chose: how the drive and the host move data.
struct AtaTransferModes {
  uint8_t pio = 4;
  bool ultra = false;  // else Multiword DMA
  uint8_t dma = 2;

  Tick pio_words(uint64_t words) const;
  Tick dma_words(uint64_t words) const;
};

}  // namespace ringside
