// ringside/hosted.h for paravirtual domains, over this runtime. The same code serves a core and the host.
#include "guest/driver.h"
#include "guest/internal.h"
#include "guest/xenbus.h"

#include <xen/event_channel.h>

enum { kPortsMax = 256, kGrantsMax = 512, kPoolPages = 1024 };

static struct binding {
  rs_handler handler;
  void* data;
  struct driver_site site;  // of rs_event_alloc() or rs_event_bind(); no file: not the driver's
} ports[kPortsMax] RUNTIME_STATE;

static struct grant {
  const void* page;  // null: not in use
  struct driver_site site;
} grants[kGrantsMax] RUNTIME_STATE;

static int is_masked(void) { return HYPERVISOR_shared_info->vcpu_info[0].evtchn_upcall_mask != 0; }

// --- Start and end ---

static void print_text(const char* text) { print("%s", text); }

static void end_resources(void) {
  for (unsigned port = 0; port < kPortsMax; ++port) {
    if (ports[port].site.file)
      driver_violation_at(&ports[port].site, "port_leaked", "rs_main() returned, and port %u was not closed",
                          port);
  }
  for (unsigned reference = 0; reference < kGrantsMax; ++reference) {
    if (grants[reference].page) {
      driver_violation_at(&grants[reference].site, "grant_leaked",
                          "rs_main() returned, and grant %u from here was not ended", reference);
    }
  }
}

static int granted(const void* page, struct driver_site* where) {
  for (unsigned reference = 0; reference < kGrantsMax; ++reference) {
    if (grants[reference].page != page) continue;
    *where = grants[reference].site;
    return 1;
  }
  return 0;
}

static const struct driver_side kSide = {print_text, end_resources, granted};

#ifndef RINGSIDE_HOSTED
static char pool[kPoolPages][GUEST_PAGE_SIZE] __attribute__((aligned(4096)));
#endif

void guest_main(void) {
  driver_side = &kSide;
#ifdef RINGSIDE_HOSTED
  driver_pages_start(pool_of_pages(), pool_page_count());
  native->run_program();
#else
  driver_pages_start(pool, kPoolPages);
  rs_main();
#endif
  if (is_masked()) unlock_events();
  driver_end();
#ifndef RINGSIDE_HOSTED
  if (driver_violations != 0) guest_shutdown(SHUTDOWN_crash);
#endif
}

void RS_XEN(print_text)(const char* text) { print_text(text); }
void RS_XEN(end_crashed)(const char* text) { guest_panic("%s", text); }

#ifndef RINGSIDE_HOSTED
void rs_print(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  format_text_list(text, sizeof text, format, arguments);
  va_end(arguments);
  print_text(text);
}

void rs_panic(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  format_text_list(text, sizeof text, format, arguments);
  va_end(arguments);
  guest_panic("%s", text);
}
#endif

static const char* command_line(void) { return (const char*)start_info->cmd_line; }
const char* RS_XEN(option)(const char* key) { return driver_option(command_line(), key); }
uint64_t RS_XEN(option_number)(const char* key, uint64_t otherwise) {
  return driver_option_number(command_line(), key, otherwise);
}

// --- Time ---

uint64_t RS_XEN(now_ns)(void) { return system_time(); }

void RS_XEN(relax)(void) {
#ifdef RINGSIDE_HOSTED
  native->relax();
#else
  for (unsigned i = 0; i < 8; ++i) __asm__ volatile("pause");
#endif
}

void RS_XEN(delay_ns)(uint64_t ns) {
  const uint64_t end = system_time() + ns;
  while (system_time() < end) RS_XEN(relax)();
}

int RS_XEN(wait_until)(int (*condition)(void* data), void* data, uint64_t deadline_ns) {
  if (!driver_may_sleep("rs_wait_until", is_masked())) return condition(data) != 0;
  if (deadline_ns != RS_FOREVER) return wait_until_time(condition, data, deadline_ns);
  wait_until(condition, data);
  return 1;
}

