// From gathered bytes to frames: TCP segmentation (SDM 3.5), checksum insertion (3.6, 3.3.3), the VLAN tag
// (9.3), padding, and the check sequence where software brings its own.
#include <fmt/format.h>

#include <algorithm>

#include "devices/nic/checksum.h"
#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr size_t kAddressBytes = 12, kTagBytes = 4, kFcsBytes = 4, kFrameBytesMin = 60,
                 kEthernetHeaderBytes = 14;
constexpr size_t kIpv6HeaderBytes = 40;
constexpr uint8_t kTcpFin = 1 << 0, kTcpPsh = 1 << 3;

uint32_t load(const std::vector<uint8_t>& bytes, size_t at, unsigned size) {
  uint32_t value = 0;
  for (unsigned i = 0; i < size; ++i) value = value << 8 | (at + i < bytes.size() ? bytes[at + i] : 0);
  return value;
}
void store(std::vector<uint8_t>& bytes, size_t at, unsigned size, uint32_t value) {
  if (at + size > bytes.size()) return;
  for (unsigned i = 0; i < size; ++i) bytes[at + i] = static_cast<uint8_t>(value >> 8 * (size - 1 - i));
}

}  // namespace

// A piece of payload has come: when it completes a segment, the segment becomes a frame.
void E1000::segment_gathered() {
  const bool last = packet_.payload_left == 0;
  if (packet_.bytes.size() < segment_context_.mss && !last) return;
  std::vector<uint8_t> frame = packet_.header;
  frame.insert(frame.end(), packet_.bytes.begin(), packet_.bytes.end());
  update_headers(frame, last);
  packet_.bytes.clear();
  ++packet_.frames;
  complete_frame(std::move(frame));
}

// SDM 3.5.9: what differs from segment to segment, and the checksums over it.
// DEVIATES: SDM 3.5.9.1 - the IPv6 payload length leaves out IPv6's own 40 bytes, as RFC 8200 defines it; the
// manual's formula (MSS + HDRLEN - IPCSS) would count them.
void E1000::update_headers(std::vector<uint8_t>& bytes, bool last) {
  const Context& context = segment_context_;
  const size_t ip = context.ip.start, transport = context.tcp.start;
  const auto from = [&](size_t start) {
    return bytes.size() > start ? static_cast<uint32_t>(bytes.size() - start) : 0;
  };
  if (context.is_ipv4) {
    store(bytes, ip + 2, 2, from(ip));
    store(bytes, ip + 4, 2, load(bytes, ip + 4, 2) + packet_.frames);
  } else {
    store(bytes, ip + 4, 2, from(ip + kIpv6HeaderBytes));
  }
  if (context.is_tcp) {
    store(bytes, transport + 4, 4, load(bytes, transport + 4, 4) + packet_.frames * context.mss);
    if (!last) store(bytes, transport + 13, 1, load(bytes, transport + 13, 1) & ~uint32_t{kTcpFin | kTcpPsh});
  } else {
    store(bytes, transport + 4, 2, from(transport));
  }
  if ((packet_.options & kPoptsIxsm) != 0) insert_checksum(bytes, context.ip, 0, false);
  // Software has left the length out of the pseudo-header's sum (3.5.5).
  if ((packet_.options & kPoptsTxsm) != 0)
    insert_checksum(bytes, context.tcp, from(transport), !context.is_tcp);
}

// The sum runs over what stands at the checksum's own place, too: zero, or software's partial sum. UDP sends
// a sum of zero as ones (RFC 768).
void E1000::insert_checksum(std::vector<uint8_t>& bytes, const ChecksumRange& range, uint32_t extra,
                            bool udp) {
  const size_t end = range.end == 0 ? bytes.size() : std::min<size_t>(range.end + size_t{1}, bytes.size());
  if (range.start >= end || range.offset + size_t{2} > bytes.size()) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("TDH {}: checksum from {} to {} into {} does not fit a packet of {} bytes",
                             ring_head(tx_), range.start, range.end, range.offset, bytes.size()));
    return;
  }
  const std::span<const uint8_t> summed(bytes.data() + range.start, end - range.start);
  const auto sum = static_cast<uint16_t>(~ones_complement_sum(summed, extra));
  store(bytes, range.offset, 2, udp && sum == 0 ? 0xffff : sum);
}

