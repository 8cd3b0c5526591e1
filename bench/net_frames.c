// Sends 100,000 frames of 1,400 bytes to the discard port of the responder at 10.0.2.1, 32 to a notification,
// with the checksum left to the backend, as Linux's netfront does it. The last datagram asks for an echo:
// when that has come, all are through.
#include "guest/netfront.h"

enum {
  kFrames = 100000,
  kFrameBytes = 1400,
  kBatch = 32,
  kIp = 14,
  kUdp = 34,
  kPortDiscard = 9,
  kPortEcho = 7
};

static struct netfront front;
static int echoed;

static void on_frame(void* data, const struct net_frame* frame) {
  (void)data;
  if (frame->length == kFrameBytes && frame->bytes[kUdp + 1] == kPortEcho) echoed = 1;
}

static int is_echoed(void* data) {
  (void)data;
  return echoed;
}

static uint32_t sum_of(const uint8_t* bytes, unsigned length, uint32_t sum) {
  for (unsigned i = 0; i + 1 < length; i += 2) sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static void put16(uint8_t* at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void make_frame(uint8_t* frame) {
  static const uint8_t responder[6] = {0x52, 0x54, 0, 0, 0, 1};
  static const uint8_t addresses[8] = {10, 0, 2, 15, 10, 0, 2, 1};
  memcpy(frame, responder, 6);
  memcpy(frame + 6, front.mac, 6);
  put16(frame + 12, 0x0800);
  frame[kIp] = 0x45;
  put16(frame + kIp + 2, kFrameBytes - kIp);
  frame[kIp + 8] = 64;
  frame[kIp + 9] = 17;
  memcpy(frame + kIp + 12, addresses, sizeof addresses);
  put16(frame + kIp + 10, ~sum_of(frame + kIp, 20, 0) & 0xffff);
  put16(frame + kUdp, 40000);
  put16(frame + kUdp + 2, kPortDiscard);
  put16(frame + kUdp + 4, kFrameBytes - kUdp);
  put16(frame + kUdp + 6, sum_of(addresses, sizeof addresses, 17 + kFrameBytes - kUdp));
  for (unsigned i = kUdp + 8; i < kFrameBytes; ++i) frame[i] = (uint8_t)(i * 7);
}

void guest_main(void) {
  if (netfront_connect(&front, "0", on_frame, 0)) return;
  for (unsigned i = 0; i < kNetTxBuffers; ++i) make_frame(front.tx_pages[i]);
  for (unsigned i = 0; i < kFrames; ++i) {
    const unsigned buffer = netfront_buffer(&front);
    uint8_t* frame = front.tx_pages[buffer];
    memcpy(frame + kUdp + 8, &i, sizeof i);
    if (i + 1 == kFrames) put16(frame + kUdp + 2, kPortEcho);
    netfront_send(&front, buffer, kFrameBytes, NETTXF_csum_blank | NETTXF_data_validated);
    if (i % kBatch == kBatch - 1) netfront_kick(&front);
  }
  netfront_drain(&front);
  wait_until(is_echoed, 0);
  print("net-frames: %lu sent, %lu errors\n", front.sent, front.tx_errors);
}
