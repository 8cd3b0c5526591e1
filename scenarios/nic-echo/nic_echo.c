// The lesson: ask who has the peer's address, ping it, have datagrams echoed, several in flight; then answer
// what others ask of us. The command line says in which form ("polled" or "interrupts") and may say:
// peer=ADDRESS, address=ADDRESS (ours), pings=N, datagrams=N, serve=N (go on until so many requests of others
// have been answered).
#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "guest/pc/timers.h"
#include "scenarios/nic-echo/e1000.h"
#include "scenarios/nic-echo/net.h"

const char program_name[] = "nic-echo";

enum { kInFlightMax = 8, kMicrosecondsMax = 2000000, kServeMicrosecondsMax = 60000000 };

const uint8_t* card_mac(void) { return e1000_mac(); }
void card_send(const uint8_t* frame, size_t length) { e1000_send(frame, length); }

static void work(uint64_t microseconds) {
  e1000_wait(microseconds);
  while (e1000_receive(net_take)) continue;
}

static void resolve(uint32_t peer) {
  for (unsigned tries = 0; tries < 3; ++tries) {
    net_resolve(peer);
    const uint64_t start = microseconds_now();
    while (microseconds_now() - start < kMicrosecondsMax) {
      work(1000);
      if (net_is_resolved()) return;
    }
  }
  fail("nobody has the peer's address");
}

static unsigned ping_answers(void) { return net_counts().ping_answers; }
static unsigned datagram_answers(void) { return net_counts().datagram_answers; }

// Sends `count` messages of growing size, and waits so that no more than a few are in flight. None may be
// lost.
static void exchange(unsigned count, void (*send)(uint16_t sequence, size_t bytes), unsigned (*answers)(void),
                     const char* what) {
  uint64_t last_progress = microseconds_now();
  unsigned sent = 0;
  while (answers() < count) {
    const unsigned before = answers();
    while (sent < count && sent - answers() < kInFlightMax) {
      send((uint16_t)sent, 2 + (size_t)sent * 97 % (kPayloadBytesMax - 1));
      ++sent;
    }
    work(1000);
    if (answers() != before) last_progress = microseconds_now();
    if (microseconds_now() - last_progress > kMicrosecondsMax)
      fail("%u of %u %s answered", answers(), count, what);
  }
}

static void serve(unsigned requests) {
  const uint64_t start = microseconds_now();
  while (net_counts().pings_answered + net_counts().datagrams_echoed < requests) {
    work(1000);
    if (microseconds_now() - start > kServeMicrosecondsMax)
      fail("not asked %u times within a minute", requests);
  }
}

// An address behind "key=" in the command line.
static uint32_t address_of(const char* key, const char* otherwise) {
  const size_t length = strlen(key);
  for (const char* at = machine.command_line; *at; ++at) {
    const int begins = at == machine.command_line || at[-1] == ' ';
    if (begins && strlen(at) > length && memcmp(at, key, length) == 0 && at[length] == '=')
      return parse_address(at + length + 1);
  }
  return parse_address(otherwise);
}

void guest_main(void) {
  const int by_interrupts = has_word("interrupts");
  e1000_start(by_interrupts);
  const uint8_t* mac = e1000_mac();
  print("82540EM %02x:%02x:%02x:%02x:%02x:%02x, link up, %s\n", mac[0], mac[1], mac[2], mac[3], mac[4],
        mac[5], by_interrupts ? "by interrupts" : "polled");
  net_start(address_of("address", "10.0.2.15"));

  const unsigned pings = (unsigned)number_of("pings", 100), datagrams = (unsigned)number_of("datagrams", 100);
  if (pings + datagrams != 0) resolve(address_of("peer", "10.0.2.1"));
  const uint64_t start = microseconds_now();
  exchange(pings, net_ping, ping_answers, "pings");
  exchange(datagrams, net_send_datagram, datagram_answers, "datagrams");
  const uint64_t taken = microseconds_now() - start;
  serve((unsigned)number_of("serve", 0));
  e1000_stop();

  const struct net_counts asked = net_counts();
  const struct e1000_counts frames = e1000_counts();
  print("%u pings answered, %u datagrams echoed, in %lu us\n", asked.ping_answers, asked.datagram_answers,
        taken);
  print("answered for others: %u ARP, %u pings, %u datagrams\n", asked.arp_answered, asked.pings_answered,
        asked.datagrams_echoed);
  print("%lu frames received (%lu bytes), %lu sent (%lu bytes), %u interrupts\n", frames.received,
        frames.received_bytes, frames.sent, frames.sent_bytes, frames.interrupts);
  if (asked.wrong != 0 || frames.receive_errors != 0)
    fail("%u wrong packets, %u receive errors", asked.wrong, frames.receive_errors);
  if (by_interrupts && frames.interrupts == 0) fail("no interrupts");
  pass();
}
