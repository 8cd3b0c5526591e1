#include "checkers/dma/nic_buffers.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside {

namespace {

constexpr uint64_t kSpace = 0x20000;  // BAR0
constexpr uint32_t kCtrl = 0x00000, kRctl = 0x00100, kTctl = 0x00400;
constexpr uint32_t kReceiveRing = 0x02800, kTransmitRing = 0x03800;
constexpr uint32_t kBaseLow = 0x00, kBaseHigh = 0x04, kLength = 0x08, kHead = 0x10;
constexpr uint32_t kCtrlReset = 1u << 26, kEnable = 1u << 1;
constexpr uint32_t kFrameBytesMax = 1522;  // with a VLAN tag and the check sequence
constexpr uint32_t kLongPackets = 1u << 5, kBufferSizeExtended = 1u << 25;  // RCTL: LPE, BSEX
// A larger ring is not followed. Linux's are of 4096 descriptors at most.
constexpr uint32_t kFollowedMax = 4096;

uint64_t load_number(const uint8_t* bytes, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = size; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

void NicBuffers::on_crossing(const Seen& seen) {
  if (seen.part == DevicePart::nic_ring) return indices_moved(seen);
  BusAccessRecord access;
  if (!read_record(seen.crossing, access) || access.write == 0 || !seen.arrives()) return;
  if (access.size != 4) return;
  if (seen.part == DevicePart::nic_ports) {
    // 13.2.2: IOADDR, IODATA. Linux resets the controller so.
    if ((access.address & 63) == 0) port_address_ = static_cast<uint32_t>(access.value & (kSpace - 4));
    if ((access.address & 63) == 4) write_register(port_address_, static_cast<uint32_t>(access.value));
    return;
  }
  registers_at_ = access.address & ~(kSpace - 1);
  write_register(static_cast<uint32_t>(access.address & (kSpace - 1)), static_cast<uint32_t>(access.value));
}

void NicBuffers::forget(Ring& ring) {
  ring.known = false;
  ring.live.clear();
  ring.longest_bytes = 0;
}

void NicBuffers::write_register(uint32_t offset, uint32_t value) {
  if (offset == kCtrl && (value & kCtrlReset) != 0) {
    for (Ring* ring : {&receive_, &transmit_}) {
      forget(*ring);
      ring->enabled = false;
      ring->base_low = ring->base_high = 0;
    }
    return;
  }
  if (offset == kRctl) {
    const uint32_t code = value >> 16 & 3;
    uint32_t bytes = (value & kBufferSizeExtended) != 0 && code != 0 ? 32768u >> code : 2048u >> code;
    // 13.4.22, LPE: longer frames are not stored. Linux makes its buffers only as large as that.
    if ((value & kLongPackets) == 0) bytes = std::min(bytes, kFrameBytesMax);
    receive_.enabled = (value & kEnable) != 0;
    if (!receive_.enabled || bytes != buffer_bytes_) forget(receive_);
    buffer_bytes_ = bytes;
    return;
  }
  if (offset == kTctl) {
    transmit_.enabled = (value & kEnable) != 0;
    if (!transmit_.enabled) forget(transmit_);
    return;
  }
  for (Ring* ring : {&receive_, &transmit_}) {
    switch (offset - (ring->receives ? kReceiveRing : kTransmitRing)) {
      case kBaseLow: ring->base_low = value & ~15u; break;
      case kBaseHigh: ring->base_high = value; break;
      case kLength:
      case kHead: break;
      default: continue;
    }
    forget(*ring);
  }
}

void NicBuffers::indices_moved(const Seen& seen) {
  NicRingRecord record;
  if (!read_record(seen.crossing, record)) return;
  Ring& ring = static_cast<NicRing>(record.ring) == NicRing::receive ? receive_ : transmit_;
  if (static_cast<NicRingEvent>(record.event) == NicRingEvent::tail_written)
    return tail_written(seen, ring, record);
  if (!ring.known) return;
  if (record.head >= ring.count || record.descriptors != ring.count) return forget(ring);
  while (ring.head != record.head) {
    take_back(ring, ring.head);
    ring.head = ring.head + 1 == ring.count ? 0 : ring.head + 1;
  }
}

void NicBuffers::tail_written(const Seen& seen, Ring& ring, const NicRingRecord& record) {
  if (ring.enabled) judge_mastering(seen, false, registers_at_);
  const uint32_t count = record.descriptors;
  const bool sound =
      count != 0 && count <= kFollowedMax && record.head < count && record.tail < count && ring.base() != 0;
  if (!sound || (ring.known && count != ring.count)) forget(ring);
  if (!sound) return;
  if (!ring.known) {
    ring.known = true;
    ring.count = count;
    ring.kept.resize(count);
    ring.head = ring.tail = record.head;
  }
  const uint32_t before = ring.owned(), after = (record.tail + count - ring.head) % count;
  uint32_t at = after >= before ? ring.tail : record.tail;
  const uint32_t end = after >= before ? record.tail : ring.tail;
  ring.tail = record.tail;
  for (; ring.known && at != end; at = at + 1 == count ? 0 : at + 1) {
    after >= before ? give(seen, ring, at) : take_back(ring, at);
  }
}

std::optional<MemoryRange> NicBuffers::buffer_of(const Ring& ring, const Descriptor& descriptor) const {
  const uint64_t address = load_number(descriptor.data(), 8);
  uint64_t length = buffer_bytes_;
  if (!ring.receives) {
    // 3.3.3, 3.3.7: legacy descriptors have 16 bits of length, data descriptors 20; a context has no buffer.
    const auto word = static_cast<uint32_t>(load_number(&descriptor[8], 4));
    const bool extended = (word >> 29 & 1) != 0;
    if (extended && (word >> 20 & 15) == 0) return std::nullopt;
    length = extended ? word & 0xfffff : word & 0xffff;
  }
  if (length == 0 || address > UINT64_MAX - length) return std::nullopt;
  return MemoryRange{address, address + length};
}

// Of a ring's buffers, sorted by where they begin: one that lies on `range`.
const NicBuffers::Live* NicBuffers::find_overlap(const Ring& ring, const MemoryRange& range) {
  const uint64_t reach = ring.longest_bytes;
  const uint64_t from = range.first > reach ? range.first - reach : 0;
  auto at = std::lower_bound(ring.live.begin(), ring.live.end(), from,
                             [](const Live& live, uint64_t first) { return live.range.first < first; });
  for (; at != ring.live.end() && at->range.first < range.end; ++at) {
    if (at->range.overlaps(range)) return &*at;
  }
  return nullptr;
}

void NicBuffers::give(const Seen& seen, Ring& ring, uint32_t index) {
  Descriptor& descriptor = ring.kept[index];
  if (!load(ring.base() + uint64_t{index} * sizeof descriptor, descriptor.data(), sizeof descriptor))
    return forget(ring);
  const auto buffer = buffer_of(ring, descriptor);
  if (!buffer) return;
  judge_buffer(seen, ring, index, *buffer);
  const auto place =
      std::upper_bound(ring.live.begin(), ring.live.end(), buffer->first,
                       [](uint64_t first, const Live& live) { return first < live.range.first; });
  ring.live.insert(place, {*buffer, index});
  ring.longest_bytes = std::max(ring.longest_bytes, buffer->end - buffer->first);
}

void NicBuffers::judge_buffer(const Seen& seen, const Ring& ring, uint32_t index, const MemoryRange& buffer) {
  const auto where = [&] {
    return fmt::format("descriptor {} of the {} ring has its buffer at {:#x}-{:#x}", index,
                       ring.receives ? "receive" : "transmit", buffer.first, buffer.end - 1);
  };
  for (const Ring* other : {&receive_, &transmit_}) {
    if (!other->known) continue;
    if (other->memory().overlaps(buffer))
      violate("buffer_overlaps_ring", seen,
              fmt::format("{}, over the descriptors of the {} ring at {:#x}", where(),
                          other->receives ? "receive" : "transmit", other->base()));
    // Two frames may be sent from the same bytes.
    if (!ring.receives && !other->receives) continue;
    if (const Live* overlapped = find_overlap(*other, buffer))
      violate("buffers_overlap", seen,
              fmt::format("{}, over that of descriptor {} of the {} ring at {:#x}-{:#x}", where(),
                          overlapped->index, other->receives ? "receive" : "transmit",
                          overlapped->range.first, overlapped->range.end - 1));
  }
}

void NicBuffers::take_back(Ring& ring, uint32_t index) {
  const auto buffer = buffer_of(ring, ring.kept[index]);
  if (!buffer) return;
  auto at = std::lower_bound(ring.live.begin(), ring.live.end(), buffer->first,
                             [](const Live& live, uint64_t first) { return live.range.first < first; });
  for (; at != ring.live.end() && at->range.first == buffer->first; ++at) {
    if (at->index != index) continue;
    ring.live.erase(at);
    return;
  }
}

// The controller reads them ahead, or writes them back: until then they were not the driver's to change.
void NicBuffers::judge_descriptors(const Seen& seen, const Ring& ring, const MemoryRange& moved) {
  const auto first = static_cast<uint32_t>((moved.first - ring.base()) / sizeof(Descriptor));
  const auto end = static_cast<uint32_t>((moved.end - ring.base()) / sizeof(Descriptor));
  // Of a receive descriptor only the address is the driver's word.
  const size_t compared = ring.receives ? 8 : sizeof(Descriptor);
  for (uint32_t index = first; index < end && index < ring.count; ++index) {
    Descriptor now;
    if (!load(ring.base() + uint64_t{index} * sizeof now, now.data(), sizeof now)) return;
    const Descriptor& kept = ring.kept[index];
    if (std::memcmp(now.data(), kept.data(), compared) == 0) continue;
    violate(
        "descriptor_rewritten", seen,
        fmt::format("descriptor {} of the {} ring has changed since it was handed over: its buffer was at "
                    "{:#x}, and is at {:#x}",
                    index, ring.receives ? "receive" : "transmit", load_number(kept.data(), 8),
                    load_number(now.data(), 8)));
  }
}

void NicBuffers::transfer(const Seen& seen, const DmaRecord& record) {
  const MemoryRange moved = range_of(record);
  for (const Ring* ring : {&receive_, &transmit_}) {
    if (!ring->known || !ring->memory().overlaps(moved)) continue;
    if (ring->memory().holds(moved)) judge_descriptors(seen, *ring, moved);
    return;
  }
  const Ring& ring = record.write != 0 ? receive_ : transmit_;
  if (!ring.known) return;
  // Data moves for the descriptor at the head.
  const auto buffer = ring.owned() != 0 ? buffer_of(ring, ring.kept[ring.head]) : std::nullopt;
  if (buffer && buffer->holds(moved)) return;
  violate("outside_buffers", seen,
          fmt::format(
              "{} {} bytes at {:#x}, but {}", record.write != 0 ? "the device stores" : "the device reads",
              record.length, record.address,
              ring.owned() == 0 ? fmt::format("{}DT = {} leaves it no descriptor", ring.letter(), ring.tail)
                                : fmt::format("the descriptor at {}DH = {} is for another place",
                                              ring.letter(), ring.head)));
}

}  // namespace ringside
