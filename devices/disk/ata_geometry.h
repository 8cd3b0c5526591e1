// Cylinders, heads and sectors: how an ATA disk was addressed before LBA, and how firmware still asks for it
// (ATA/ATAPI-5, T13/1321D, 6.2 and annex; obsolete in ATA/ATAPI-7, but every disk does it).
#pragma once

#include <cstdint>
#include <optional>

namespace ringside {

struct AtaGeometry {
  uint32_t cylinders = 0, heads = 16, sectors = 63;

  // The translation after power on: 16 heads, 63 sectors, at most 16,383 cylinders.
  static AtaGeometry for_capacity(uint64_t capacity);
  // INITIALIZE DEVICE PARAMETERS: as many cylinders as the capacity fills, at most 65,535.
  static AtaGeometry with(uint32_t heads, uint32_t sectors, uint64_t capacity);

  // What it can address; never more than the capacity.
  uint32_t addressable(uint64_t capacity) const;
  // None where there is no such sector: sectors count from 1.
  std::optional<uint64_t> to_lba(uint32_t cylinder, uint32_t head, uint32_t sector) const;

  struct Address {
    uint32_t cylinder, head, sector;
  };
  Address from_lba(uint64_t lba) const;
};

}  // namespace ringside
