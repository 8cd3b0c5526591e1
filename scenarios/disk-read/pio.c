// Programmed I/O (ATA/ATAPI-6, 9.5): the disk asks for the data of one sector after another (DRQ), and the
// processor fetches 256 words each time. Interrupts are off; the status says when.
#include "guest/pc/ports.h"
#include "scenarios/disk-read/ata.h"

struct outcome pio_read(uint64_t lba, unsigned sectors, int extended, uint8_t* into) {
  out8(kDeviceControl, kInterruptsOff);
  ata_command(extended ? kReadSectorsExt : kReadSectors, lba, sectors, extended);
  for (unsigned i = 0; i < sectors; ++i) {
    const uint8_t status = ata_wait();
    if ((status & (kError | kFault)) || !(status & kDataRequest)) {
      return (struct outcome){status, in8(kErrorRegister)};
    }
    in16_repeated(kData, into + i * kSectorBytes, kSectorBytes / 2);
  }
  return (struct outcome){ata_wait(), in8(kErrorRegister)};
}
