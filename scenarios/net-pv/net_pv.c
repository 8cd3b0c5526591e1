// A lesson in netif: ARP, pings and datagrams over a virtual interface, in every shape that a frame may have
// on the ring; long TCP frames that somebody else has to cut; closing and connecting again. README.md says
// what it shows and what it cannot. The command line may say: address=ADDRESS (ours), peer=ADDRESS, pings=N,
// datagrams=N, long=N (TCP frames of 20,000 bytes to the peer), serve=N (go on until so many requests of
// others have been answered), expect=N (and so many bytes of TCP have come), whole, gso, single.
#include "guest/netfront.h"
#include "scenarios/nic-echo/net.h"

enum {
  kFramesMax = 256,
  kFrameBytes = 1514,
  kInFlightMax = 8,
  kLongBytes = 20000,
  kSegmentBytes = 1448,
  kIp = 14,
  kTransport = 34,
  kTcpData = 54,
};

static struct netfront front;
static struct {
  uint8_t bytes[kFrameBytes];
  unsigned length;
} frames[kFramesMax];
static unsigned frames_in, frames_out;  // free-running
static unsigned shape, blank_sent, chains_sent, failures;
static uint64_t tcp_bytes, tcp_whole, tcp_segments;

static void fail(const char* what, uint64_t found, uint64_t expected) {
  if (failures++ < 10) print("net-pv: %s: found %lu, expected %lu\n", what, found, expected);
}

// --- The command line ---
static const char* word(const char* key) {
  const size_t length = strlen(key);
  const char* line = (const char*)start_info->cmd_line;
  for (const char* at = line; *at; ++at) {
    const int begins = at == line || at[-1] == ' ';
    if (begins && strlen(at) >= length && memcmp(at, key, length) == 0) return at + length;
  }
  return 0;
}
static unsigned number_of(const char* key, unsigned otherwise) {
  const char* value = word(key);
  return value ? (unsigned)parse_number(value) : otherwise;
}

// --- Frames from the ring. With events masked: what comes is only kept, or counted. ---
static uint8_t tcp_pattern(uint32_t sequence) { return (uint8_t)(sequence * 13 + (sequence >> 8)); }

