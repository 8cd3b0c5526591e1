// The transmit engine: takes descriptors one after another and gathers what they point to (SDM 3.3, 3.4).
// Each step does one transfer and the next begins when that is over; a step that finds no room in the
// transmit FIFO waits for the line. Legacy and TCP/IP data descriptors carry data; TCP/IP context
// descriptors only prepare checksums and segmentation for those that follow.
#include <fmt/format.h>

#include <algorithm>

#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr size_t kFifoReserve = 80;  // SDM 3.3.6: a packet leaves so much of the transmit FIFO free
constexpr uint8_t kTypeContext = 0, kTypeData = 1;

uint32_t dword(std::span<const uint8_t> bytes, unsigned index) {
  const uint8_t* at = bytes.data() + 4 * index;
  return at[0] | at[1] << 8 | at[2] << 16 | static_cast<uint32_t>(at[3]) << 24;
}
uint8_t command(std::span<const uint8_t> descriptor) { return descriptor[11]; }
bool is_extended(std::span<const uint8_t> descriptor) { return (command(descriptor) & kCmdDext) != 0; }
uint8_t type(std::span<const uint8_t> descriptor) { return descriptor[10] >> 4; }

uint32_t data_length(std::span<const uint8_t> descriptor) {
  const uint64_t address = dword(descriptor, 0) | static_cast<uint64_t>(dword(descriptor, 1)) << 32;
  if (address == 0) return 0;  // 3.3.3.1: no data
  return dword(descriptor, 2) & (is_extended(descriptor) ? 0xfffff : 0xffff);
}

}  // namespace

void E1000::write_tctl(uint64_t value) {
  if ((value & kTctlSwxoff) != 0) send_pause(static_cast<uint16_t>(get(kFcttv)));
  kick_transmit();
}

void E1000::kick_transmit() {
  if (transmit_event_ || !flag(kTctl, kTctlEn) || !ring_ready(tx_)) return;
  transmit_event_ = site_.events.schedule(std::max(site_.clock.now, bus_free_at_), "e1000/transmit",
                                          [this] { transmit_step(); });
}

void E1000::transmit_step() {
  transmit_event_ = {};
  if (!flag(kTctl, kTctlEn) || !ring_ready(tx_)) return;
  const bool moved = tx_.fetched.empty() ? fetch(tx_) : transmit_descriptor();
  if (moved) kick_transmit();
}

// False when it must wait.
bool E1000::transmit_descriptor() {
  const Descriptor descriptor = tx_.fetched.front();
  if (is_extended(descriptor) && type(descriptor) == kTypeContext) {
    load_context(descriptor);
  } else if (is_extended(descriptor) && type(descriptor) != kTypeData) {
    site_.notice(NoticeKind::unusual, fmt::format("TDH {}: descriptor of unknown type {} is skipped",
                                                  ring_head(tx_), type(descriptor)));
  } else {
    if (!packet_.open) open_packet(descriptor);
    if (!gather(descriptor)) return false;
    if (buffer_offset_ < data_length(descriptor)) return true;
    buffer_offset_ = 0;
    if ((command(descriptor) & kCmdEop) != 0) close_packet(descriptor);
  }
  finish_transmit(descriptor);
  return true;
}

// SDM 3.3.6. There are two contexts, one for segmentation and one for checksums alone (3.3.5).
void E1000::load_context(const Descriptor& descriptor) {
  const uint8_t flags = command(descriptor);
  Context& context = (flags & kTucmdTse) != 0 ? segment_context_ : normal_context_;
  context.ip = {descriptor[0], descriptor[1], static_cast<uint16_t>(dword(descriptor, 0) >> 16)};
  context.tcp = {descriptor[4], descriptor[5], static_cast<uint16_t>(dword(descriptor, 1) >> 16)};
  context.payload_length = dword(descriptor, 2) & 0xfffff;
  context.header_length = descriptor[13];
  context.mss = static_cast<uint16_t>(dword(descriptor, 3) >> 16);
  context.is_tcp = (flags & kTucmdTcp) != 0;
  context.is_ipv4 = (flags & kTucmdIp) != 0;
}

// What only a packet's first descriptor says: POPTS (3.3.7), CSO and CSS (3.3.3), and in a segmentation
// VLE, IFCS and the tag (3.3.7.1).
void E1000::open_packet(const Descriptor& descriptor) {
  const uint8_t flags = command(descriptor);
  packet_ = {};
  packet_.open = true;
  if (next_transmit_status_ != 0) packet_status_ = take_transmit_fault();
  if (!is_extended(descriptor)) {
    packet_.checksum_offset = descriptor[10];
    packet_.checksum_start = descriptor[13];
    return;
  }
  packet_.options = descriptor[13];
  packet_.segmented = (flags & kDcmdTse) != 0;
  if (!packet_.segmented) return;
  packet_.payload_left = segment_context_.payload_length;
  packet_.vlan = (flags & kCmdVle) != 0 && flag(kCtrl, kCtrlVme);
  packet_.insert_fcs = (flags & kCmdIfcs) != 0;
  packet_.tag = static_cast<uint16_t>(dword(descriptor, 3) >> 16);
  const size_t frame_bytes = size_t{segment_context_.header_length} + segment_context_.mss;
  if (segment_context_.mss == 0) {
    discard_packet("TCP segmentation with MSS", 0);
  } else if (frame_bytes + kFifoReserve > transmit_fifo_capacity()) {
    discard_packet("TCP segmentation with MSS and HDRLEN too long for the transmit FIFO:", frame_bytes);
  }
}

