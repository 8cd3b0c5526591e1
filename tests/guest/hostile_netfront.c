// A network frontend that lies: each attack is made over a fresh connection, and behind it the interface must
// work for an honest frame, or, where netback takes the attack for a fatal error, work again once the
// toolstack has taken the device away and brought it back (the test's [[input]] does, at "take it away").
#include "guest/netfront.h"

enum { kIp = 14, kUdp = 34, kEchoBytes = 200, kPortEcho = 7 };

static struct netfront front;
static unsigned echoes, failures;
static grant_ref_t spare;
static uint8_t* spare_page;

static void fail(const char* attack, const char* what, uint64_t found, uint64_t expected) {
  if (failures++ < 20)
    print("hostile-netfront: %s: %s: found %lu, expected %lu\n", attack, what, found, expected);
}

static void on_frame(void* data, const struct net_frame* frame) {
  (void)data;
  if (frame->length == kEchoBytes && frame->bytes[kUdp + 1] == kPortEcho) ++echoes;
}

static void put16(uint8_t* at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static uint32_t sum_of(const uint8_t* bytes, unsigned length, uint32_t sum) {
  for (unsigned i = 0; i + 1 < length; i += 2) sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// A datagram to the responder's echo port, its checksum left blank; from dom1's address.
static void make_echo(uint8_t* frame) {
  static const uint8_t responder[6] = {0x52, 0x54, 0, 0, 0, 1};
  static const uint8_t addresses[8] = {10, 0, 2, 66, 10, 0, 2, 1};
  memset(frame, 0, kEchoBytes);
  memcpy(frame, responder, 6);
  memcpy(frame + 6, front.mac, 6);
  put16(frame + 12, 0x0800);
  frame[kIp] = 0x45;
  put16(frame + kIp + 2, kEchoBytes - kIp);
  frame[kIp + 8] = 64;
  frame[kIp + 9] = 17;
  memcpy(frame + kIp + 12, addresses, sizeof addresses);
  put16(frame + kIp + 10, ~sum_of(frame + kIp, 20, 0) & 0xffff);
  put16(frame + kUdp, 40000);
  put16(frame + kUdp + 2, kPortEcho);
  put16(frame + kUdp + 4, kEchoBytes - kUdp);
  put16(frame + kUdp + 6, sum_of(addresses, sizeof addresses, 17 + kEchoBytes - kUdp));
}

static void send_echo(void) {
  const unsigned buffer = netfront_buffer(&front);
  make_echo(front.tx_pages[buffer]);
  netfront_send(&front, buffer, kEchoBytes, NETTXF_csum_blank);
  netfront_kick(&front);
}

static unsigned wanted_echoes;
static int enough_echoes(void* data) {
  (void)data;
  return echoes + front.rx_errors >= wanted_echoes;
}

// Waits for an answer to each, or for what came in its place.
static void exchange_echoes(unsigned count) {
  wanted_echoes = echoes + (unsigned)front.rx_errors + count;
  for (unsigned i = 0; i < count; ++i) send_echo();
  wait_until(enough_echoes, 0);
}

// A request whose response frees no buffer.
static void put(grant_ref_t gref, unsigned offset, unsigned size, uint16_t flags) {
  netfront_put(
      &front,
      (struct netif_tx_request){
          .gref = gref, .offset = (uint16_t)offset, .flags = flags, .id = 0xffff, .size = (uint16_t)size});
}
static void put_extra(uint8_t type, int more, uint16_t gso_size, uint8_t gso_type) {
  netfront_put_extra(&front, (struct netif_extra_info){.type = type,
                                                       .flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0,
                                                       .u.gso = {.size = gso_size, .type = gso_type}});
}
static void shout(void) {
  front.tx.sring->req_prod = front.tx.req_prod_pvt;
  notify(front.tx_port);
}

// --- What ends the interface ---
static void prod_jumps(void) {
  front.tx.sring->req_prod += 1000;
  notify(front.tx_port);
}
static void prod_backwards(void) {
  front.tx.sring->req_prod -= 3;
  notify(front.tx_port);
}
static void endless_chain(void) {
  for (unsigned i = 0; i < 200; ++i) put(front.tx_grants[0], 0, 14, NETTXF_more_data);
  shout();
}
static void chain_behind_prod(void) {
  put(front.tx_grants[0], 0, 100, NETTXF_more_data);
  shout();
}
static void extra_behind_prod(void) {
  put(front.tx_grants[0], 0, 100, NETTXF_extra_info);
  shout();
}
static void unknown_extra(void) {
  put(front.tx_grants[0], 0, 100, NETTXF_extra_info);
  put_extra(77, 0, 0, 0);
  shout();
}
static void extra_of_type_0(void) {
  put(front.tx_grants[0], 0, 100, NETTXF_extra_info);
  put_extra(0, 0, 0, 0);
  shout();
}
static void endless_extras(void) {
  put(front.tx_grants[0], 0, 100, NETTXF_extra_info);
  for (unsigned i = 0; i < 200; ++i) put_extra(XEN_NETIF_EXTRA_TYPE_HASH, 1, 0, 0);
  shout();
}
static void over_the_page(void) {
  put(front.tx_grants[0], 4090, 100, 0);
  shout();
}
static void far_over_the_page(void) {
  put(front.tx_grants[0], 65535, 65535, 0);
  shout();
}
static void fragment_over_the_page(void) {
  put(front.tx_grants[0], 0, 200, NETTXF_more_data);
  put(front.tx_grants[1], 4095, 100, 0);
  shout();
}
static void segments_of_nothing(void) {
  put(front.tx_grants[0], 0, 100, NETTXF_extra_info | NETTXF_csum_blank);
  put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 0, XEN_NETIF_GSO_TYPE_TCPV4);
  shout();
}
static void unknown_segments(void) {
  put(front.tx_grants[0], 0, 100, NETTXF_extra_info | NETTXF_csum_blank);
  put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 100, 200);
  shout();
}

