// Reset, IDENTIFY and the command block of an ATA disk.
#include "scenarios/disk-read/ata.h"

#include "guest/pc/pc.h"
#include "guest/pc/ports.h"
#include "guest/pc/timers.h"

enum { kBusyMicrosecondsMax = 2000000 };

// 7.15: the status is not valid for 400 ns after a command or a change of device.
static void settle(void) { delay_microseconds(1); }

uint8_t ata_wait(void) {
  settle();
  const uint64_t start = microseconds_now();
  for (;;) {
    const uint8_t status = in8(kAlternateStatus);
    if (!(status & kBusy)) return status;
    if (microseconds_now() - start > kBusyMicrosecondsMax) fail("the disk stays busy: status 0x%x", status);
  }
}

void ata_command(uint8_t command, uint64_t lba, unsigned sectors, int extended) {
  ata_wait();
  if (extended) {
    // 6.20: each register is two deep; what was written first is the upper half.
    out8(kDevice, kLbaMode);
    out8(kSectorCount, (uint8_t)(sectors >> 8));
    out8(kLbaLow, (uint8_t)(lba >> 24));
    out8(kLbaMid, (uint8_t)(lba >> 32));
    out8(kLbaHigh, (uint8_t)(lba >> 40));
  } else {
    out8(kDevice, (uint8_t)(kLbaMode | (lba >> 24 & 0x0f)));
  }
  out8(kSectorCount, (uint8_t)sectors);
  out8(kLbaLow, (uint8_t)lba);
  out8(kLbaMid, (uint8_t)(lba >> 8));
  out8(kLbaHigh, (uint8_t)(lba >> 16));
  out8(kCommand, command);
}

// 8.15.8: texts have their bytes swapped in each word, and blanks at their end.
static void copy_text(char* into, const uint16_t* words, unsigned count) {
  unsigned length = 0;
  for (unsigned i = 0; i < count; ++i) {
    into[2 * i] = (char)(words[i] >> 8);
    into[2 * i + 1] = (char)words[i];
  }
  for (unsigned i = 0; i < 2 * count; ++i) {
    if (into[i] != ' ' && into[i] != 0) length = i + 1;
  }
  into[length] = 0;
}

struct disk ata_find(void) {
  // 9.2: software reset. A bus without a device floats, so its status reads as ones.
  out8(kDeviceControl, kInterruptsOff | kSoftReset);
  delay_microseconds(5);
  out8(kDeviceControl, kInterruptsOff);
  delay_microseconds(2000);
  // The reset selects device 0; some controllers leave that to us.
  out8(kDevice, kLbaMode);
  delay_microseconds(1);
  if (in8(kStatus) == 0xff) fail("no disk on the primary channel");
  ata_wait();
  // 9.12: the signature of a device that takes these commands.
  if (in8(kLbaMid) != 0 || in8(kLbaHigh) != 0) fail("device 0 is not an ATA disk");

  uint16_t words[256];
  ata_command(kIdentify, 0, 0, 0);
  const uint8_t status = ata_wait();
  if ((status & (kError | kFault)) || !(status & kDataRequest))
    fail("IDENTIFY ended with status 0x%x", status);
  in16_repeated(kData, words, 256);
  in8(kStatus);

  struct disk disk = {.has_lba48 = words[83] >> 10 & 1};
  copy_text(disk.serial, &words[10], 10);
  copy_text(disk.model, &words[27], 20);
  disk.sectors = disk.has_lba48 ? (uint64_t)words[103] << 48 | (uint64_t)words[102] << 32 |
                                      (uint64_t)words[101] << 16 | words[100]
                                : (uint64_t)words[61] << 16 | words[60];
  return disk;
}
