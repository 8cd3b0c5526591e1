#include "viewer/story/rings.h"

#include "devices/nic/payloads.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/xen_abi.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

RingTrack::RingTrack(const KnownRing& known, uint32_t ring) : slots_(ring), ring_(ring) {
  shown_.name = known.name;
  shown_.device = known.device;
  shown_.kind = known.kind;
  shown_.is_estimate = known.is_estimate;
  shown_.wires = known.wires;
  if (known.is_estimate) {
    const bool store = known.device == "xenstore";
    shown_.out.size = store ? XENSTORE_RING_SIZE : sizeof(xencons_interface::out);
    shown_.in.size = store ? XENSTORE_RING_SIZE : sizeof(xencons_interface::in);
  }
}

size_t RingTrack::bytes() const {
  return sizeof *this + shown_.slots.size() * sizeof(RingSlot) + shown_.wires.size() * sizeof(uint32_t) + 96;
}

void RingTrack::apply(const StoryParts& parts, Row row, uint32_t wire) {
  const WirePart part = parts.wires.role(wire).part;
  switch (part) {
    case WirePart::byte_indices: apply_share(parts, row); break;
    case WirePart::console_out: apply_console(parts, row, true); break;
    case WirePart::console_in: apply_console(parts, row, false); break;
    case WirePart::xenstore: apply_console(parts, row, parts.table.direction(row) == Direction::out); break;
    case WirePart::descriptors: apply_descriptors(parts, row); break;
    default: slots_.apply(shown_, parts, row, part); break;
  }
}

// The indices stand in the page that both have mapped. How large the ring is, does not: that is looked up
// where a connection begins.
void RingTrack::apply_share(const StoryParts& parts, Row row) {
  P9IndicesRecord record{};
  if (!read_record(parts.table.payload(row), record, offsetof(P9IndicesRecord, in_flight))) return;
  constexpr uint32_t kLooksMax = 16;
  const bool begins = shown_.last == kNoRow || is_before(record.out_prod, shown_.out.prod);
  if (begins && ++looks_ <= kLooksMax) {
    const auto bytes = parts.facts.share_ring_bytes(parts.table, parts.wires.rings()[ring_], row);
    shown_.out.size = shown_.in.size = bytes.value_or(0);
  }
  shown_.out.prod = record.out_prod;
  shown_.out.cons = record.out_cons;
  shown_.in.prod = record.in_prod;
  shown_.in.cons = record.in_cons;
  shown_.last = row;
}

// No wire has the indices. What crosses outwards the backend has taken; what it has put into the ring, the
// guest has taken by the next time.
void RingTrack::apply_console(const StoryParts& parts, Row row, bool out) {
  const uint32_t count = parts.table.full_size(row);
  if (is_dropped(parts.table, row)) return;
  if (out) {
    shown_.out.prod += count;
    shown_.out.cons = shown_.out.prod;
  } else {
    shown_.in.cons = shown_.in.prod;
    shown_.in.prod += count;
  }
  shown_.last = row;
}

void RingTrack::apply_descriptors(const StoryParts& parts, Row row) {
  constexpr uint32_t kDescriptorsMax = 65536;  // a ring's length has 20 bits, a descriptor 16 bytes
  NicRingRecord record{};
  if (!read_record(parts.table.payload(row), record)) return;
  const bool transmit = record.ring == static_cast<uint8_t>(NicRing::transmit);
  if (transmit != shown_.name.ends_with("/transmit")) return;
  shown_.size = std::min(record.descriptors, kDescriptorsMax);
  shown_.head = record.head;
  shown_.tail = record.tail;
  shown_.last = row;
}

}  // namespace ringside::viewer
