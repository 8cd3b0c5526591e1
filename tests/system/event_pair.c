// Two domains that only have an event channel between them. Domain 2 ("answers") binds to the port that
// domain 1 has allocated for it and sends one event for each that comes, two for each third. Domain 1 sends
// and counts what comes back: each time it waits for the answer or, with "otherwise", first computes for a
// while and looks at its own flag instead of sleeping. "more" makes it send once more than it does otherwise.
#include "guest/runtime.h"

enum { kRounds = 6, kPortOfFirst = 3 };

static volatile unsigned came;
static evtchn_port_t port;

static void on_event(void* data) {
  (void)data;
  ++came;
}

static int has_come(void* data) { return came >= *(const unsigned*)data; }

static void bind_as_second(void) {
  struct evtchn_bind_interdomain bind;
  for (unsigned tries = 0; tries < 100; ++tries) {
    bind = (struct evtchn_bind_interdomain){.remote_dom = 1, .remote_port = option_number("port=", 0)};
    if (event_channel_op(EVTCHNOP_bind_interdomain, &bind) == 0) {
      port = bind.local_port;
      return;
    }
    unsigned never = ~0u;
    wait_until_time(has_come, &never, system_time() + 100 * kMicrosecond);
  }
  guest_panic("nobody has allocated the port");
}

static void answer(void) {
  bind_as_second();
  bind_handler(port, on_event, 0);
  // Binding has raised one.
  unsigned wanted = 1, sent = 0;
  wait_until(has_come, &wanted);
  notify(port);
  const unsigned rounds = kRounds + (option("more") ? 1 : 0);
  for (unsigned round = 1; round <= rounds; ++round) {
    wanted = 1 + round;
    wait_until(has_come, &wanted);
    notify(port);
    ++sent;
    if (round % 3 == 0) {
      unsigned never = ~0u;
      wait_until_time(has_come, &never, system_time() + 50 * kMicrosecond);
      notify(port);
      ++sent;
    }
  }
  print("event-pair: answered %u times\n", sent);
}

static void ask(void) {
  struct evtchn_alloc_unbound allocate = {.dom = DOMID_SELF, .remote_dom = 2};
  if (event_channel_op(EVTCHNOP_alloc_unbound, &allocate) != 0) guest_panic("no port");
  port = allocate.port;
  bind_handler(port, on_event, 0);
  print("event-pair: port %u\n", port);
  unsigned wanted = 1;
  wait_until(has_come, &wanted);
  const unsigned rounds = kRounds + (option("more") ? 1 : 0);
  for (unsigned round = 1; round <= rounds; ++round) {
    notify(port);
    wanted += round % 3 == 0 ? 2 : 1;
    if (option("otherwise")) {
      for (volatile unsigned i = 0; i < 20000; ++i) {
      }
      while (!wait_until_time(has_come, &wanted, system_time() + 20 * kMicrosecond)) {
        if (round > kRounds && system_time() > 500 * 1000 * kMicrosecond) break;
      }
    } else {
      wait_until(has_come, &wanted);
    }
  }
  print("event-pair: %u events came\n", came);
}

void guest_main(void) {
  if (option("answers")) {
    answer();
  } else {
    ask();
  }
  print("event-pair: PASS\n");
}