void E1000::discard_packet(const char* why, uint64_t value) {
  packet_.discarded = true;
  packet_.bytes.clear();
  if (packet_.segmented) count(kTsctfc);
  site_.notice(NoticeKind::unusual,
               fmt::format("TDH {}: {} {}: the packet is discarded", ring_head(tx_), why, value));
}

// How much of the descriptor's buffer the next transfer takes: all, or in a segmentation what is missing of
// the header or of the current segment.
uint32_t E1000::gather_wanted(uint32_t left) const {
  if (!packet_.segmented) return left;
  if (packet_.header.size() < segment_context_.header_length) {
    return std::min<uint32_t>(left,
                              segment_context_.header_length - static_cast<uint32_t>(packet_.header.size()));
  }
  const uint32_t room = segment_context_.mss - static_cast<uint32_t>(packet_.bytes.size());
  return std::min({left, room, packet_.payload_left});
}

// Transfers the next piece of the buffer. False when there is no room for it yet, or no way to it.
bool E1000::gather(const Descriptor& descriptor) {
  const uint32_t length = data_length(descriptor);
  if (packet_.discarded) buffer_offset_ = length;
  if (buffer_offset_ >= length) return true;
  const uint32_t wanted = gather_wanted(length - buffer_offset_);
  const size_t frame_bytes = packet_.header.size() + packet_.bytes.size() + wanted;
  if (wanted == 0) {
    discard_packet("more data than the context's PAYLEN", segment_context_.payload_length);
  } else if (frame_bytes + kFifoReserve > transmit_fifo_capacity()) {
    discard_packet("more bytes than the transmit FIFO holds:", frame_bytes);
  }
  if (packet_.discarded) {
    buffer_offset_ = length;
    return true;
  }
  if (transmit_fifo_bytes_ + frame_bytes > transmit_fifo_capacity()) return false;
  std::vector<uint8_t> piece(wanted);
  const uint64_t address = dword(descriptor, 0) | static_cast<uint64_t>(dword(descriptor, 1)) << 32;
  if (!dma_read(address + buffer_offset_, piece, "a transmit buffer")) {
    tx_.halted = true;
    return false;
  }
  buffer_offset_ += wanted;
  const bool to_header = packet_.segmented && packet_.header.size() < segment_context_.header_length;
  std::vector<uint8_t>& into = to_header ? packet_.header : packet_.bytes;
  into.insert(into.end(), piece.begin(), piece.end());
  if (packet_.segmented && !to_header) {
    packet_.payload_left -= wanted;
    segment_gathered();
  }
  return true;
}

// The descriptor is done: status, head, interrupts (3.3.3.1, 3.4.3).
void E1000::finish_transmit(const Descriptor& descriptor) {
  const uint8_t flags = command(descriptor);
  const bool reports = (flags & kCmdRs) != 0;
  Descriptor done = descriptor;
  if (reports) done[12] |= kTdescDd;
  if (packet_status_ != 0 && (flags & kCmdEop) != 0) {
    if (reports) done[12] |= packet_status_;
    packet_status_ = 0;
  }
  advance(tx_, reports, done);
  uint32_t causes = 0;
  const uint32_t owned = ring_owned(tx_), low = 8 * (get(kTxdctl) >> kTxdctlLwthreshShift);
  if (owned == low) causes |= kTxdLow;
  if (reports && (flags & kCmdIde) != 0 && get(kTidv) != 0) {
    arm(transmit_delay_.packet, get(kTidv), "e1000/tidv", &E1000::transmit_delay_expired);
    if (!transmit_delay_.absolute && get(kTadv) != 0) {
      arm(transmit_delay_.absolute, get(kTadv), "e1000/tadv", &E1000::transmit_delay_expired);
    }
  } else if (reports && tx_.pending.empty()) {
    cancel(transmit_delay_);
    causes |= kTxdw;
  }
  if (owned == 0) {
    causes |= kTxqe;
    // Nothing follows that could fill the write-back burst.
    if (!tx_.pending.empty() && !transmit_delay_.packet) {
      flush(tx_);
      causes |= kTxdw;
    }
  }
  if (causes != 0) raise(causes);
}

void E1000::transmit_delay_expired() {
  cancel(transmit_delay_);
  flush(tx_);
  raise(kTxdw);
}

}  // namespace ringside
