#include "xenbus.h"

enum { kTriesMax = 3 };
// A watch event may be lost like any other: so long at most until the state is read again.
static const uint64_t kLookAgain = 5 * kMillisecond;

static int fail(const char* what, const char* path, int error) {
  print("xenbus: %s %s failed: %d\n", what, path, error);
  return 1;
}

int xenbus_read(const char* folder, const char* name, char* value, size_t size) {
  char path[160];
  format_text(path, sizeof path, "%s/%s", folder, name);
  const int error = xenstore_read(path, value, size);
  return error ? fail("reading", path, error) : 0;
}

int xenbus_write_number(const char* folder, const char* name, uint64_t value) {
  char path[160], text[24];
  format_text(path, sizeof path, "%s/%s", folder, name);
  format_text(text, sizeof text, "%lu", value);
  const int error = xenstore_write(path, text);
  return error ? fail("writing", path, error) : 0;
}

// Written again it is the same state; what comes after it would not be.
int xenbus_switch_state(const char* frontend, unsigned state) {
  char path[160], text[4];
  int error = 0;
  format_text(path, sizeof path, "%s/state", frontend);
  format_text(text, sizeof text, "%u", state);
  for (unsigned tries = 0; tries < kTriesMax; ++tries) {
    error = xenstore_write(path, text);
    if (error == 0) return 0;
  }
  return fail("writing", path, error);
}

int xenbus_wait_for_backend(const char* backend, unsigned wanted) {
  for (;;) {
    char value[16];
    if (xenbus_read(backend, "state", value, sizeof value)) return 1;
    const uint64_t state = parse_number(value);
    if (state == wanted) return 0;
    const int starts_again = wanted == XenbusStateInitWait && state == XenbusStateClosed;
    if (state > wanted && !starts_again) return fail("waiting for", backend, (int)state);
    xenstore_wait_for_watch();
  }
}

unsigned xenbus_backend_state(const char* backend, unsigned states, uint64_t limit) {
  char path[160];
  format_text(path, sizeof path, "%s/state", backend);
  const uint64_t deadline = system_time() + limit;
  for (;;) {
    char value[16];
    const int error = xenstore_read(path, value, sizeof value);
    const uint64_t state = error ? XenbusStateUnknown : parse_number(value);
    const uint64_t now = system_time();
    if ((state < 32 && states & 1u << state) || now >= deadline)
      return state < 32 ? (unsigned)state : XenbusStateUnknown;
    xenstore_wait_for_watch_until(now + kLookAgain < deadline ? now + kLookAgain : deadline);
  }
}
