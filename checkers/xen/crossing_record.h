// How the checkers read a crossing: its record, and what a fault has made of it.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "sim/wire.h"

namespace ringside {

// Of a payload that is long enough. Reading single fields costs less than a whole record.
template <class Record>
Record record_at(const std::vector<uint8_t>& payload, size_t offset = 0) {
  Record record;
  std::memcpy(&record, payload.data() + offset, sizeof record);
  return record;
}
template <class Record>
Record record_at(const Crossing& crossing, size_t offset = 0) {
  return record_at<Record>(*crossing.payload, offset);
}

// A crossing whose payload a fault has cut short, with zeros for what that leaves out. Who sees many
// crossings asks once whether one is cut, so that its reads need no other way.
class CompletedCrossing {
 public:
  CompletedCrossing(const Crossing& cut, size_t bytes) : payload_(*cut.payload), crossing_(cut) {
    payload_.resize(bytes);
    crossing_.payload = &payload_;
  }
  CompletedCrossing(const CompletedCrossing&) = delete;
  CompletedCrossing& operator=(const CompletedCrossing&) = delete;
  const Crossing& crossing() const { return crossing_; }

 private:
  std::vector<uint8_t> payload_;
  Crossing crossing_;
};

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
