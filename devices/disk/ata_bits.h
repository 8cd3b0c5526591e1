// Bits of an ATA device's registers (ATA/ATAPI-7 volume 1, T13/1532D revision 4b, chapter 5).
#pragma once

#include <cstdint>

namespace ringside::ata {

inline constexpr uint32_t kSectorBytes = 512;

// 5.14 Status, and Alternate Status.
inline constexpr uint8_t kBsy = 0x80;
inline constexpr uint8_t kDrdy = 0x40;
inline constexpr uint8_t kDf = 0x20;
inline constexpr uint8_t kDsc = 0x10;  // seek complete: "command dependent" since ATA-4, still set by disks
inline constexpr uint8_t kDrq = 0x08;
inline constexpr uint8_t kErr = 0x01;
inline constexpr uint8_t kReady = kDrdy | kDsc;

// 5.8 Error.
inline constexpr uint8_t kIcrc = 0x80;  // interface CRC, Ultra DMA only
inline constexpr uint8_t kUnc = 0x40;   // uncorrectable data
inline constexpr uint8_t kIdnf = 0x10;  // address not found, or out of range
inline constexpr uint8_t kAbrt = 0x04;  // command aborted

// 5.8 as a diagnostic code, after reset and EXECUTE DEVICE DIAGNOSTIC.
inline constexpr uint8_t kDiagnosticPassed = 0x01;

// 5.6 Device.
inline constexpr uint8_t kLba = 0x40;
inline constexpr uint8_t kDev = 0x10;
inline constexpr uint8_t kHeadMask = 0x0f;  // LBA bits 27:24, or the head

// 5.7 Device Control.
inline constexpr uint8_t kHob = 0x80;
inline constexpr uint8_t kSrst = 0x04;
inline constexpr uint8_t kNien = 0x02;

// The registers of the command block that hold parameters, by their offset in it.
enum class Parameter : uint8_t {
  features = 1,  // Error when read
  sector_count = 2,
  lba_low = 3,
  lba_mid = 4,
  lba_high = 5,
  device = 6,
};

}  // namespace ringside::ata
