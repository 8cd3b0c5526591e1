/* What xenstored asks of a hypervisor, played by a test: preloaded, it takes the place of libxenctrl,
 * libxenevtchn and libxengnttab, so that Debian's own xenstored runs where there is no Xen. In the folder
 * $RINGSIDE_STUB the test keeps
 *   domains   one byte for each domain id: 0 absent, 1 running, 2 shut down
 *   ring-N    the page that domain N shares with XenStore
 *   events    a FIFO: ports that are pending, 4 bytes each (kVirqPort, kFirstPort + N)
 *   notified  a FIFO: ports that xenstored has notified
 *   xsd_port, xsd_kva  what /dev/xen or /proc/xen would say of domain 0's ring */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

enum { kVirqPort = 1, kFirstPort = 100, kPageSize = 4096, kDomainIds = 65536 };

static char handle; /* all handles are this address */
static int events = -1, notified = -1;

static const char* in_folder(const char* name, char* into, size_t size) {
  const char* folder = getenv("RINGSIDE_STUB");
  snprintf(into, size, "%s/%s", folder ? folder : ".", name);
  return into;
}

static int open_in_folder(const char* name, int flags) {
  char path[512];
  const int descriptor = open(in_folder(name, path, sizeof path), flags);
  if (descriptor < 0) {
    perror(path);
    _exit(99);
  }
  return descriptor;
}

static void* map_file(const char* name, size_t size) {
  const int descriptor = open_in_folder(name, O_RDWR);
  void* mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  return mapped == MAP_FAILED ? NULL : mapped;
}

/* --- libxenevtchn --- */
static xenevtchn_handle* events_open(void) {
  if (events < 0) {
    events = open_in_folder("events", O_RDWR);
    notified = open_in_folder("notified", O_RDWR | O_NONBLOCK);
  }
  return (xenevtchn_handle*)&handle;
}
xenevtchn_handle* xenevtchn_open(xentoollog_logger* logger, unsigned int flags) { return events_open(); }
xenevtchn_handle* xenevtchn_fdopen(xentoollog_logger* logger, int fd, unsigned int flags) {
  return events_open();
}
int xenevtchn_fd(xenevtchn_handle* xce) { return events; }
int xenevtchn_close(xenevtchn_handle* xce) { return 0; }
int xenevtchn_notify(xenevtchn_handle* xce, evtchn_port_t port) {
  const uint32_t value = port;
  /* A full FIFO says enough already. */
  return write(notified, &value, sizeof value) < 0 && errno != EAGAIN ? -1 : 0;
}
int xenevtchn_unbind(xenevtchn_handle* xce, evtchn_port_t port) { return 0; }
int xenevtchn_unmask(xenevtchn_handle* xce, evtchn_port_t port) { return 0; }
xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle* xce, uint32_t domid,
                                                     evtchn_port_t remote_port) {
  return (xenevtchn_port_or_error_t)(kFirstPort + domid);
}
xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle* xce, unsigned int virq) { return kVirqPort; }
xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle* xce) {
  uint32_t port;
  return read(events, &port, sizeof port) == sizeof port ? (xenevtchn_port_or_error_t)port : -1;
}

/* --- libxenctrl --- */
xc_interface* xc_interface_open(xentoollog_logger* logger, xentoollog_logger* dombuild, unsigned flags) {
  return (xc_interface*)&handle;
}
int xc_interface_close(xc_interface* xch) { return 0; }
int xc_domain_getinfo(xc_interface* xch, uint32_t first_domid, unsigned int max_doms, xc_dominfo_t* info) {
  static volatile uint8_t* domains;
  if (!domains) domains = map_file("domains", kDomainIds);
  unsigned found = 0;
  for (uint32_t id = first_domid; id < kDomainIds && found < max_doms; ++id) {
    if (!domains[id]) continue;
    memset(&info[found], 0, sizeof info[found]);
    info[found].domid = id;
    info[found].running = domains[id] == 1;
    info[found].shutdown = domains[id] == 2;
    ++found;
  }
  return (int)found;
}

/* --- libxengnttab --- */
xengnttab_handle* xengnttab_open(xentoollog_logger* logger, unsigned flags) {
  return (xengnttab_handle*)&handle;
}
int xengnttab_close(xengnttab_handle* xgt) { return 0; }
int xengnttab_set_max_grants(xengnttab_handle* xgt, uint32_t nr) { return 0; }
void* xengnttab_map_grant_ref(xengnttab_handle* xgt, uint32_t domid, uint32_t ref, int prot) {
  char name[32], path[512];
  snprintf(name, sizeof name, "ring-%u", domid);
  /* A domain without a ring: what a wrong reference gives. */
  if (access(in_folder(name, path, sizeof path), R_OK) != 0) return NULL;
  return map_file(name, kPageSize);
}
int xengnttab_unmap(xengnttab_handle* xgt, void* start_address, uint32_t count) {
  return munmap(start_address, (size_t)count * kPageSize);
}

/* --- files of a domain 0 --- */
static int open_mapped(const char* name, const char* path, int flags, mode_t mode) {
  static int (*real)(const char*, int, ...);
  if (!real) real = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, name);
  char mapped[512];
  if (strstr(path, "xsd_port")) path = in_folder("xsd_port", mapped, sizeof mapped);
  if (strstr(path, "xsd_kva")) path = in_folder("xsd_kva", mapped, sizeof mapped);
  return real(path, flags, mode);
}
static mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) ? va_arg(arguments, mode_t) : 0;
}
int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_mapped("open", path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_mapped("open64", path, flags, mode);
}
