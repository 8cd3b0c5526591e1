// The 256 words of IDENTIFY DEVICE (ATA/ATAPI-7 volume 1, IDENTIFY DEVICE), from a drive's make and settings.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "devices/disk/ata_geometry.h"
#include "devices/disk/ata_timing.h"

namespace ringside {

struct AtaIdentity {
  std::string serial;     // at most 20 characters
  std::string firmware;   // 8
  std::string model;      // 40
  uint64_t capacity = 0;  // sectors
  unsigned unit = 0;
  bool other_present = false;  // the channel's other drive answered at reset
};

// What commands change.
struct AtaSettings {
  bool write_cache = true;
  bool look_ahead = true;
  bool revert_on_reset = true;  // SET FEATURES CCh; 66h clears it
  uint8_t multiple = 0;         // sectors a DRQ block of READ/WRITE MULTIPLE; 0: not enabled
  AtaTransferModes modes;
  AtaGeometry translation;
};

// READ/WRITE MULTIPLE: at most so many sectors a block.
inline constexpr uint8_t kMultipleMax = 16;
inline constexpr uint8_t kUltraModeMax = 5;
// The most that a 28-bit command can address.
inline constexpr uint64_t kLba28Sectors = 0x0fff'ffff;

std::array<uint16_t, 256> identify_words(const AtaIdentity& identity, const AtaSettings& settings);

}  // namespace ringside
