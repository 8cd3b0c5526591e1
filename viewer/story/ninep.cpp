#include "viewer/story/ninep.h"

#include <bit>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "viewer/story/record.h"
#include "viewer/story/story_wires.h"

namespace ringside::viewer {

namespace {

uint32_t u32_at(std::span<const uint8_t> message, size_t at) {
  uint32_t value = 0;
  if (message.size() >= at + sizeof value) std::memcpy(&value, message.data() + at, sizeof value);
  return value;
}
uint16_t u16_at(std::span<const uint8_t> message, size_t at) {
  uint16_t value = 0;
  if (message.size() >= at + sizeof value) std::memcpy(&value, message.data() + at, sizeof value);
  return value;
}

}  // namespace

// What crosses and is dropped does not arrive. A message belongs to the ring that it came through: tags are
// the session's, but a guest that uses one on two rings at once shall not confuse us.
void NinePTrack::apply(const StoryParts& parts, Row row, uint32_t wire) {
  P9MessageRecord record{};
  const auto payload = parts.table.payload(row);
  if (!read_record(payload, record)) return;
  const auto message = payload.subspan(sizeof record);
  if (message.size() < ninep::header_bytes) return;
  const bool request = parts.wires.role(wire).part == WirePart::ninep_request;
  const uint16_t tag = u16_at(message, 5);
  if (request) {
    take_request(tag, message, row);
    if (!is_dropped(parts.table, row)) paths_.take(message);
    return;
  }
  if (is_dropped(parts.table, row)) return;
  paths_.take(message);
  take_answer(parts.table, tag, message[4], row);
}

void NinePTrack::take_request(uint16_t tag, std::span<const uint8_t> message, Row row) {
  constexpr size_t kFidAt = ninep::header_bytes, kNewFidAt = kFidAt + 4;
  Request request{.type = message[4], .row = row, .fid = u32_at(message, kFidAt)};
  request.newfid = request.fid;
  if (request.type == ninep::Twalk || request.type == ninep::Txattrwalk)
    request.newfid = u32_at(message, kNewFidAt);
  if (request.type == ninep::Tflush) request.old_tag = u16_at(message, kFidAt);
  in_flight_[tag] = request;
}

void NinePTrack::take_answer(const CrossingTable& table, uint16_t tag, uint8_t type, Row row) {
  const auto place = in_flight_.find(tag);
  if (place == in_flight_.end()) return;
  const Request request = place->second;
  in_flight_.erase(place);
  settle(request, type, row);
  const Tick asked = table.at(request.row), answered = table.at(row);
  measure(request, answered < asked ? Tick{} : answered - asked, type != request.type + 1);
}

void NinePTrack::settle(const Request& request, uint8_t type, Row row) {
  const bool done = type == request.type + 1;
  switch (request.type) {
    case ninep::Tversion:
      if (!done) break;
      fids_.clear();
      in_flight_.clear();
      break;
    case ninep::Tclunk:
    case ninep::Tremove: fids_.erase(request.fid); break;
    case ninep::Tflush:
      if (done) in_flight_.erase(request.old_tag);
      break;
    case ninep::Tattach:
    case ninep::Tauth:
    case ninep::Twalk:
    case ninep::Txattrwalk:
      // Where a walk found not all names, newfid is none (walk(5)).
      if (done && paths_.path_of(request.newfid) != nullptr) fids_[request.newfid] = {false, row};
      break;
    case ninep::Tlcreate:
    case ninep::Tcreate:
    case ninep::Tlopen:
    case ninep::Topen: {
      if (!done || paths_.path_of(request.fid) == nullptr) break;
      Fid& fid = fids_[request.fid];
      fid.open = true;
      if (fid.since == kNoRow) fid.since = row;
      break;
    }
    default: break;
  }
}

void NinePTrack::measure(const Request& request, Tick took, bool failed) {
  constexpr size_t kBuckets = 48;  // up to 78 hours
  constexpr uint64_t kNanosecond = 1000;
  NinePState::TypeLatency& latency = latencies_[request.type];
  if (latency.count == 0) {
    latency.type = request.type;
    const NinePMessageType* const known = ninep_message_type(request.type);
    latency.name = known != nullptr ? std::string(known->name) : "type " + std::to_string(request.type);
    latency.smallest = took;
  }
  ++latency.count;
  latency.errors += failed;
  latency.sum = latency.sum + took;
  latency.smallest = std::min(latency.smallest, took);
  latency.largest = std::max(latency.largest, took);
  const uint64_t nanoseconds = std::max<uint64_t>(took.ps / kNanosecond, 1);
  const size_t bucket = std::min<size_t>(static_cast<size_t>(std::bit_width(nanoseconds)) - 1, kBuckets - 1);
  if (latency.histogram.size() <= bucket) latency.histogram.resize(bucket + 1);
  ++latency.histogram[bucket];
}

size_t NinePTrack::bytes() const {
  constexpr size_t kNode = 64;
  return sizeof *this + paths_.paths().size() * (2 * kNode + sizeof(std::string)) + fids_.size() * kNode +
         in_flight_.size() * 2 * kNode + latencies_.size() * 256;
}

NinePState NinePTrack::shown() const {
  NinePState shown;
  for (const auto& [fid, path] : paths_.paths()) {
    const auto known = fids_.find(fid);
    const bool is_known = known != fids_.end();
    shown.fids.push_back(
        {fid, path, is_known && known->second.open, is_known ? known->second.since : kNoRow});
  }
  for (const auto& [tag, request] : in_flight_)
    shown.in_flight.push_back({static_cast<uint16_t>(tag), request.type, request.row});
  for (const auto& [type, latency] : latencies_) shown.latencies.push_back(latency);
  return shown;
}

}  // namespace ringside::viewer