// The packet's last descriptor is done.
void E1000::close_packet(const Descriptor& descriptor) {
  Packet packet = std::move(packet_);
  packet_ = {};
  if (packet.discarded) return;
  if (packet.segmented) {
    const bool whole = packet.payload_left == 0 && packet.frames != 0;
    count(whole ? kTsctc : kTsctfc);
    if (!whole) {
      site_.notice(NoticeKind::unusual,
                   fmt::format("TDH {}: the packet ends {} bytes ahead of the context's PAYLEN {}",
                               ring_head(tx_), packet.payload_left, segment_context_.payload_length));
    }
    return;
  }
  const uint8_t flags = descriptor[11];
  packet_.vlan = (flags & kCmdVle) != 0 && flag(kCtrl, kCtrlVme);
  packet_.insert_fcs = (flags & kCmdIfcs) != 0;
  packet_.tag = static_cast<uint16_t>(descriptor[14] | descriptor[15] << 8);
  if ((flags & kCmdDext) == 0) {
    if ((flags & kCmdIc) != 0) {
      insert_checksum(packet.bytes, {packet.checksum_start, packet.checksum_offset, 0}, 0, false);
    }
  } else {
    if ((packet.options & kPoptsIxsm) != 0) insert_checksum(packet.bytes, normal_context_.ip, 0, false);
    if ((packet.options & kPoptsTxsm) != 0) {
      insert_checksum(packet.bytes, normal_context_.tcp, 0, !normal_context_.is_tcp);
    }
  }
  complete_frame(std::move(packet.bytes));
  packet_ = {};
}

// Tags, pads and queues a frame; packet_ says whether to.
void E1000::complete_frame(std::vector<uint8_t> bytes) {
  if (packet_.vlan && bytes.size() >= kAddressBytes) {
    const uint32_t type = get(kVet);
    const uint8_t tag[kTagBytes] = {static_cast<uint8_t>(type >> 8), static_cast<uint8_t>(type),
                                    static_cast<uint8_t>(packet_.tag >> 8),
                                    static_cast<uint8_t>(packet_.tag)};
    bytes.insert(bytes.begin() + kAddressBytes, tag, tag + kTagBytes);
  }
  if (packet_.insert_fcs || packet_.vlan) {
    if (flag(kTctl, kTctlPsp) && bytes.size() < kFrameBytesMin) bytes.resize(kFrameBytesMin);
  } else {
    const size_t body = bytes.size() >= kFcsBytes ? bytes.size() - kFcsBytes : 0;
    const uint32_t fcs = frame_check_sequence({bytes.data(), body});
    bool fits = bytes.size() >= kFcsBytes;
    for (size_t i = 0; fits && i < kFcsBytes; ++i)
      fits = bytes[body + i] == static_cast<uint8_t>(fcs >> 8 * i);
    if (!fits) {
      site_.notice(NoticeKind::unusual,
                   fmt::format("TDH {}: a frame without IFCS ends with a wrong check sequence: the "
                               "switch drops it",
                               ring_head(tx_)));
      return;
    }
    bytes.resize(body);
  }
  if (bytes.size() < kEthernetHeaderBytes) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("TDH {}: a frame of {} bytes has no Ethernet header: not sent", ring_head(tx_),
                             bytes.size()));
    return;
  }
  transmit_fifo_bytes_ += bytes.size();
  Frame& frame = transmit_fifo_.emplace_back();
  frame.bytes = std::move(bytes);
  frame.ready_at = bus_free_at_;
  start_line();
}

}  // namespace ringside
