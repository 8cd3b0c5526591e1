// The responder's IPv4 (RFC 791): checks of the header, then ICMP, UDP or TCP, and the way back.
#include <fmt/format.h>

#include <algorithm>

#include "host/network/responder.h"

namespace ringside {

namespace {

constexpr size_t kIpv4 = ethernet::header_bytes;  // where the IPv4 header begins in a frame
constexpr size_t kIpv4HeaderMin = 20;
constexpr uint8_t kTimeToLive = 64;  // RFC 1700's recommendation
constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17;

namespace icmp {  // RFC 792
constexpr uint8_t echo_reply = 0, unreachable = 3, echo = 8;
constexpr uint8_t protocol_unreachable = 2, port_unreachable = 3;
constexpr size_t header = 8, checksum = 2, quoted_payload = 8;
}  // namespace icmp
namespace udp {  // RFC 768
constexpr size_t header = 8, source_port = 0, destination_port = 2, length = 4, checksum = 6;
constexpr uint16_t echo = 7, discard = 9;
}  // namespace udp
namespace tcp {  // RFC 9293
constexpr size_t header = 20, sequence = 4, acknowledgment = 8, offset = 12, flags = 13, checksum = 16;
constexpr uint8_t fin = 0x01, syn = 0x02, rst = 0x04, ack = 0x10;
}  // namespace tcp

bool is_host(const Ipv4Address& address) {
  const bool multicast_or_above = address[0] >= 224;  // RFC 5771, 240/4 and the broadcast address
  return address[0] != 0 && address[0] != 127 && !multicast_or_above;
}

}  // namespace

struct Responder::Ipv4Packet {
  std::span<const uint8_t> frame;
  Ipv4Address source, destination;
  std::span<const uint8_t> header, message;

