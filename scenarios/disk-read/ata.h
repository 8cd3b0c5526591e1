// A driver for an ATA disk behind a PIIX IDE controller, in two forms: pio.c moves each word by the
// processor, dma.c lets the controller write to memory. Sections: ATA/ATAPI-6 (T13/1410D), and "PIIX": Intel
// 82371SB (PIIX3) datasheet with the Programming Interface for Bus Master IDE Controller (revision 1.0).
#pragma once

#include <stdint.h>

enum {
  // The primary channel in compatibility mode (ATA/ATAPI-6, 7, registers; PIIX 2.5).
  kData = 0x1f0,
  kErrorRegister = 0x1f1,  // read
  kSectorCount = 0x1f2,
  kLbaLow = 0x1f3,
  kLbaMid = 0x1f4,
  kLbaHigh = 0x1f5,
  kDevice = 0x1f6,
  kStatus = 0x1f7,           // read; reading it takes the interrupt back
  kCommand = 0x1f7,          // written
  kAlternateStatus = 0x3f6,  // read; the same without touching the interrupt
  kDeviceControl = 0x3f6,    // written
  kIrq = 14,

  // 7.15: status.
  kBusy = 1 << 7,
  kReady = 1 << 6,
  kFault = 1 << 5,
  kDataRequest = 1 << 3,
  kError = 1 << 0,

  // 7.9: error.
  kAborted = 1 << 2,
  kIdNotFound = 1 << 4,

  // 7.8: device control.
  kInterruptsOff = 1 << 1,  // nIEN
  kSoftReset = 1 << 2,      // SRST

  kLbaMode = 0xe0,  // 7.7: device 0, with the two bits that old drives want

  // 8: commands.
  kReadSectors = 0x20,
  kReadSectorsExt = 0x24,
  kReadDmaExt = 0x25,
  kReadDma = 0xc8,
  kIdentify = 0xec,

  kSectorBytes = 512,
  kSectorsPerCommand = 256,  // a count of 0 in the register
};

struct disk {
  char model[41], serial[21];
  uint64_t sectors;
  int has_lba48;  // word 83, bit 10
};

// What a command ended with.
struct outcome {
  uint8_t status, error;
};

// --- ata.c: what both forms share ---
// Soft reset, then IDENTIFY DEVICE. Ends the program where there is no disk.
struct disk ata_find(void);
// Waits until the disk is no longer busy and returns the status. Ends the program when that takes too long.
uint8_t ata_wait(void);
// Writes address, count and command for `sectors` (1 to 256) from `lba` on. `extended` takes the 48-bit
// registers.
void ata_command(uint8_t command, uint64_t lba, unsigned sectors, int extended);

// --- The forms: a read of up to 256 sectors ---
struct outcome pio_read(uint64_t lba, unsigned sectors, int extended, uint8_t* into);
void dma_start(void);
struct outcome dma_read(uint64_t lba, unsigned sectors, int extended, uint8_t* into);
extern volatile unsigned dma_interrupts;