// --- What is answered with errors ---
static void sizes_lie(void) {
  put(front.tx_grants[0], 0, 100, NETTXF_more_data);
  put(front.tx_grants[1], 0, 101, 0);
}
static void too_short(void) { put(front.tx_grants[0], 0, 13, 0); }
static void twenty_slots(void) {
  put(front.tx_grants[0], 0, 1000, NETTXF_more_data);
  for (unsigned i = 1; i < 20; ++i) put(front.tx_grants[i], 0, 10, i == 19 ? 0 : NETTXF_more_data);
}
static void no_such_grant(void) { put(505, 0, 100, 0); }
static void grant_out_of_table(void) { put(0x7fffffff, 0, 100, 0); }
static void grant_of_ring(void) { put(front.tx_ring_grant, 0, 100, 0); }  // a page is a page
static void revoked_in_flight(void) {
  spare = grant_page(spare_page, 1);
  put(front.tx_grants[0], 0, 400, NETTXF_more_data);
  put(spare, 0, 300, 0);
  if (!end_grant(spare)) fail("revoked in flight", "the grant is in use", 1, 0);
}
static void what_cannot_be_summed(void) {
  memset(front.tx_pages[0], 0x88, 100);
  put(front.tx_grants[0], 0, 100, NETTXF_csum_blank);
}
static void a_segment_for_each_byte(void) {
  make_echo(front.tx_pages[0]);
  front.tx_pages[0][kIp + 9] = 6;
  front.tx_pages[0][kUdp + 12] = 0x50;
  put(front.tx_grants[0], 0, 4000, NETTXF_extra_info | NETTXF_csum_blank);
  put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1, XEN_NETIF_GSO_TYPE_TCPV4);
}

