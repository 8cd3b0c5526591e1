// Receive checksum offload (SDM 3.2.9, table 3-5): IPv4 headers, and TCP and UDP over IPv4 that is not a
// fragment or over IPv6 without extension headers, in Ethernet II and SNAP frames, with or without a tag.
#include "devices/nic/checksum.h"
#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd;
constexpr uint8_t kTcp = 6, kUdp = 17;
constexpr size_t kIpv6HeaderBytes = 40;

uint16_t word(std::span<const uint8_t> bytes, size_t at) {
  return at + 2 <= bytes.size() ? static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]) : uint16_t{0};
}

// The network packet of a frame, and its type; empty where there is none that the controller knows.
std::span<const uint8_t> network_packet(std::span<const uint8_t> frame, uint16_t vlan_type, uint16_t& type) {
  size_t at = 12;
  if (word(frame, at) == vlan_type) at += 4;
  type = word(frame, at);
  at += 2;
  // 802.2 SNAP: a length, then AA AA 03 00 00 00 and the type.
  if (type <= 1500 && word(frame, at) == 0xaaaa && word(frame, at + 2) == 0x0300 && at + 8 <= frame.size()) {
    type = word(frame, at + 6);
    at += 8;
  }
  return at < frame.size() ? frame.subspan(at) : std::span<const uint8_t>();
}

struct Transport {
  std::span<const uint8_t> segment, addresses;
  uint8_t protocol = 0;
};

bool transport_fits(const Transport& transport) {
  const uint16_t pseudo = pseudo_header_sum(transport.addresses, transport.protocol,
                                            static_cast<uint32_t>(transport.segment.size()));
  return ones_complement_sum(transport.segment, pseudo) == 0xffff;
}

}  // namespace

E1000::ReceiveSums E1000::judge_checksums(std::span<const uint8_t> frame) const {
  ReceiveSums sums;
  uint16_t type = 0;
  const auto packet = network_packet(frame, static_cast<uint16_t>(get(kVet)), type);
  Transport transport;
  if (type == kIpv4 && packet.size() >= 20 && packet[0] >> 4 == 4) {
    const size_t header = size_t{4} * (packet[0] & 15), total = word(packet, 2);
    if (header < 20 || total < header || total > packet.size()) {
      sums.status = kRdescIxsm;
      return sums;
    }
    if (flag(kRxcsum, kRxcsumIpofld)) {
      sums.status |= kRdescIpcs;
      if (ones_complement_sum(packet.first(header)) != 0xffff) sums.errors |= kRdescIpe;
    }
    const bool fragment = (word(packet, 6) & 0x3fff) != 0;
    if (!fragment) transport = {packet.subspan(header, total - header), packet.subspan(12, 8), packet[9]};
  } else if (type == kIpv6 && packet.size() >= kIpv6HeaderBytes && packet[0] >> 4 == 6) {
    const size_t length = word(packet, 4);
    if (length <= packet.size() - kIpv6HeaderBytes) {
      transport = {packet.subspan(kIpv6HeaderBytes, length), packet.subspan(8, 32), packet[6]};
    }
  }
  const bool is_tcp = transport.protocol == kTcp && transport.segment.size() >= 20;
  // A UDP sum of zero says that there is none.
  const bool is_udp =
      transport.protocol == kUdp && transport.segment.size() >= 8 && word(transport.segment, 6) != 0;
  if (flag(kRxcsum, kRxcsumTuofld) && (is_tcp || is_udp)) {
    sums.status |= kRdescTcpcs;
    if (!transport_fits(transport)) sums.errors |= kRdescTcpe;
  }
  if (sums.status == 0) sums.status = kRdescIxsm;
  return sums;
}

}  // namespace ringside
