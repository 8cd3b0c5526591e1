#include "host/network/offload.h"

#include <algorithm>
#include <vector>

#include "host/network/internet.h"

namespace ringside {

namespace {

constexpr size_t kNetwork = ethernet::header_bytes;
constexpr uint16_t kTypeIpv6 = 0x86dd;
constexpr uint8_t kTcp = 6, kUdp = 17;

namespace ipv4 {  // RFC 791
constexpr size_t header_min = 20, total_length = 2, identification = 4, fragment = 6, protocol = 9,
                 checksum = 10, source = 12;
constexpr uint16_t fragment_mask = 0x3fff;  // MF and the offset
}  // namespace ipv4
namespace ipv6 {  // RFC 8200
constexpr size_t header = 40, payload_length = 4, next_header = 6, source = 8;
constexpr uint8_t hop_by_hop = 0, routing = 43, fragment = 44, authentication = 51, destination = 60;
// Linux looks no further (net/core/skbuff.c, MAX_IPV6_HDR_LEN).
constexpr size_t headers_max = 256;
}  // namespace ipv6
namespace tcp {  // RFC 9293
constexpr size_t header_min = 20, sequence = 4, offset = 12, flags = 13, checksum = 16;
constexpr uint8_t fin = 0x01, psh = 0x08, cwr = 0x80;
}  // namespace tcp
namespace udp {  // RFC 768
constexpr size_t header = 8, checksum = 6;
}  // namespace udp

std::optional<TransportPlace> with_transport(TransportPlace place, std::span<const uint8_t> frame) {
  const bool is_tcp = place.protocol == kTcp;
  if (!is_tcp && place.protocol != kUdp) return std::nullopt;
  if (frame.size() < place.transport + (is_tcp ? tcp::header_min : udp::header)) return std::nullopt;
  place.checksum_at = place.transport + (is_tcp ? tcp::checksum : udp::checksum);
  return place;
}

std::optional<TransportPlace> find_behind_ipv4(std::span<const uint8_t> frame) {
  if (frame.size() < kNetwork + ipv4::header_min) return std::nullopt;
  const auto header = frame.subspan(kNetwork);
  if ((load_be16(header, ipv4::fragment) & ipv4::fragment_mask) != 0) return std::nullopt;
  const size_t length = (header[0] & 0x0f) * size_t{4};
  if (length < ipv4::header_min) return std::nullopt;
  return with_transport({false, header[ipv4::protocol], kNetwork, kNetwork + length, 0}, frame);
}

// Behind what extension headers there are.
std::optional<TransportPlace> find_behind_ipv6(std::span<const uint8_t> frame) {
  if (frame.size() < kNetwork + ipv6::header) return std::nullopt;
  uint8_t next = frame[kNetwork + ipv6::next_header];
  size_t at = kNetwork + ipv6::header;
  for (;;) {
    switch (next) {
      case ipv6::hop_by_hop:
      case ipv6::routing:
      case ipv6::destination:
      case ipv6::authentication: {
        if (frame.size() < at + 2) return std::nullopt;
        const bool authentication = next == ipv6::authentication;
        next = frame[at];
        at += authentication ? (frame[at + 1] + size_t{2}) * 4 : (frame[at + 1] + size_t{1}) * 8;
        break;
      }
      case ipv6::fragment:
        if (frame.size() < at + 8) return std::nullopt;
        if ((load_be16(frame, at + 2) & 0xfff9) != 0) return std::nullopt;  // the offset, or M
        next = frame[at];
        at += 8;
        break;
      default: return with_transport({true, next, kNetwork, at, 0}, frame);
    }
    if (at > kNetwork + ipv6::headers_max) return std::nullopt;
  }
}

// A checksum that comes out as 0 is written as its other zero: 0 means none in UDP.
uint16_t never_zero(uint16_t checksum) { return checksum == 0 ? 0xffff : checksum; }

uint16_t fold(uint64_t sum) { return static_cast<uint16_t>(~checksum_of(sum)); }

// The header of segment `number`, from that of the whole packet.
struct Segmenter {
  std::span<const uint8_t> frame;
  TransportPlace place;
  size_t payload_at;
  size_t segment_bytes;

