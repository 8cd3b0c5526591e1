// How what the viewer reckons reads a crossing: its payload's record as it lies there, without decoding.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "sim/wire.h"
#include "viewer/session/crossing_table.h"

namespace ringside::viewer {

// False where the payload, cut by a capture policy or by a fault, does not reach `needed`; what is missing
// behind that is zero.
template <class Record>
bool read_record(std::span<const uint8_t> payload, Record& record, size_t needed = sizeof(Record)) {
  if (payload.size() >= sizeof record) [[likely]] {
    std::memcpy(&record, payload.data(), sizeof record);
    return true;
  }
  if (payload.size() < needed) return false;
  record = {};
  if (!payload.empty()) std::memcpy(&record, payload.data(), payload.size());
  return true;
}

// What sessions held of a block request before there were indirect ones (payload type 140).
struct FirstBlkRequestRecord {
  uint8_t operation, nr_segments;
  uint16_t handle;
  uint32_t slot;
  uint64_t id, sector_number, nr_sectors;
  uint32_t req_prod, req_cons;
};
static_assert(sizeof(FirstBlkRequestRecord) == 40);

// A fault has kept it from the other end, for now or for ever.
inline bool is_dropped(const CrossingTable& table, Row row) {
  return (table.flags(row) & Crossing::kDropped) != 0;
}
inline bool is_punctual(const CrossingTable& table, Row row) {
  return (table.flags(row) & (Crossing::kDropped | Crossing::kDelayed)) == 0;
}

// "dom1/ring/xvda" of "dom1/ring/xvda/request", and "request".
inline std::string_view base_of(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(0, slash);
}
inline std::string_view last_part(std::string_view name) { return name.substr(name.rfind('/') + 1); }
inline std::string_view first_part(std::string_view name) { return name.substr(0, name.find('/')); }

// Free-running indices: `a` lies before `b`.
inline bool is_before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

}  // namespace ringside::viewer
