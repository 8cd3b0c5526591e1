// Frames are built and read byte by byte, in network order. See net.h.
#include "scenarios/nic-echo/net.h"

#include "guest/text.h"

enum {
  kEthernetBytes = 14,
  kIpBytes = 20,
  kIcmpBytes = 8,
  kUdpBytes = 8,
  kTypeArp = 0x0806,
  kTypeIp = 0x0800,
  kArpBytes = 28,
  kArpRequest = 1,
  kArpReply = 2,
  kProtocolIcmp = 1,
  kProtocolUdp = 17,
  kEchoReply = 0,
  kEchoRequest = 8,
  kPingIdentifier = 0x5253,
  kOwnPort = 40007,
};

static uint32_t own_address, peer_address;
static uint8_t peer_mac[6];
static int resolved;
static struct net_counts counts;

static uint16_t get16(const uint8_t* at) { return (uint16_t)(at[0] << 8 | at[1]); }
static uint32_t get32(const uint8_t* at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }
static void put16(uint8_t* at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}
static void put32(uint8_t* at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

// RFC 1071, with what a pseudo header adds as the start.
static uint16_t checksum(const uint8_t* bytes, size_t count, uint32_t sum) {
  for (size_t i = 0; i + 1 < count; i += 2) sum += get16(bytes + i);
  if (count % 2 != 0) sum += (uint32_t)bytes[count - 1] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static uint32_t pseudo_header(uint32_t from, uint32_t to, size_t udp_bytes) {
  return (from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff) + kProtocolUdp + (uint32_t)udp_bytes;
}

struct net_counts net_counts(void) {
  return counts;
}
int net_is_resolved(void) { return resolved; }
const uint8_t* net_peer_mac(void) { return peer_mac; }
void net_start(uint32_t address) { own_address = address; }

uint32_t parse_address(const char* text) {
  uint32_t address = 0;
  for (unsigned part = 0; part < 4; ++part) {
    address = address << 8 | (parse_number(text) & 0xff);
    while (*text >= '0' && *text <= '9') ++text;
    if (*text == '.') ++text;
  }
  return address;
}

static void put_ethernet(uint8_t* frame, const uint8_t* to, unsigned type) {
  memcpy(frame, to, 6);
  memcpy(frame + 6, card_mac(), 6);
  put16(frame + 12, type);
}

static void send_arp(unsigned operation, const uint8_t* to_mac, uint32_t to_address) {
  static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  static const uint8_t unknown[6];
  uint8_t frame[kEthernetBytes + kArpBytes];
  uint8_t* arp = frame + kEthernetBytes;
  put_ethernet(frame, to_mac ? to_mac : broadcast, kTypeArp);
  put16(arp, 1);  // Ethernet
  put16(arp + 2, kTypeIp);
  arp[4] = 6;
  arp[5] = 4;
  put16(arp + 6, operation);
  memcpy(arp + 8, card_mac(), 6);
  put32(arp + 14, own_address);
  memcpy(arp + 18, to_mac ? to_mac : unknown, 6);
  put32(arp + 24, to_address);
  card_send(frame, sizeof frame);
}

void net_resolve(uint32_t address) {
  peer_address = address;
  resolved = 0;
  send_arp(kArpRequest, 0, address);
}

static void take_arp(const uint8_t* arp, size_t length) {
  if (length < kArpBytes || get16(arp) != 1 || get16(arp + 2) != kTypeIp || get32(arp + 24) != own_address) {
    ++counts.ignored;
    return;
  }
  const uint32_t sender = get32(arp + 14);
  if (get16(arp + 6) == kArpRequest) {
    ++counts.arp_answered;
    send_arp(kArpReply, arp + 8, sender);
  } else if (sender == peer_address) {
    memcpy(peer_mac, arp + 8, 6);
    resolved = 1;
  }
}

// Header checksum included; returns where the payload goes.
static uint8_t* put_ip(uint8_t* frame, const uint8_t* to_mac, uint32_t to, unsigned protocol, size_t bytes) {
  static uint16_t identification;
  uint8_t* ip = frame + kEthernetBytes;
  put_ethernet(frame, to_mac, kTypeIp);
  memset(ip, 0, kIpBytes);
  ip[0] = 0x45;
  put16(ip + 2, (unsigned)(kIpBytes + bytes));
  put16(ip + 4, identification++);
  ip[8] = 64;
  ip[9] = (uint8_t)protocol;
  put32(ip + 12, own_address);
  put32(ip + 16, to);
  put16(ip + 10, checksum(ip, kIpBytes, 0));
  return ip + kIpBytes;
}

static void send_udp(const uint8_t* to_mac, uint32_t to, unsigned from_port, unsigned to_port,
                     const uint8_t* payload, size_t bytes) {
  uint8_t frame[kEthernetBytes + kIpBytes + kUdpBytes + kPayloadBytesMax];
  uint8_t* udp = put_ip(frame, to_mac, to, kProtocolUdp, kUdpBytes + bytes);
  put16(udp, from_port);
  put16(udp + 2, to_port);
  put16(udp + 4, (unsigned)(kUdpBytes + bytes));
  put16(udp + 6, 0);
  memcpy(udp + kUdpBytes, payload, bytes);
  const uint16_t sum = checksum(udp, kUdpBytes + bytes, pseudo_header(own_address, to, kUdpBytes + bytes));
  put16(udp + 6, sum ? sum : 0xffff);  // RFC 768: 0 means that there is none
  card_send(frame, kEthernetBytes + kIpBytes + kUdpBytes + bytes);
}

static void send_icmp(const uint8_t* to_mac, uint32_t to, unsigned type, const uint8_t* rest, size_t bytes) {
  uint8_t frame[kEthernetBytes + kIpBytes + kIcmpBytes + kPayloadBytesMax];
  uint8_t* icmp = put_ip(frame, to_mac, to, kProtocolIcmp, 4 + bytes);
  put32(icmp, (uint32_t)type << 24);
  memcpy(icmp + 4, rest, bytes);  // identifier, sequence number, payload
  put16(icmp + 2, checksum(icmp, 4 + bytes, 0));
  card_send(frame, kEthernetBytes + kIpBytes + 4 + bytes);
}

static void fill(uint8_t* payload, size_t bytes, unsigned sequence) {
  for (size_t i = 0; i < bytes; ++i) payload[i] = (uint8_t)(sequence * 31 + i);
}

static int is_filled(const uint8_t* payload, size_t bytes, unsigned sequence) {
  for (size_t i = 0; i < bytes; ++i) {
    if (payload[i] != (uint8_t)(sequence * 31 + i)) return 0;
  }
  return 1;
}

void net_ping(uint16_t sequence, size_t bytes) {
  uint8_t rest[4 + kPayloadBytesMax];
  put16(rest, kPingIdentifier);
  put16(rest + 2, sequence);
  fill(rest + 4, bytes, sequence);
  ++counts.pings_sent;
  send_icmp(peer_mac, peer_address, kEchoRequest, rest, 4 + bytes);
}

void net_send_datagram(uint16_t sequence, size_t bytes) {
  uint8_t payload[kPayloadBytesMax];
  put16(payload, sequence);
  fill(payload + 2, bytes - 2, sequence);
  ++counts.datagrams_sent;
  send_udp(peer_mac, peer_address, kOwnPort, kUdpEchoPort, payload, bytes);
}

static void take_icmp(const uint8_t* frame, uint32_t from, const uint8_t* icmp, size_t bytes) {
  if (bytes < kIcmpBytes || checksum(icmp, bytes, 0) != 0) {
    ++counts.wrong;
  } else if (icmp[0] == kEchoRequest && bytes <= kIcmpBytes + kPayloadBytesMax) {
    ++counts.pings_answered;
    send_icmp(frame + 6, from, kEchoReply, icmp + 4, bytes - 4);
  } else if (icmp[0] == kEchoReply && get16(icmp + 4) == kPingIdentifier) {
    const int right = is_filled(icmp + kIcmpBytes, bytes - kIcmpBytes, get16(icmp + 6));
    ++*(right ? &counts.ping_answers : &counts.wrong);
  } else {
    ++counts.ignored;
  }
}

static void take_udp(const uint8_t* frame, uint32_t from, const uint8_t* udp, size_t bytes) {
  const size_t length = bytes < kUdpBytes ? 0 : get16(udp + 4);
  if (length < kUdpBytes || length > bytes ||
      (get16(udp + 6) != 0 && checksum(udp, length, pseudo_header(from, own_address, length)) != 0)) {
    ++counts.wrong;
    return;
  }
  const uint8_t* payload = udp + kUdpBytes;
  const size_t payload_bytes = length - kUdpBytes;
  if (get16(udp + 2) == kUdpEchoPort && payload_bytes <= kPayloadBytesMax) {
    ++counts.datagrams_echoed;
    send_udp(frame + 6, from, kUdpEchoPort, get16(udp), payload, payload_bytes);
  } else if (get16(udp + 2) == kOwnPort && payload_bytes >= 2) {
    const int right = is_filled(payload + 2, payload_bytes - 2, get16(payload));
    ++*(right ? &counts.datagram_answers : &counts.wrong);
  } else {
    ++counts.ignored;
  }
}

static void take_ip(const uint8_t* frame, const uint8_t* ip, size_t bytes) {
  const size_t header = (ip[0] & 0x0fu) * 4;
  const size_t total = bytes < kIpBytes ? 0 : get16(ip + 2);
  if (total < header || total > bytes || ip[0] >> 4 != 4 || header < kIpBytes ||
      checksum(ip, header, 0) != 0) {
    ++counts.wrong;
  } else if (get32(ip + 16) != own_address || (get16(ip + 6) & 0x3fff) != 0) {
    ++counts.ignored;  // for somebody else, or a fragment
  } else if (ip[9] == kProtocolIcmp) {
    take_icmp(frame, get32(ip + 12), ip + header, total - header);
  } else if (ip[9] == kProtocolUdp) {
    take_udp(frame, get32(ip + 12), ip + header, total - header);
  } else {
    ++counts.ignored;
  }
}

void net_take(const uint8_t* frame, size_t length) {
  if (length < kEthernetBytes + kIpBytes) {
    ++counts.wrong;
  } else if (get16(frame + 12) == kTypeArp) {
    take_arp(frame + kEthernetBytes, length - kEthernetBytes);
  } else if (get16(frame + 12) == kTypeIp) {
    take_ip(frame, frame + kEthernetBytes, length - kEthernetBytes);
  } else {
    ++counts.ignored;
  }
}
