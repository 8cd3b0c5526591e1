#include "devices/disk/ata_geometry.h"

#include <algorithm>

namespace ringside {

AtaGeometry AtaGeometry::with(uint32_t heads, uint32_t sectors, uint64_t capacity) {
  AtaGeometry geometry;
  geometry.heads = std::clamp(heads, 1u, 16u);
  geometry.sectors = std::clamp(sectors, 1u, 255u);
  const uint64_t cylinder = static_cast<uint64_t>(geometry.heads) * geometry.sectors;
  // A disk smaller than one cylinder has one, which its capacity cuts short.
  geometry.cylinders =
      static_cast<uint32_t>(std::clamp<uint64_t>(capacity / cylinder, capacity != 0 ? 1 : 0, 65535));
  return geometry;
}

AtaGeometry AtaGeometry::for_capacity(uint64_t capacity) {
  AtaGeometry geometry = with(16, 63, capacity);
  geometry.cylinders = std::min(geometry.cylinders, 16383u);
  return geometry;
}

uint32_t AtaGeometry::addressable(uint64_t capacity) const {
  const uint64_t all = static_cast<uint64_t>(cylinders) * heads * sectors;
  return static_cast<uint32_t>(std::min(all, capacity));
}

std::optional<uint64_t> AtaGeometry::to_lba(uint32_t cylinder, uint32_t head, uint32_t sector) const {
  if (cylinder >= cylinders || head >= heads || sector == 0 || sector > sectors) return {};
  return (static_cast<uint64_t>(cylinder) * heads + head) * sectors + (sector - 1);
}

AtaGeometry::Address AtaGeometry::from_lba(uint64_t lba) const {
  const uint64_t track = lba / sectors;
  return {static_cast<uint32_t>(track / heads), static_cast<uint32_t>(track % heads),
          static_cast<uint32_t>(lba % sectors) + 1};
}

}  // namespace ringside
