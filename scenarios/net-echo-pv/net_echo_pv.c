// Sends datagrams to the echo port of a host on the network (RFC 862), and wants each back as it was.
// README.md says what it shows and what it cannot. The command line may say: count=N (datagrams), bytes=N (of
// the longest), pace=N (milliseconds from one to the next), rest=N (goes so often round an empty loop after
// each frame, as a program does something else).
//
// Networks lose frames, repeat them and change bytes on the way: what is not answered in time is sent again,
// what is answered twice or has a wrong checksum is counted and passed over. So what the driver's interface
// loses does no harm either, as long as what it hands over is right.
#include "guest/vif.h"

enum {
  kIp = 14,
  kUdp = 34,
  kPayload = 42,
  kPayloadMin = 24,
  kPayloadMax = 1472,
  kWindow = 8,
  kDatagramsMax = 4096,
  kTriesMax = 20,
  kTriesUntilDoubt = 6,
  kOwnPort = 40000,
  kEchoPort = 7,
};
static const uint64_t kPatience = 5 * kMillisecond;

static struct vif vif;
static const uint8_t own_address[4] = {10, 0, 2, 15}, peer_address[4] = {10, 0, 2, 1};
static uint8_t peer_mac[6];
static int resolved;
static unsigned count, bytes_max, rest, pace, answered, failures, resent, repeated, damaged, foreign;
static uint8_t is_answered[kDatagramsMax];

// What is under way.
static struct flight {
  unsigned sequence, tries;
  uint64_t sent_at;
  int busy;
} flights[kWindow];

static void fail(const char* what, uint64_t found, uint64_t expected) {
  if (failures++ < 10) print("net-echo-pv: wrong: %s: found %lu, expected %lu\n", what, found, expected);
}

// --- Frames ---

static void put16(uint8_t* at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t* at) { return (unsigned)at[0] << 8 | at[1]; }

// RFC 1071: the order of bytes makes no difference to the sum, and four can be summed at once.
static uint64_t sum_of(const uint8_t* bytes, unsigned length, uint64_t sum) {
  uint32_t word;
  for (; length >= 4; length -= 4, bytes += 4) {
    __builtin_memcpy(&word, bytes, 4);
    sum += word;
  }
  word = 0;
  memcpy(&word, bytes, length);
  return sum + word;
}

static unsigned folded(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (unsigned)sum;  // as its two bytes lie in memory
}

static uint64_t pseudo_sum(const uint8_t* frame, unsigned udp_length) {
  const uint8_t rest[4] = {0, 17, (uint8_t)(udp_length >> 8), (uint8_t)udp_length};
  return sum_of(rest, 4, sum_of(frame + kIp + 12, 8, 0));
}

static void put_sum(uint8_t* at, uint64_t sum) {
  const uint16_t value = (uint16_t)~folded(sum);
  memcpy(at, &value, 2);
}

static unsigned payload_bytes(unsigned sequence) {
  return kPayloadMin + sequence * 56 % (bytes_max - kPayloadMin);
}

// The words of a payload: its number, then what depends on number and place.
static void make_payload(uint8_t* into, unsigned sequence) {
  uint64_t word = sequence;
  for (unsigned at = 0; at < payload_bytes(sequence); at += 8, word = word * 5 + 0x9e3779b97f4a7c15ull)
    memcpy(into + at, &word, 8);
}

static unsigned make_datagram(uint8_t* frame, unsigned sequence) {
  const unsigned udp_length = kPayload - kUdp + payload_bytes(sequence);
  memcpy(frame, peer_mac, 6);
  memcpy(frame + 6, vif.mac, 6);
  put16(frame + 12, 0x0800);
  memset(frame + kIp, 0, kPayload - kIp);
  frame[kIp] = 0x45;
  put16(frame + kIp + 2, kUdp - kIp + udp_length);
  put16(frame + kIp + 4, sequence);
  frame[kIp + 8] = 64;
  frame[kIp + 9] = 17;
  memcpy(frame + kIp + 12, own_address, 4);
  memcpy(frame + kIp + 16, peer_address, 4);
  put_sum(frame + kIp + 10, sum_of(frame + kIp, 20, 0));
  put16(frame + kUdp, kOwnPort);
  put16(frame + kUdp + 2, kEchoPort);
  put16(frame + kUdp + 4, udp_length);
  make_payload(frame + kPayload, sequence);
  put_sum(frame + kUdp + 6, sum_of(frame + kUdp, udp_length, pseudo_sum(frame, udp_length)));
  return kUdp + udp_length;
}