// --- Interrupts ---

int RS_XEN(request_irq)(unsigned line, rs_handler handler, void* data) {
  (void)line, (void)handler, (void)data;
  return RS_ENODEV;
}
int RS_XEN(free_irq)(unsigned line) {
  (void)line;
  return RS_ENODEV;
}

unsigned long RS_XEN(irq_save)(void) {
  const unsigned long before = (unsigned long)is_masked();
  lock_events();
  driver_saved();
  return before;
}

void RS_XEN(irq_restore)(unsigned long before) {
  driver_restored();
  if (!before) unlock_events();
}

// --- Pages and grants ---

void* RS_XEN(alloc_pages)(unsigned count) { return driver_pages_allocate(count); }
int RS_XEN(free_pages)(void* pages, unsigned count) { return driver_pages_free(pages, count); }

uint64_t RS_XEN(bus_address)(const void* address) {
  if (!driver_owns_page(address)) return 0;
  return frame_of(address) * GUEST_PAGE_SIZE + (uintptr_t)address % GUEST_PAGE_SIZE;
}

int RS_XEN(grant)(const void* page, uint16_t to, int read_only) {
  if (!driver_owns_page(page) || (uintptr_t)page % GUEST_PAGE_SIZE != 0) {
    driver_violation("granted_not_given", "rs_grant() of what is no page of rs_alloc_pages()");
    return RS_EINVAL;
  }
  if (!grants_left()) return RS_ENOSPC;
  const grant_ref_t reference = grant_page_to(page, to, read_only);
  grants[reference] = (struct grant){page, driver_here};
  return (int)reference;
}

static int is_grant(int reference) {
  if (reference >= 0 && reference < kGrantsMax && grants[reference].page) return 1;
  driver_violation("ended_not_granted", "there is no grant %d of this driver", reference);
  return 0;
}

int RS_XEN(grant_end)(int reference) {
  if (!is_grant(reference)) return RS_EINVAL;
  if (!end_grant((grant_ref_t)reference)) return RS_EBUSY;
  grants[reference].page = 0;
  return 0;
}

int RS_XEN(grant_in_use)(int reference) {
  return is_grant(reference) ? grant_in_use((grant_ref_t)reference) : 0;
}

// --- Events ---

long RS_XEN(hypercall)(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
#ifdef RINGSIDE_HOSTED
  return native->hypercall(number, a, b, c, d, 0);
#else
  return hypercall(number, a, b, c, d);
#endif
}

int RS_XEN(event_alloc)(uint16_t remote) {
  struct evtchn_alloc_unbound allocate = {.dom = DOMID_SELF, .remote_dom = remote};
  const long result = event_channel_op(EVTCHNOP_alloc_unbound, &allocate);
  if (result != 0) return (int)result;
  if (allocate.port < kPortsMax) ports[allocate.port].site = driver_here;
  return (int)allocate.port;
}

static void on_event(void* data) {
  const struct binding* binding = data;
  driver_handle(binding->handler, binding->data);
}

int RS_XEN(event_bind)(unsigned port, rs_handler handler, void* data) {
  if (port == 0 || port >= kPortsMax || !handler) return RS_EINVAL;
  ports[port] = (struct binding){handler, data, driver_here};
  return try_bind_handler(port, on_event, &ports[port]) ? 0 : RS_EINVAL;
}

int RS_XEN(event_notify)(unsigned port) { return try_notify(port) ? 0 : RS_EINVAL; }

int RS_XEN(event_close)(unsigned port) {
  if (port == 0 || port >= kPortsMax || !ports[port].site.file) return RS_EINVAL;
  close_port(port);
  ports[port] = (struct binding){0, 0, {0, 0}};
  return 0;
}

// --- XenStore ---

