// The paravirtual console (public/io/console.h): bytes into a ring, and an event.
#include "internal.h"

static volatile struct xencons_interface* console;

static void on_console(void* data) { (void)data; }

static int has_room(void* data) {
  (void)data;
  return console->out_prod - console->out_cons < sizeof console->out;
}

static int is_empty(void* data) {
  (void)data;
  return console->out_prod == console->out_cons;
}

void console_start(void) {
  console = address_of_frame(start_info->console.domU.mfn);
  bind_handler(start_info->console.domU.evtchn, on_console, 0);
}

static void put(char byte) {
  if (!has_room(0)) {
    notify(start_info->console.domU.evtchn);
    wait_until(has_room, 0);
  }
  console->out[MASK_XENCONS_IDX(console->out_prod, console->out)] = byte;
  xen_wmb();  // The byte before the index that says it is there.
  console->out_prod = console->out_prod + 1;
}

void print(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  format_text_list(text, sizeof text, format, arguments);
  va_end(arguments);
  if (!console) return;
  for (const char* byte = text; *byte; ++byte) {
    if (*byte == '\n') put('\r');
    put(*byte);
  }
  notify(start_info->console.domU.evtchn);
}

void console_drain(void) {
  if (console) wait_until(is_empty, 0);
}
