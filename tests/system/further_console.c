// A guest with a console beside its first one, in the way of Linux's hvc_xen: ring and port are its own, told
// by XenBus. It answers on either console what is typed there, until "end" on the further one. A second start
// of the frontend (closed, and connected again) comes in between.
#include "guest/runtime.h"

#define FRONT "device/console/1"

static struct xencons_interface* ring;
static evtchn_port_t port;

static void on_event(void* data) { (void)data; }

static void put(const char* text) {
  for (; *text; ++text) {
    while (ring->out_prod - ring->out_cons >= sizeof ring->out) {
    }
    ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = *text;
    xen_wmb();  // The byte before the index that says it is there.
    ring->out_prod = ring->out_prod + 1;
  }
  notify(port);
}

static int has_input(void* data) {
  (void)data;
  return *(volatile XENCONS_RING_IDX*)&ring->in_prod != ring->in_cons;
}

// A line, without its end.
static void get(char* line, size_t size) {
  size_t length = 0;
  for (;;) {
    wait_until(has_input, 0);
    const char byte = ring->in[MASK_XENCONS_IDX(ring->in_cons, ring->in)];
    ring->in_cons = ring->in_cons + 1;
    notify(port);
    if (byte == '\r') break;
    if (length + 1 < size) line[length++] = byte;
  }
  line[length] = 0;
}

static void wait_for_backend(const char* state) {
  char path[80], now[8];
  xenstore_read(FRONT "/backend", path, sizeof path - 8);
  const size_t length = strlen(path);
  memcpy(path + length, "/state", 7);
  do {
    now[0] = 0;
    xenstore_read(path, now, sizeof now);
  } while (strcmp(now, state) != 0);
}

static void connect(void) {
  char number[16];
  wait_for_backend("2");
  ring = allocate_page();
  format_text(number, sizeof number, "%u", grant_page(ring, 0));
  xenstore_write(FRONT "/ring-ref", number);
  port = allocate_port();
  bind_handler(port, on_event, 0);
  format_text(number, sizeof number, "%u", port);
  xenstore_write(FRONT "/port", number);
  xenstore_write(FRONT "/state", "3");
  wait_for_backend("4");
  xenstore_write(FRONT "/state", "4");
}

void guest_main(void) {
  char line[64];
  connect();
  print("first console\n");
  put("further console\r\n");
  get(line, sizeof line);
  put("heard: ");
  put(line);
  put("\r\n");
  xenstore_write(FRONT "/state", "5");
  wait_for_backend("5");
  xenstore_write(FRONT "/state", "6");
  wait_for_backend("6");
  xenstore_write(FRONT "/state", "1");
  connect();
  put("here again\r\n");
  get(line, sizeof line);
  put(line);
  put("\r\n");
  // Indices that cannot be: the ring is left alone, and the other console works.
  ring->out_prod = ring->out_cons + 5000;
  notify(port);
  print("still here\n");
}
