// ringside/hosted.h on the host: which of the two implementations a call is for, by the domain that makes it.
// What the domain has not is a violation, and gives an error, or all ones.
#include "guest/driver.h"
#include "guest/hosted/hosted.h"

#define BOTH(type, name, parameters, arguments)                                     \
  type rs_xen_##name parameters;                                                    \
  type rs_pc_##name parameters;                                                     \
  type rs_##name parameters {                                                       \
    return hosted_domain->is_pc ? rs_pc_##name arguments : rs_xen_##name arguments; \
  }

static int missing(const char* function, int is_pc) {
  if (hosted_domain->is_pc == is_pc) return 0;
  driver_violation("not_here", "%s() is for a %s, and this domain is a %s", function,
                   is_pc ? "PC (personality \"hosted-pc\")" : "Xen domain (personality \"hosted\")",
                   is_pc ? "Xen domain" : "PC");
  return 1;
}

#define ONE(side, is_pc, otherwise, type, name, parameters, arguments) \
  type rs_##side##_##name parameters;                                  \
  type rs_##name parameters {                                          \
    if (missing("rs_" #name, is_pc)) return otherwise;                 \
    return rs_##side##_##name arguments;                               \
  }
#define XEN(type, name, parameters, arguments) ONE(xen, 0, (type)RS_ENODEV, type, name, parameters, arguments)
#define PC(type, name, parameters, arguments) ONE(pc, 1, (type)-1, type, name, parameters, arguments)
#define PC_VOID(name, parameters, arguments) \
  void rs_pc_##name parameters;              \
  void rs_##name parameters {                \
    if (missing("rs_" #name, 1)) return;     \
    rs_pc_##name arguments;                  \
  }

BOTH(const char*, option, (const char* key), (key))
BOTH(uint64_t, option_number, (const char* key, uint64_t otherwise), (key, otherwise))
BOTH(uint64_t, now_ns, (void), ())
BOTH(void, delay_ns, (uint64_t ns), (ns))
BOTH(void, relax, (void), ())
BOTH(int, wait_until, (int (*condition)(void* data), void* data, uint64_t deadline_ns),
     (condition, data, deadline_ns))
BOTH(int, request_irq, (unsigned line, rs_handler handler, void* data), (line, handler, data))
BOTH(int, free_irq, (unsigned line), (line))
BOTH(unsigned long, irq_save, (void), ())
BOTH(void, irq_restore, (unsigned long before), (before))
BOTH(void*, alloc_pages, (unsigned count), (count))
BOTH(int, free_pages, (void* pages, unsigned count), (pages, count))
BOTH(uint64_t, bus_address, (const void* address), (address))

PC(uint8_t, in8, (uint16_t port), (port))
PC(uint16_t, in16, (uint16_t port), (port))
PC(uint32_t, in32, (uint16_t port), (port))
PC_VOID(out8, (uint16_t port, uint8_t value), (port, value))
PC_VOID(out16, (uint16_t port, uint16_t value), (port, value))
PC_VOID(out32, (uint16_t port, uint32_t value), (port, value))
PC_VOID(in16_repeated, (uint16_t port, void* into, size_t count), (port, into, count))
PC_VOID(out16_repeated, (uint16_t port, const void* from, size_t count), (port, from, count))
ONE(pc, 1, (rs_mmio)0, rs_mmio, mmio_map, (uint64_t address, uint64_t length), (address, length))
PC_VOID(mmio_unmap, (rs_mmio registers), (registers))
PC(uint8_t, read8, (rs_mmio registers, uint64_t offset), (registers, offset))
PC(uint16_t, read16, (rs_mmio registers, uint64_t offset), (registers, offset))
PC(uint32_t, read32, (rs_mmio registers, uint64_t offset), (registers, offset))
PC(uint64_t, read64, (rs_mmio registers, uint64_t offset), (registers, offset))
PC_VOID(write8, (rs_mmio registers, uint64_t offset, uint8_t value), (registers, offset, value))
PC_VOID(write16, (rs_mmio registers, uint64_t offset, uint16_t value), (registers, offset, value))
PC_VOID(write32, (rs_mmio registers, uint64_t offset, uint32_t value), (registers, offset, value))
PC_VOID(write64, (rs_mmio registers, uint64_t offset, uint64_t value), (registers, offset, value))
ONE(pc, 1, RS_ENODEV, int, pci_find, (uint16_t vendor, uint16_t device, unsigned n, struct rs_pci* found),
    (vendor, device, n, found))
PC(uint32_t, pci_read, (struct rs_pci at, unsigned offset, unsigned size), (at, offset, size))
PC_VOID(pci_write, (struct rs_pci at, unsigned offset, unsigned size, uint32_t value),
        (at, offset, size, value))
ONE(pc, 1, (struct rs_pci_bar){0}, struct rs_pci_bar, pci_bar, (struct rs_pci at, unsigned index),
    (at, index))
ONE(pc, 1, RS_ENODEV, int, pci_irq, (struct rs_pci at), (at))

XEN(long, hypercall, (unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d), (number, a, b, c, d))
XEN(int, event_alloc, (uint16_t remote), (remote))
XEN(int, event_bind, (unsigned port, rs_handler handler, void* data), (port, handler, data))
XEN(int, event_notify, (unsigned port), (port))
XEN(int, event_close, (unsigned port), (port))
XEN(int, grant, (const void* page, uint16_t to, int read_only), (page, to, read_only))
XEN(int, grant_end, (int reference), (reference))
ONE(xen, 0, 0, int, grant_in_use, (int reference), (reference))
XEN(int, xenstore_read, (const char* path, char* value, size_t size), (path, value, size))
XEN(int, xenstore_write, (const char* path, const char* value), (path, value))
XEN(int, xenstore_remove, (const char* path), (path))
XEN(int, xenstore_list, (const char* path, char* names, size_t size), (path, names, size))
XEN(int, xenstore_watch, (const char* path, const char* token), (path, token))
XEN(int, xenstore_unwatch, (const char* path, const char* token), (path, token))
ONE(xen, 0, 0, unsigned, xenstore_events, (const char* token), (token))
XEN(int, xenstore_wait, (uint64_t deadline_ns), (deadline_ns))
XEN(int, xenbus_write_number, (const char* folder, const char* name, uint64_t value), (folder, name, value))
XEN(int, xenbus_read_number, (const char* folder, const char* name, uint64_t* value), (folder, name, value))
ONE(xen, 0, 0, unsigned, xenbus_wait_state, (const char* folder, unsigned states, uint64_t deadline_ns),
    (folder, states, deadline_ns))

// --- With a variable number of arguments ---

void rs_xen_print_text(const char* text);
void rs_pc_print_text(const char* text);
void rs_xen_end_crashed(const char* text);
void rs_pc_end_crashed(const char* text);

void rs_print(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  format_text_list(text, sizeof text, format, arguments);
  va_end(arguments);
  (hosted_domain->is_pc ? rs_pc_print_text : rs_xen_print_text)(text);
}

void rs_panic(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  format_text_list(text, sizeof text, format, arguments);
  va_end(arguments);
  for (;;) (hosted_domain->is_pc ? rs_pc_end_crashed : rs_xen_end_crashed)(text);
}
