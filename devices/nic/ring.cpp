// Both descriptor rings: reading descriptors ahead, writing them back, and the indices (SDM 3.2.5, 3.2.6,
// 3.4, 3.4.1). Descriptors from the head up to the tail belong to the controller; it reads up to 64 of them
// in one burst, which a later change by software no longer reaches.
#include <fmt/format.h>

#include <algorithm>

#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"
#include "devices/nic/payloads.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr uint32_t kFetchMax = 64;  // SDM 3.2.4: the on-chip buffer of each ring
constexpr uint8_t kCacheLineSizeRegister = 0x0c;

}  // namespace

uint64_t E1000::ring_base(const Ring& ring) const {
  return get(ring.base_low) | static_cast<uint64_t>(get(ring.base_low + 4)) << 32;
}

// How many descriptors the controller may use.
uint32_t E1000::ring_owned(const Ring& ring) const {
  const uint32_t size = ring_count(ring), head = ring_head(ring), tail = ring_tail(ring);
  if (size == 0 || head >= size || tail >= size) return 0;
  return tail >= head ? tail - head : size - head + tail;
}

// Whether its engine has something to try.
bool E1000::ring_ready(const Ring& ring) const {
  if (ring.halted || !pci_.may_master()) return false;
  return !ring.fetched.empty() || (ring_count(ring) != 0 && ring_head(ring) != ring_tail(ring));
}

// True when there is a descriptor at the head; reads a burst of them where none is at hand.
bool E1000::fetch(Ring& ring) {
  if (!ring.fetched.empty()) return true;
  const uint32_t size = ring_count(ring), head = ring_head(ring);
  const bool transmits = &ring == &tx_;
  if (size == 0 || ring.halted) return false;
  if (head >= size || ring_tail(ring) >= size) {
    ring.halted = true;
    site_.notice(NoticeKind::unusual,
                 fmt::format("{}: head {} or tail {} lies outside of the ring's {} descriptors",
                             transmits ? "TDT" : "RDT", head, ring_tail(ring), size));
    return false;
  }
  const uint32_t burst = std::min({ring_owned(ring), size - head, kFetchMax});
  if (burst == 0) return false;
  std::array<uint8_t, kFetchMax * kDescriptorBytes> bytes;
  const std::span<uint8_t> into(bytes.data(), burst * kDescriptorBytes);
  if (!dma_read(ring_base(ring) + head * kDescriptorBytes, into, transmits ? "TDBAL" : "RDBAL")) {
    ring.halted = true;
    return false;
  }
  for (uint32_t i = 0; i < burst; ++i) {
    Descriptor& descriptor = ring.fetched.emplace_back();
    std::copy_n(bytes.begin() + i * kDescriptorBytes, kDescriptorBytes, descriptor.begin());
  }
  return true;
}

// The descriptor at the head is used up.
void E1000::advance(Ring& ring, bool write_back, const Descriptor& descriptor) {
  const uint32_t head = ring_head(ring);
  ring.fetched.pop_front();
  if (write_back) ring.pending.push_back({head, descriptor});
  set(ring.base_low + 16, head + 1 >= ring_count(ring) ? 0 : head + 1);
  if (ring.pending.size() >= write_back_threshold(ring)) flush(ring);
  show_ring(ring, false);
}

// WTHRESH in descriptors; 0 counts as 1 (SDM 13.4.43, 13.4.46).
uint32_t E1000::write_back_threshold(const Ring& ring) const {
  const uint32_t control = get(ring.control);
  uint32_t threshold = control >> kDctlWthreshShift & 0x3f;
  if ((control & kDctlGran) == 0) {
    const uint32_t line_bytes = pci_.config_read(kCacheLineSizeRegister, 1) * 4;
    threshold *= std::max(1u, line_bytes / kDescriptorBytes);
  }
  return std::clamp(threshold, 1u, kFetchMax);
}

void E1000::flush(Ring& ring) {
  const std::vector<WriteBack> pending = std::move(ring.pending);
  ring.pending.clear();
  for (const WriteBack& done : pending) {
    if (ring.halted) return;
    ring.halted = !dma_write(ring_base(ring) + done.index * uint64_t{kDescriptorBytes}, done.descriptor,
                             &ring == &tx_ ? "TDBAL" : "RDBAL");
  }
}

// Software has given the ring another place or head: what was read ahead no longer holds.
void E1000::forget(Ring& ring) {
  ring.fetched.clear();
  ring.pending.clear();
  ring.halted = false;
  if (&ring == &tx_) {
    packet_ = {};
    buffer_offset_ = 0;
  }
}

void E1000::show_ring(const Ring& ring, bool tail_written) {
  if (!ring_wire_.tapped()) return;
  NicRingRecord record{};
  record.ring = static_cast<uint8_t>(&ring == &tx_ ? NicRing::transmit : NicRing::receive);
  record.event = static_cast<uint8_t>(tail_written ? NicRingEvent::tail_written : NicRingEvent::head_moved);
  record.head = ring_head(ring);
  record.tail = ring_tail(ring);
  record.descriptors = ring_count(ring);
  ring_wire_.show(tail_written ? Direction::out : Direction::in, record);
}

void E1000::write_rdt(uint64_t) {
  rx_.halted = rx_.halted && ring_tail(rx_) >= ring_count(rx_);
  show_ring(rx_, true);
  kick_receive();
}

void E1000::write_tdt(uint64_t) {
  tx_.halted = tx_.halted && ring_tail(tx_) >= ring_count(tx_);
  show_ring(tx_, true);
  kick_transmit();
}

}  // namespace ringside
