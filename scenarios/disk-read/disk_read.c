// The lesson: find the disk, read all of it, compare its CRC-32 with the one that the build computed from the
// image and gave us as the ramdisk. The command line says in which form: "pio" or "dma".
#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "guest/pc/timers.h"
#include "scenarios/disk-read/ata.h"

const char program_name[] = "disk-read";

// ISO/IEC 3309, as zlib, gzip and PNG compute it.
static uint32_t crc_table[256];

static void crc_start(void) {
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (unsigned bit = 0; bit < 8; ++bit) value = value & 1 ? 0xedb88320u ^ value >> 1 : value >> 1;
    crc_table[byte] = value;
  }
}

static uint32_t crc_add(uint32_t crc, const uint8_t* bytes, uint64_t count) {
  crc = ~crc;
  for (uint64_t i = 0; i < count; ++i) crc = crc_table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
  return ~crc;
}

typedef struct outcome (*reader)(uint64_t lba, unsigned sectors, int extended, uint8_t* into);

// The first half by 28-bit commands, the second by 48-bit ones where the disk has them.
static uint32_t read_all(reader read, const struct disk* disk) {
  uint8_t* buffer = allocate(kSectorsPerCommand * kSectorBytes, 4096);
  uint32_t crc = 0;
  for (uint64_t lba = 0; lba < disk->sectors;) {
    const uint64_t left = disk->sectors - lba;
    const unsigned sectors = left < kSectorsPerCommand ? (unsigned)left : kSectorsPerCommand;
    memset(buffer, 0, sectors * kSectorBytes);
    const struct outcome outcome = read(lba, sectors, disk->has_lba48 && lba >= disk->sectors / 2, buffer);
    if (outcome.status & (kError | kFault | kDataRequest))
      fail("read at sector %lu: status 0x%x, error 0x%x", lba, outcome.status, outcome.error);
    crc = crc_add(crc, buffer, (uint64_t)sectors * kSectorBytes);
    lba += sectors;
  }
  return crc;
}

// A sector behind the last must be refused, and the disk must work afterwards (6.20: IDNF, or ABRT).
static void read_behind_the_end(reader read, const struct disk* disk) {
  uint8_t* buffer = allocate(kSectorBytes, 4096);
  const struct outcome refused = read(disk->sectors, 1, 0, buffer);
  if (!(refused.status & kError) || !(refused.error & (kIdNotFound | kAborted)))
    fail("a read behind the end ended with status 0x%x, error 0x%x", refused.status, refused.error);
  const struct outcome outcome = read(disk->sectors - 1, 1, 0, buffer);
  if (outcome.status & kError)
    fail("the last sector: status 0x%x, error 0x%x", outcome.status, outcome.error);
}

static uint32_t expected_crc(void) {
  if (!machine.ramdisk) fail("the ramdisk with the expected checksum is missing");
  uint32_t value = 0;
  for (unsigned i = 0; i < 8 && i < machine.ramdisk_bytes; ++i) {
    const uint8_t digit = machine.ramdisk[i];
    value = value << 4 | (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  }
  return value;
}

void guest_main(void) {
  const int by_dma = has_word("dma");
  crc_start();
  const struct disk disk = ata_find();
  print("%s, serial %s: %lu sectors, %s\n", disk.model, disk.serial, disk.sectors,
        disk.has_lba48 ? "48-bit addresses" : "28-bit addresses");
  if (by_dma) dma_start();
  const reader read = by_dma ? dma_read : pio_read;

  const uint64_t start = microseconds_now();
  const uint32_t crc = read_all(read, &disk);
  print("read by %s in %lu us, %u interrupts\n", by_dma ? "DMA" : "PIO", microseconds_now() - start,
        dma_interrupts);
  print("checksum %08x\n", crc);
  read_behind_the_end(read, &disk);
  if (crc != expected_crc()) fail("checksum %08x, expected %08x", crc, expected_crc());
  pass();
}
