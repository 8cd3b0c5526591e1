// How the checkers read a crossing: its record, and what a fault has made of it.
#pragma once

#include <cstring>

#include "sim/wire.h"

namespace ringside {

// What a cut payload leaves out is zero.
template <class Record>
Record record_at(const Crossing& crossing, size_t offset = 0) {
  const size_t size = crossing.payload->size();
  const uint8_t* bytes = crossing.payload->data() + offset;
  Record record;
  if (offset + sizeof record <= size) [[likely]] {
    std::memcpy(&record, bytes, sizeof record);
    return record;
  }
  record = {};
  if (offset < size) std::memcpy(&record, bytes, size - offset);
  return record;
}

// Its bytes may be others than those that were sent, or there may be one more of it: what follows from that
// is nobody's. One that is only late, lost or answered with an error says still what its sender meant.
inline bool meddled_with(const Crossing& crossing) {
  constexpr uint8_t kIntact = Crossing::kDropped | Crossing::kDelayed | Crossing::kFailed;
  if ((crossing.flags & Crossing::kInjected) == 0) [[likely]]
    return false;
  return (crossing.flags & Crossing::kRepeated) != 0 || (crossing.flags & kIntact) == 0;
}

// "dom1/ring/xvda/" of "dom1/ring/xvda/request", and the 1 of it.
inline std::string base_of_wire(const std::string& name) { return name.substr(0, name.rfind('/') + 1); }
inline uint16_t domain_of_wire(const std::string& name) {
  uint16_t domain = 0;
  for (size_t i = 3; i < name.size() && name[i] >= '0' && name[i] <= '9'; ++i)
    domain = static_cast<uint16_t>(domain * 10 + (name[i] - '0'));
  return name.starts_with("dom") ? domain : uint16_t{0};
}

}  // namespace ringside