static const struct {
  const char* name;
  void (*run)(void);
  int fatal;
  unsigned errors;  // responses with NETIF_RSP_ERROR
} attacks[] = {
    {"req_prod jumps", prod_jumps, 1, 0},
    {"req_prod runs backwards", prod_backwards, 1, 0},
    {"a chain that never ends", endless_chain, 1, 0},
    {"a chain behind req_prod", chain_behind_prod, 1, 0},
    {"extra information behind req_prod", extra_behind_prod, 1, 0},
    {"an unknown extra", unknown_extra, 1, 0},
    {"an extra of type 0", extra_of_type_0, 1, 0},
    {"extras that never end", endless_extras, 1, 0},
    {"a slot over its page's end", over_the_page, 1, 0},
    {"a slot far over its page's end", far_over_the_page, 1, 0},
    {"a fragment over its page's end", fragment_over_the_page, 1, 0},
    {"segments of no bytes", segments_of_nothing, 1, 0},
    {"an unknown kind of segments", unknown_segments, 1, 0},
    {"sizes that lie", sizes_lie, 0, 2},
    {"a frame too short", too_short, 0, 1},
    {"twenty slots", twenty_slots, 0, 20},
    {"no such grant", no_such_grant, 0, 1},
    {"a grant out of the table", grant_out_of_table, 0, 1},
    {"the ring's own grant", grant_of_ring, 0, 0},
    {"a grant revoked in flight", revoked_in_flight, 0, 1},
    {"what cannot be summed", what_cannot_be_summed, 0, 0},
    {"a segment for each byte", a_segment_for_each_byte, 0, 0},
};

// The device's nodes are new: both ends begin again.
static void wait_for_new_device(void) {
  for (;;) {
    char path[96], front_state[16], back_state[16];
    format_text(path, sizeof path, "%s/state", front.backend);
    if (xenstore_read("device/vif/0/state", front_state, sizeof front_state) == 0 &&
        xenstore_read(path, back_state, sizeof back_state) == 0 && front_state[0] == '1' &&
        back_state[0] == '2')
      return;
    xenstore_wait_for_watch();
  }
}

static void attack_transmitting(unsigned which) {
  const uint64_t before = front.tx_errors;
  attacks[which].run();
  if (attacks[which].fatal) {
    print("hostile-netfront: %s: take it away\n", attacks[which].name);
    wait_for_new_device();
    if (netfront_connect(&front, "0", on_frame, 0)) fail(attacks[which].name, "connecting again", 0, 1);
  } else {
    netfront_drain(&front);
    if (front.tx_errors - before != attacks[which].errors)
      fail(attacks[which].name, "errors", front.tx_errors - before, attacks[which].errors);
  }
  exchange_echoes(2);
}

// Every buffer in the ring names `gref`. Those that are used come back with an error and are given anew.
static void spoil_buffers(const char* name, grant_ref_t gref) {
  const uint64_t errors = front.rx_errors;
  const unsigned good = echoes;
  for (unsigned i = 0; i < kNetRxBuffers; ++i)
    RING_GET_REQUEST(&front.rx, front.rx.rsp_cons + i)->gref = gref;
  exchange_echoes(10);
  if (front.rx_errors - errors != 10) fail(name, "errors", front.rx_errors - errors, 10);
  if (echoes != good) fail(name, "frames", echoes - good, 0);
  exchange_echoes(kNetRxBuffers - 10);
  exchange_echoes(5);
  if (echoes != good + 5) fail(name, "frames behind it", echoes - good, 5);
}

static void reconnect(void) {
  netfront_close(&front);
  if (netfront_connect(&front, "0", on_frame, 0)) fail("reconnect", "connecting", 0, 1);
}

void guest_main(void) {
  spare_page = allocate_page();
  if (netfront_connect(&front, "0", on_frame, 0)) return;
  (void)xenstore_watch("device/vif/0/state", "own");
  exchange_echoes(3);
  for (unsigned i = 0; i < sizeof attacks / sizeof attacks[0]; ++i) attack_transmitting(i);
  spoil_buffers("buffers of no grant", 505);
  spoil_buffers("buffers out of the table", 0x7fffffff);
  spoil_buffers("read-only buffers", front.tx_grants[0]);
  // The receive ring's producer jumps: frames go nowhere good, and the next connection works.
  front.rx.sring->req_prod += 12345;
  notify(front.rx_port);
  send_echo();
  netfront_drain(&front);
  reconnect();
  exchange_echoes(3);
  netfront_close(&front);
  print(failures == 0 ? "hostile-netfront: PASS\n" : "hostile-netfront: FAIL\n");
}
