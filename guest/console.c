// The paravirtual console (public/io/console.h): bytes into a ring, and an event. A console that takes
// nothing any more loses what is printed; the program goes on.
#include "internal.h"

enum { kTries = 20 };
static const uint64_t kPatience = 10 * kMillisecond;

static volatile struct xencons_interface* console RUNTIME_STATE;
static XENCONS_RING_IDX produced RUNTIME_STATE;  // not all of it is published yet
static int stuck RUNTIME_STATE;                  // it has been waited for in vain

static void on_console(void* data) { (void)data; }

static int has_room(void* data) {
  (void)data;
  return produced - console->out_cons < sizeof console->out;
}

static int is_empty(void* data) {
  (void)data;
  return console->out_prod == console->out_cons;
}

void console_start(void) {
  console = address_of_frame(start_info->console.domU.mfn);
  bind_handler(start_info->console.domU.evtchn, on_console, 0);
}

static void publish(void) {
  xen_wmb();  // The bytes before the index that says they are there.
  console->out_prod = produced;
  try_notify(start_info->console.domU.evtchn);
}

// An event may have been lost: tells again now and then, until once nothing has helped.
static int wait_for(int (*condition)(void* data)) {
  for (unsigned tries = 0; tries < kTries && !stuck; ++tries) {
    if (wait_until_time(condition, 0, system_time() + kPatience)) return 1;
    try_notify(start_info->console.domU.evtchn);
  }
  stuck = !condition(0);
  return !stuck;
}

static void put(char byte) {
  if (!has_room(0)) {
    publish();
    if (!wait_for(has_room)) return;
  }
  console->out[MASK_XENCONS_IDX(produced, console->out)] = byte;
  ++produced;
}

void print(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  format_text_list(text, sizeof text, format, arguments);
  va_end(arguments);
  if (!console) return;
  produced = console->out_prod;
  for (const char* byte = text; *byte; ++byte) {
    if (*byte == '\n') put('\r');
    put(*byte);
  }
  publish();
}

void console_drain(void) {
  if (console) wait_for(is_empty);
}