  std::vector<uint8_t> segment(size_t number, size_t from, size_t length, bool last) const {
    std::vector<uint8_t> made;
    made.reserve(payload_at + length);
    made.assign(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(payload_at));
    const auto payload = frame.subspan(from, length);
    made.insert(made.end(), payload.begin(), payload.end());
    const size_t transport_bytes = made.size() - place.transport;
    if (place.ipv6) {
      store_be16(made, place.network + ipv6::payload_length,
                 static_cast<uint16_t>(made.size() - place.network - ipv6::header));
    } else {
      finish_ipv4(made, number);
    }
    store_be32(made, place.transport + tcp::sequence,
               load_be32(frame, place.transport + tcp::sequence) + static_cast<uint32_t>(from - payload_at));
    uint8_t& flags = made[place.transport + tcp::flags];
    if (!last) flags &= static_cast<uint8_t>(~(tcp::fin | tcp::psh));
    if (number != 0) flags &= static_cast<uint8_t>(~tcp::cwr);
    // The pseudo header's sum counts the length of the whole: take that out and put the segment's in.
    const auto whole = static_cast<uint16_t>(frame.size() - place.transport);
    const uint16_t partial = load_be16(frame, place.checksum_at);
    store_be16(made, place.checksum_at,
               fold(uint64_t{partial} + static_cast<uint16_t>(~whole) + transport_bytes));
    complete_checksum(made, place);
    return made;
  }

  void finish_ipv4(std::span<uint8_t> made, size_t number) const {
    store_be16(made, place.network + ipv4::total_length, static_cast<uint16_t>(made.size() - place.network));
    const uint16_t first = load_be16(frame, place.network + ipv4::identification);
    store_be16(made, place.network + ipv4::identification, static_cast<uint16_t>(first + number));
    store_be16(made, place.network + ipv4::checksum, 0);
    const auto header = made.subspan(place.network, place.transport - place.network);
    store_be16(made, place.network + ipv4::checksum, checksum_of(checksum_sum(header)));
  }
};

bool cut(std::span<const uint8_t> frame, const TransportPlace& place, size_t segment_bytes,
         const FrameSink& sink) {
  if (place.protocol != kTcp) return false;
  const size_t header = (frame[place.transport + tcp::offset] >> 4) * size_t{4};
  const size_t payload_at = place.transport + header;
  if (header < tcp::header_min || payload_at > frame.size()) return false;
  const size_t payload = frame.size() - payload_at;
  if ((payload + segment_bytes - 1) / segment_bytes > kSegmentsMax) return false;
  const Segmenter segmenter{frame, place, payload_at, segment_bytes};
  size_t number = 0;
  for (size_t from = payload_at; from < frame.size() || number == 0; from += segment_bytes) {
    const size_t length = std::min(segment_bytes, frame.size() - from);
    sink(segmenter.segment(number++, from, length, from + length == frame.size()));
  }
  return true;
}

}  // namespace

std::optional<TransportPlace> find_transport(std::span<const uint8_t> frame) {
  if (frame.size() < kNetwork) return std::nullopt;
  switch (load_be16(frame, 12)) {
    case ethernet::type_ipv4: return find_behind_ipv4(frame);
    case kTypeIpv6: return find_behind_ipv6(frame);
    default: return std::nullopt;
  }
}

void put_pseudo_sum(std::span<uint8_t> frame, const TransportPlace& place) {
  const size_t addresses = place.network + (place.ipv6 ? ipv6::source : ipv4::source);
  const uint64_t sum = checksum_sum(frame.subspan(addresses, place.ipv6 ? 32 : 8));
  store_be16(frame, place.checksum_at, fold(sum + place.protocol + (frame.size() - place.transport)));
}

void complete_checksum(std::span<uint8_t> frame, const TransportPlace& place) {
  const uint16_t checksum = checksum_of(checksum_sum(frame.subspan(place.transport)));
  store_be16(frame, place.checksum_at, never_zero(checksum));
}

bool finish_frame(std::span<const uint8_t> frame, const FrameOffload& offload, const FrameSink& sink) {
  if (offload.empty()) {
    sink(frame);
    return true;
  }
  const auto place = find_transport(frame);
  if (!place) return false;
  if (offload.segment_bytes != 0) return cut(frame, *place, offload.segment_bytes, sink);
  std::vector<uint8_t> complete(frame.begin(), frame.end());
  complete_checksum(complete, *place);
  sink(complete);
  return true;
}

}  // namespace ringside
