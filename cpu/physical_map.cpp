#include "cpu/physical_map.h"

#include <cstring>

namespace ringside {

PhysicalMap::Place PhysicalMap::place(GuestPhys address) const {
  for (size_t i = 0; i < roms_.size(); ++i) {
    const uint64_t offset = address.value - roms_[i].base.value;
    if (offset < roms_[i].bytes.size()) return {Kind::rom, i, offset};
  }
  if (!memory_.contains(address, 1)) return {};
  for (const NativeCpuConfig::Hole& hole : holes_) {
    if (address.value - hole.base.value < hole.length) return {};
  }
  return {Kind::ram, 0, address.value - memory_.base().value};
}

const uint8_t* PhysicalMap::bytes_at(GuestPhys address, uint64_t length) const {
  const Place at = place(address);
  if (at.kind == Kind::ram) return memory_.at(address, length);
  if (at.kind == Kind::rom) return roms_[at.rom].bytes.data() + at.offset;
  return nullptr;
}

void PhysicalMap::read(GuestPhys address, void* into, uint64_t length) const {
  if (const uint8_t* bytes = bytes_at(address, length)) {
    std::memcpy(into, bytes, length);
  } else {
    std::memset(into, 0xff, length);
  }
}

void PhysicalMap::write(GuestPhys address, const void* from, uint64_t length) {
  if (is_ram(address)) memory_.write(address, from, length);
}

}  // namespace ringside