// From the numbers of XenStore's own list (xenstore.c) to those of hosted.h.
static int error_of(int error) {
  static const int8_t kErrors[] = {0,   -22, -13, -17, -21, -2,   -12, -28, -5,
                                   -39, -38, -30, -16, -11, -106, -7,  -1};
  if (error == kXenstoreSilent) return RS_ETIMEDOUT;
  return error >= 0 && error < (int)sizeof kErrors ? kErrors[error] : RS_EIO;
}

int RS_XEN(xenstore_read)(const char* path, char* value, size_t size) {
  if (size == 0) return RS_EINVAL;
  if (!driver_may_sleep("rs_xenstore_read", is_masked())) return RS_EAGAIN;
  return error_of(xenstore_read(path, value, size));
}

int RS_XEN(xenstore_write)(const char* path, const char* value) {
  if (!driver_may_sleep("rs_xenstore_write", is_masked())) return RS_EAGAIN;
  return error_of(xenstore_write(path, value));
}

int RS_XEN(xenstore_remove)(const char* path) {
  char reply[16];
  if (!driver_may_sleep("rs_xenstore_remove", is_masked())) return RS_EAGAIN;
  return error_of(xenstore_request(XS_RM, 0, path, "", 0, reply, sizeof reply));
}

int RS_XEN(xenstore_list)(const char* path, char* names, size_t size) {
  if (size == 0) return RS_EINVAL;
  if (!driver_may_sleep("rs_xenstore_list", is_masked())) return RS_EAGAIN;
  memset(names, 0, size);
  const int error = xenstore_request(XS_DIRECTORY, 0, path, "", 0, names, size);
  if (error) return error_of(error);
  int count = 0;
  for (const char* at = names; at < names + size && *at; at += strlen(at) + 1) ++count;
  return count;
}

int RS_XEN(xenstore_watch)(const char* path, const char* token) {
  if (!driver_may_sleep("rs_xenstore_watch", is_masked())) return RS_EAGAIN;
  return error_of(xenstore_watch(path, token));
}

int RS_XEN(xenstore_unwatch)(const char* path, const char* token) {
  char reply[16];
  if (!driver_may_sleep("rs_xenstore_unwatch", is_masked())) return RS_EAGAIN;
  return error_of(xenstore_request(XS_UNWATCH, 0, path, token, strlen(token) + 1, reply, sizeof reply));
}

unsigned RS_XEN(xenstore_events)(const char* token) { return xenstore_events(*token); }

int RS_XEN(xenstore_wait)(uint64_t deadline_ns) {
  if (!driver_may_sleep("rs_xenstore_wait", is_masked())) return RS_EAGAIN;
  if (deadline_ns == RS_FOREVER) {
    xenstore_wait_for_watch();
    return 0;
  }
  return xenstore_wait_for_watch_until(deadline_ns) ? 0 : RS_ETIMEDOUT;
}

int RS_XEN(xenbus_write_number)(const char* folder, const char* name, uint64_t value) {
  char path[160], text[24];
  format_text(path, sizeof path, "%s/%s", folder, name);
  format_text(text, sizeof text, "%lu", value);
  return RS_XEN(xenstore_write)(path, text);
}

int RS_XEN(xenbus_read_number)(const char* folder, const char* name, uint64_t* value) {
  char path[160], text[24];
  format_text(path, sizeof path, "%s/%s", folder, name);
  const int error = RS_XEN(xenstore_read)(path, text, sizeof text);
  if (error) return error;
  *value = parse_number(text);
  return 0;
}

unsigned RS_XEN(xenbus_wait_state)(const char* folder, unsigned states, uint64_t deadline_ns) {
  for (;;) {
    uint64_t state = 0;
    const int error = RS_XEN(xenbus_read_number)(folder, "state", &state);
    if (error || state >= 32) state = XenbusStateUnknown;
    if (states >> state & 1) return (unsigned)state;
    if (error == RS_EAGAIN || RS_XEN(xenstore_wait)(deadline_ns) != 0) return (unsigned)state;
  }
}