static uint32_t sum_of(const uint8_t* bytes, unsigned length, uint32_t sum) {
  for (unsigned i = 0; i + 1 < length; i += 2) sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
  if (length % 2 != 0) sum += (uint32_t)bytes[length - 1] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static uint32_t be32(const uint8_t* at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void take_tcp(const struct net_frame* frame) {
  const uint32_t sequence = be32(frame->bytes + kTransport + 4);
  for (unsigned i = kTcpData; i < frame->length; ++i) {
    if (frame->bytes[i] != tcp_pattern(sequence + i - kTcpData)) {
      fail("a byte of TCP", frame->bytes[i], tcp_pattern(sequence + i - kTcpData));
      break;
    }
  }
  tcp_bytes += frame->length - kTcpData;
  const int whole = frame->extra.type == XEN_NETIF_EXTRA_TYPE_GSO;
  if (whole && frame->extra.u.gso.size != kSegmentBytes)
    fail("size of segments", frame->extra.u.gso.size, kSegmentBytes);
  if (whole != !!(frame->flags & NETRXF_csum_blank)) fail("a blank checksum", frame->flags, (uint64_t)whole);
  if (!whole) {
    const uint32_t pseudo = sum_of(frame->bytes + kIp + 12, 8, 6 + frame->length - kTransport);
    const uint32_t sum = sum_of(frame->bytes + kTransport, frame->length - kTransport, pseudo);
    if (sum != 0xffff) fail("a segment's checksum", sum, 0xffff);
  }
  ++*(whole ? &tcp_whole : &tcp_segments);
}

static void on_frame(void* data, const struct net_frame* frame) {
  (void)data;
  const int tcp = frame->length >= kTcpData && frame->bytes[12] == 8 && frame->bytes[13] == 0 &&
                  frame->bytes[kIp + 9] == 6;
  if (tcp) return take_tcp(frame);
  if (frame->length > kFrameBytes || frames_in - frames_out == kFramesMax) {
    fail("a frame without room", frame->length, kFrameBytes);
    return;
  }
  const unsigned place = frames_in % kFramesMax;
  memcpy(frames[place].bytes, frame->bytes, frame->length);
  frames[place].length = frame->length;
  // What another domain left blank is right by definition; the protocols behind here look at every sum.
  if (frame->flags & NETRXF_csum_blank && frame->bytes[kIp + 9] == 17)
    frames[place].bytes[kTransport + 6] = frames[place].bytes[kTransport + 7] = 0;  // RFC 768: there is none
  ++frames_in;
}

static int has_frame(void* data) {
  (void)data;
  return frames_in != frames_out;
}

static void work(void) {
  netfront_kick(&front);
  wait_until(has_frame, 0);
  while (has_frame(0)) {
    net_take(frames[frames_out % kFramesMax].bytes, frames[frames_out % kFramesMax].length);
    ++frames_out;
  }
}

// --- Frames to the ring: whole, in three slots, and with the checksum left to others, in turn ---
const uint8_t* card_mac(void) { return front.mac; }

// Puts what the checksum field must hold while the message is not summed yet.
static void leave_blank(uint8_t* frame, unsigned length) {
  const unsigned at = kTransport + (frame[kIp + 9] == 6 ? 16 : 6);
  const uint32_t sum = sum_of(frame + kIp + 12, 8, frame[kIp + 9] + length - kTransport);
  frame[at] = (uint8_t)(sum >> 8);
  frame[at + 1] = (uint8_t)sum;
}

static void send_chain(const uint8_t* frame, unsigned length, uint16_t flags, unsigned piece,
                       const struct netif_extra_info* extra) {
  for (unsigned at = 0; at < length; at += piece) {
    const unsigned bytes = length - at < piece ? length - at : piece;
    const unsigned buffer = netfront_buffer(&front);
    memcpy(front.tx_pages[buffer], frame + at, bytes);
    const uint16_t more = at + bytes < length ? NETTXF_more_data : 0;
    netfront_put(&front, (struct netif_tx_request){
                             .gref = front.tx_grants[buffer],
                             .flags = (uint16_t)((at == 0 ? flags : 0) | more),
                             .id = (uint16_t)buffer,
                             .size = (uint16_t)(at == 0 ? length : bytes),
                         });
    if (at == 0 && extra) netfront_put_extra(&front, *extra);
  }
}

void card_send(const uint8_t* frame, size_t length) {
  static uint8_t copy[kFrameBytes];
  uint16_t flags = 0;
  memcpy(copy, frame, length);
  ++shape;
  const int udp = frame[12] == 8 && frame[13] == 0 && frame[kIp + 9] == 17;
  if (udp && shape % 2 == 0) {
    leave_blank(copy, (unsigned)length);
    flags = NETTXF_csum_blank | NETTXF_data_validated;
    ++blank_sent;
  }
  const unsigned piece = shape % 3 == 0 && length > 100 ? (unsigned)(length + 2) / 3 : kFrameBytes;
  if (piece != kFrameBytes) ++chains_sent;
  // All of a chain must be there before the backend looks.
  netfront_reserve(&front, 3);
  send_chain(copy, (unsigned)length, flags, piece, 0);
  netfront_kick(&front);
}

static void send_long(uint32_t peer, const uint8_t* peer_mac, unsigned number) {
  static uint8_t frame[kTcpData + kLongBytes];
  static const uint8_t header[] = {8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0};
  memset(frame, 0, kTcpData);
  memcpy(frame, peer_mac, 6);
  memcpy(frame + 6, front.mac, 6);
  memcpy(frame + 12, header, sizeof header);
  const unsigned total = sizeof frame - kIp;
  frame[kIp + 2] = (uint8_t)(total >> 8);
  frame[kIp + 3] = (uint8_t)total;
  const uint32_t own = parse_address(word("address="));
  for (unsigned i = 0; i < 4; ++i) {
    frame[kIp + 12 + i] = (uint8_t)(own >> (24 - 8 * i));
    frame[kIp + 16 + i] = (uint8_t)(peer >> (24 - 8 * i));
  }
  const uint32_t header_sum = ~sum_of(frame + kIp, 20, 0);
  frame[kIp + 10] = (uint8_t)(header_sum >> 8);
  frame[kIp + 11] = (uint8_t)header_sum;
  const uint32_t sequence = number * kLongBytes;
  for (unsigned i = 0; i < 4; ++i) frame[kTransport + 4 + i] = (uint8_t)(sequence >> (24 - 8 * i));
  frame[kTransport] = 0x9c;  // from port 39936, to the discard port
  frame[kTransport + 3] = 9;
  frame[kTransport + 14] = 0xff;  // the window
  frame[kTransport + 12] = 0x50;
  frame[kTransport + 13] = 0x18;
  for (unsigned i = 0; i < kLongBytes; ++i) frame[kTcpData + i] = tcp_pattern(sequence + i);
  leave_blank(frame, sizeof frame);
  const struct netif_extra_info extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO,
                                         .u.gso = {.size = kSegmentBytes, .type = XEN_NETIF_GSO_TYPE_TCPV4}};
  netfront_drain(&front);
  send_chain(frame, sizeof frame, NETTXF_csum_blank | NETTXF_data_validated | NETTXF_extra_info,
             GUEST_PAGE_SIZE, &extra);
  netfront_drain(&front);
}

static unsigned ping_answers(void) { return net_counts().ping_answers; }
static unsigned datagram_answers(void) { return net_counts().datagram_answers; }

static void exchange(unsigned count, void (*send)(uint16_t sequence, size_t bytes),
                     unsigned (*answers)(void)) {
  unsigned sent = 0;
  while (answers() < count) {
    while (sent < count && sent - answers() < kInFlightMax) {
      send((uint16_t)sent, 2 + (size_t)sent * 97 % (kPayloadBytesMax - 1));
      ++sent;
    }
    work();
  }
}

static void resolve(uint32_t peer) {
  net_resolve(peer);
  while (!net_is_resolved()) work();
}

static int enough_tcp(void* data) { return tcp_bytes >= *(uint64_t*)data; }

static int connect(void) {
  front.gso = word("gso") != 0;
  front.no_csum_offload = word("whole") != 0;
  front.single_channel = word("single") != 0;
  return netfront_connect(&front, "0", on_frame, 0);
}

void guest_main(void) {
  if (connect()) {
    print("net-pv: FAIL: no interface\n");
    return;
  }
  print("net-pv: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u\n", front.mac[0], front.mac[1], front.mac[2],
        front.mac[3], front.mac[4], front.mac[5], front.mtu);
  net_start(parse_address(word("address=")));
  const unsigned pings = number_of("pings=", 0), datagrams = number_of("datagrams=", 0);
  const unsigned long_frames = number_of("long=", 0), served = number_of("serve=", 0);
  uint64_t expected = number_of("expect=", 0);
  const uint32_t peer = word("peer=") ? parse_address(word("peer=")) : 0;
  if (peer) {
    resolve(peer);
    exchange(pings, net_ping, ping_answers);
    // A frontend may go and come again; the other end notices nothing.
    netfront_drain(&front);
    netfront_close(&front);
    if (connect()) fail("connecting again", 0, 1);
    exchange(datagrams, net_send_datagram, datagram_answers);
    for (unsigned i = 0; i < long_frames; ++i) send_long(peer, net_peer_mac(), i);
  }
  while (net_counts().pings_answered + net_counts().datagrams_echoed < served) work();
  wait_until(enough_tcp, &expected);
  netfront_drain(&front);
  netfront_close(&front);

  const struct net_counts counts = net_counts();
  if (counts.wrong != 0) fail("wrong packets", counts.wrong, 0);
  if (front.tx_errors + front.rx_errors != 0) fail("errors in rings", front.tx_errors + front.rx_errors, 0);
  if (tcp_bytes != expected) fail("bytes of TCP", tcp_bytes, expected);
  print("net-pv: %u pings and %u datagrams answered; %u chains, %u blank checksums sent\n",
        counts.ping_answers, counts.datagram_answers, chains_sent, blank_sent);
  print(
      "net-pv: answered for others: %u pings, %u datagrams; TCP: %lu bytes in %lu whole frames, %lu "
      "segments\n",
      counts.pings_answered, counts.datagrams_echoed, tcp_bytes, tcp_whole, tcp_segments);
  print(failures == 0 ? "net-pv: PASS\n" : "net-pv: FAIL\n");
}