static unsigned make_question(uint8_t* frame) {
  static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
  memset(frame, 0, 60);
  memset(frame, 0xff, 6);
  memcpy(frame + 6, vif.mac, 6);
  memcpy(frame + 12, head, sizeof head);
  memcpy(frame + 22, vif.mac, 6);
  memcpy(frame + 28, own_address, 4);
  memcpy(frame + 38, peer_address, 4);
  return 60;
}

// --- What comes, with events masked ---

static void take_arp(const uint8_t* frame, unsigned length) {
  static const uint8_t answer[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
  if (length < 42 || memcmp(frame + 12, answer, sizeof answer) != 0 ||
      memcmp(frame + 28, peer_address, 4) != 0 || memcmp(frame + 32, vif.mac, 6) != 0 ||
      memcmp(frame + 6, frame + 22, 6) != 0) {
    ++foreign;
  } else {
    memcpy(peer_mac, frame + 22, 6);
    resolved = 1;
  }
}

// Whether lengths, addresses, ports and checksums are those of an answer; it is damaged, or somebody else's.
static int is_echo(const uint8_t* frame, unsigned length) {
  if (length < kPayload + kPayloadMin || frame[kIp] != 0x45 || frame[kIp + 9] != 17) return 0;
  const unsigned udp_length = get16(frame + kUdp + 4);
  return memcmp(frame, vif.mac, 6) == 0 && get16(frame + kIp + 2) == udp_length + kUdp - kIp &&
         kUdp + udp_length <= length && udp_length >= kPayload - kUdp + kPayloadMin &&
         folded(sum_of(frame + kIp, 20, 0)) == 0xffff && memcmp(frame + kIp + 12, peer_address, 4) == 0 &&
         memcmp(frame + kIp + 16, own_address, 4) == 0 && get16(frame + kUdp) == kEchoPort &&
         get16(frame + kUdp + 2) == kOwnPort &&
         folded(sum_of(frame + kUdp, udp_length, pseudo_sum(frame, udp_length))) == 0xffff;
}

static void take_echo(const uint8_t* payload, unsigned length) {
  static uint8_t expected[kPayloadMax];
  uint64_t sequence;
  memcpy(&sequence, payload, sizeof sequence);
  if (sequence >= count) return fail("an answer to nothing", sequence, count);
  make_payload(expected, (unsigned)sequence);
  // Its checksum is right: nothing but the driver can have mixed this up.
  if (length != payload_bytes((unsigned)sequence)) return fail("length of an answer", length, sequence);
  if (memcmp(payload, expected, length) != 0) return fail("bytes of an answer", sequence, 0);
  if (is_answered[sequence]) {
    ++repeated;
    return;
  }
  is_answered[sequence] = 1;
  ++answered;
  for (unsigned i = 0; i < kWindow; ++i) {
    if (flights[i].busy && flights[i].sequence == sequence) flights[i].busy = 0;
  }
}

static void on_frame(void* data, const uint8_t* frame, unsigned length) {
  (void)data;
  if (length > vif.mtu + kVifHeader) return fail("a frame's length", length, vif.mtu + kVifHeader);
  if (get16(frame + 12) == 0x0806) return take_arp(frame, length);
  if (get16(frame + 12) != 0x0800 || !is_echo(frame, length)) {
    ++damaged;
    return;
  }
  take_echo(frame + kPayload, get16(frame + kUdp + 4) - (kPayload - kUdp));
}

// --- The exchange ---

static int is_resolved(void* data) {
  (void)data;
  return resolved;
}

static int resolve(void) {
  for (unsigned tries = 0; tries < kTriesMax && !resolved && !vif.gone; ++tries) {
    if (tries == kTriesUntilDoubt) vif_reconnect(&vif);
    resent += tries != 0;
    const unsigned frame = vif_frame(&vif);
    vif_send(&vif, frame, make_question(vif.tx_pages[frame]));
    vif_wait(&vif, is_resolved, 0, system_time() + kPatience);
  }
  return resolved;
}

static int never(void* data) {
  (void)data;
  return 0;
}

static void do_something_else(void) {
  for (volatile unsigned i = 0; i < rest; ++i) {
  }
}

static void send(struct flight* flight) {
  const unsigned frame = vif_frame(&vif);
  const unsigned length = make_datagram(vif.tx_pages[frame], flight->sequence);
  flight->sent_at = system_time();
  ++flight->tries;
  vif_send(&vif, frame, length);
  do_something_else();
}

static unsigned answered_before;
static int something_answered(void* data) {
  (void)data;
  return answered != answered_before;
}

// Sends again what has waited too long. Whether there is still hope.
static int send_again(void) {
  const uint64_t now = system_time();
  for (unsigned i = 0; i < kWindow; ++i) {
    if (!flights[i].busy || now - flights[i].sent_at < kPatience) continue;
    if (flights[i].tries == kTriesMax) return 0;
    if (flights[i].tries == kTriesUntilDoubt) vif_reconnect(&vif);
    ++resent;
    send(&flights[i]);
  }
  return !vif.gone;
}

static void exchange(void) {
  unsigned next = 0;
  while (answered < count) {
    for (unsigned i = 0; i < kWindow && next < count; ++i) {
      if (flights[i].busy) continue;
      flights[i] = (struct flight){.sequence = next++, .busy = 1};
      send(&flights[i]);
      if (pace != 0) vif_wait(&vif, never, 0, system_time() + (uint64_t)pace * kMillisecond);
    }
    lock_events();
    answered_before = answered;
    int idle = 1;
    for (unsigned i = 0; i < kWindow; ++i) idle &= flights[i].busy;
    unlock_events();
    // Not where an answer has come meanwhile that makes room for the next one.
    if (idle || next == count) vif_wait(&vif, something_answered, 0, system_time() + kPatience);
    if (!send_again()) return fail("answers", answered, count);
  }
}

void guest_main(void) {
  count = option_number("count=", 64);
  if (count > kDatagramsMax) count = kDatagramsMax;
  rest = option_number("rest=", 0);
  pace = option_number("pace=", 0);
  bytes_max = option_number("bytes=", 512) / 8 * 8;
  if (bytes_max <= kPayloadMin || bytes_max > kPayloadMax) bytes_max = kPayloadMax;
  if (vif_connect(&vif, "0", on_frame, 0)) {
    print("net-echo-pv: FAIL: no interface\n");
    return;
  }
  do_something_else();
  if (!resolve()) fail("answers to ARP", 0, 1);
  if (resolved) exchange();
  vif_close(&vif);
  if (vif.completed > vif.sent) fail("frames completed", vif.completed, vif.sent);
  print("net-echo-pv: %u datagrams answered of %u\n", answered, count);
  if (resent + repeated + damaged + foreign != 0) {
    print("net-echo-pv: network: %u sent again, %u answered again, %u damaged, %u foreign\n", resent,
          repeated, damaged, foreign);
  }
  if (vif.tx_errors + vif.rx_errors + vif.refused + vif.strays + vif.lies + vif.timeouts + vif.reconnects !=
      0) {
    print(
        "net-echo-pv: driver: %u lost going out, %u coming in, %u refused, %u strays, %u lies, %u late, %u "
        "connections\n",
        vif.tx_errors, vif.rx_errors, vif.refused, vif.strays, vif.lies, vif.timeouts, vif.reconnects);
  }
  print(failures == 0 ? "net-echo-pv: PASS\n" : "net-echo-pv: FAIL\n");
}