  uint64_t pseudo_sum(uint8_t protocol) const {
    return pseudo_header_sum(source, destination, protocol, message.size());
  }
};

void Responder::receive_ipv4(std::span<const uint8_t> frame) {
  const auto bytes = frame.subspan(kIpv4);
  if (bytes.size() < kIpv4HeaderMin) return malformed(frame, fmt::format("IPv4 in {} bytes", bytes.size()));
  const unsigned version = bytes[0] >> 4;
  const size_t header_length = (bytes[0] & 0x0f) * size_t{4};
  const size_t total_length = load_be16(bytes, 2);
  if (version != 4) return malformed(frame, fmt::format("IPv4 of version {}", version));
  if (header_length < kIpv4HeaderMin || header_length > total_length || total_length > bytes.size()) {
    return malformed(frame,
                     fmt::format("IPv4 with a header of {} bytes and {} in all, in a frame with room for {}",
                                 header_length, total_length, bytes.size()));
  }
  Ipv4Packet packet;
  packet.frame = frame;
  packet.header = bytes.first(header_length);
  packet.message = bytes.subspan(header_length, total_length - header_length);
  packet.source = ipv4_at(bytes, 12);
  packet.destination = ipv4_at(bytes, 16);
  if (checksum_of(checksum_sum(packet.header)) != 0) {
    return malformed(frame, fmt::format("IPv4 header checksum {:#06x} is wrong", load_be16(bytes, 10)));
  }
  // No answer goes to a group, and none to what was not for this host alone (RFC 1122 3.2.2).
  if (packet.destination != config_.address || mac_at(frame, 0) != config_.mac) return;
  if (!is_host(packet.source)) {
    return malformed(frame, fmt::format("IPv4 from {}, which is nobody's address", to_string(packet.source)));
  }
  const uint16_t fragment = load_be16(bytes, 6);
  if ((fragment & 0x3fff) != 0) {
    return malformed(frame, "a fragment (this host does not reassemble): send less than the MTU");
  }
  switch (bytes[9]) {
    case kIcmp: return receive_icmp(packet);
    case kUdp: return receive_udp(packet);
    case kTcp: return receive_tcp(packet);
    default: return answer_unreachable(packet, icmp::protocol_unreachable);
  }
}

void Responder::receive_icmp(const Ipv4Packet& packet) {
  const auto message = packet.message;
  if (message.size() < icmp::header) {
    return malformed(packet.frame, fmt::format("ICMP in {} bytes", message.size()));
  }
  if (checksum_of(checksum_sum(message)) != 0) {
    return malformed(packet.frame,
                     fmt::format("ICMP checksum {:#06x} is wrong", load_be16(message, icmp::checksum)));
  }
  if (message[0] != icmp::echo || message[1] != 0) return;
  std::vector<uint8_t> reply(message.begin(), message.end());
  reply[0] = icmp::echo_reply;
  store_be16(reply, icmp::checksum, 0);
  store_be16(reply, icmp::checksum, checksum_of(checksum_sum(reply)));
  answer_ipv4(packet, kIcmp, std::move(reply));
}

void Responder::receive_udp(const Ipv4Packet& packet) {
  if (packet.message.size() < udp::header) {
    return malformed(packet.frame, fmt::format("UDP in {} bytes", packet.message.size()));
  }
  const size_t length = load_be16(packet.message, udp::length);
  if (length < udp::header || length > packet.message.size()) {
    return malformed(packet.frame,
                     fmt::format("UDP of {} bytes in a packet with {}", length, packet.message.size()));
  }
  const auto datagram = packet.message.first(length);
  const uint16_t checksum = load_be16(datagram, udp::checksum);
  const uint64_t pseudo = pseudo_header_sum(packet.source, packet.destination, kUdp, length);
  // A checksum of 0 says that the sender made none.
  if (checksum != 0 && checksum_of(checksum_sum(datagram, pseudo)) != 0) {
    return malformed(packet.frame, fmt::format("UDP checksum {:#06x} is wrong", checksum));
  }
  const uint16_t source = load_be16(datagram, udp::source_port);
  const uint16_t destination = load_be16(datagram, udp::destination_port);
  if (destination == udp::discard) {
    ++counts_.discarded;
    return;
  }
  if (destination != udp::echo) return answer_unreachable(packet, icmp::port_unreachable);
  if (source == udp::echo || source == 0) return;
  std::vector<uint8_t> reply(datagram.begin(), datagram.end());
  store_be16(reply, udp::source_port, destination);
  store_be16(reply, udp::destination_port, source);
  store_be16(reply, udp::checksum, 0);
  const uint64_t reply_pseudo = pseudo_header_sum(packet.destination, packet.source, kUdp, length);
  const uint16_t reply_checksum = checksum_of(checksum_sum(reply, reply_pseudo));
  store_be16(reply, udp::checksum, reply_checksum == 0 ? 0xffff : reply_checksum);
  answer_ipv4(packet, kUdp, std::move(reply));
}

// Nobody listens, so that every segment is reset (RFC 9293 3.10.7.1).
void Responder::receive_tcp(const Ipv4Packet& packet) {
  const auto segment = packet.message;
  if (segment.size() < tcp::header)
    return malformed(packet.frame, fmt::format("TCP in {} bytes", segment.size()));
  const size_t offset = (segment[tcp::offset] >> 4) * size_t{4};
  if (offset < tcp::header || offset > segment.size()) {
    return malformed(packet.frame,
                     fmt::format("TCP with a header of {} bytes in a segment of {}", offset, segment.size()));
  }
  if (checksum_of(checksum_sum(segment, packet.pseudo_sum(kTcp))) != 0) {
    return malformed(packet.frame,
                     fmt::format("TCP checksum {:#06x} is wrong", load_be16(segment, tcp::checksum)));
  }
  const uint8_t flags = segment[tcp::flags];
  if ((flags & tcp::rst) != 0) return;
  std::vector<uint8_t> reset(tcp::header);
  std::copy_n(segment.begin(), 2, reset.begin() + 2);
  std::copy_n(segment.begin() + 2, 2, reset.begin());
  reset[tcp::offset] = tcp::header / 4 << 4;
  if ((flags & tcp::ack) != 0) {
    reset[tcp::flags] = tcp::rst;
    store_be32(reset, tcp::sequence, load_be32(segment, tcp::acknowledgment));
  } else {
    const auto occupied = static_cast<uint32_t>(segment.size() - offset) + ((flags & tcp::syn) != 0 ? 1 : 0) +
                          ((flags & tcp::fin) != 0 ? 1 : 0);
    reset[tcp::flags] = tcp::rst | tcp::ack;
    store_be32(reset, tcp::acknowledgment, load_be32(segment, tcp::sequence) + occupied);
  }
  const uint64_t pseudo = pseudo_header_sum(packet.destination, packet.source, kTcp, reset.size());
  store_be16(reset, tcp::checksum, checksum_of(checksum_sum(reset, pseudo)));
  answer_ipv4(packet, kTcp, std::move(reset));
}

// With the header and the first eight bytes of what could not be delivered (RFC 792).
void Responder::answer_unreachable(const Ipv4Packet& request, uint8_t code) {
  std::vector<uint8_t> message(icmp::header);
  message[0] = icmp::unreachable;
  message[1] = code;
  message.insert(message.end(), request.header.begin(), request.header.end());
  const auto quoted = request.message.first(std::min(request.message.size(), icmp::quoted_payload));
  message.insert(message.end(), quoted.begin(), quoted.end());
  store_be16(message, icmp::checksum, checksum_of(checksum_sum(message)));
  answer_ipv4(request, kIcmp, std::move(message));
}

void Responder::answer_ipv4(const Ipv4Packet& request, uint8_t protocol, std::vector<uint8_t> message) {
  std::vector<uint8_t> frame(kIpv4 + kIpv4HeaderMin);
  const MacAddress requester = mac_at(request.frame, 6);
  std::copy(requester.begin(), requester.end(), frame.begin());
  std::copy(config_.mac.begin(), config_.mac.end(), frame.begin() + 6);
  store_be16(frame, 12, ethernet::type_ipv4);
  const auto header = std::span(frame).subspan(kIpv4);
  header[0] = 4 << 4 | kIpv4HeaderMin / 4;
  store_be16(header, 2, static_cast<uint16_t>(kIpv4HeaderMin + message.size()));
  store_be16(header, 4, ++identification_);
  header[8] = kTimeToLive;
  header[9] = protocol;
  std::copy(config_.address.begin(), config_.address.end(), header.begin() + 12);
  std::copy(request.source.begin(), request.source.end(), header.begin() + 16);
  store_be16(header, 10, checksum_of(checksum_sum(header)));
  frame.insert(frame.end(), message.begin(), message.end());
  answer(std::move(frame));
}

}  // namespace ringside
