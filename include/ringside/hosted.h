/* What a driver under test sees of the machine: ports, registers in memory, DMA memory, interrupts, time, and
 * of Xen hypercalls, event channels, grants and XenStore. The same source is compiled
 *
 *   - for the host, and runs as a cooperative process in the machine, under the host's debugger and
 *     sanitizers: a domain of a scenario with personality = "hosted" (Xen) or "hosted-pc" (a PC's board);
 *   - for the emulated core, by ringside_guest() (Xen) or ringside_pc_guest() (ring 0).
 *
 * The program begins in rs_main(), which the driver's author writes. When it returns, the domain powers off.
 *
 * Units: times are nanoseconds of virtual time since power on, lengths are bytes, pages have 4096 bytes.
 *
 * Errors: what can fail returns 0 or more on success and one of the negative RS_E... otherwise.
 *
 * Contexts. A program has one processor. It runs in one of two contexts:
 *   - the program: rs_main() and what it calls;
 *   - a handler: what rs_request_irq() and rs_event_bind() were given. Handlers run at calls of this header
 *     while interrupts are on, each to its end, with interrupts off.
 * "Sleeps" says that a function may let time pass until something happens: it must not be called in a
 * handler, nor while interrupts are off. Everything else may be called in both.
 *
 * Misuse is a violation ("driver/..."): it names the file and line of the driver's call, and the run fails.
 * Hosted, what a driver computes between two calls takes no virtual time: a loop that waits for something to
 * change in memory must call rs_relax() or rs_wait_until(), or nothing will ever change.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RS_API __attribute__((visibility("default")))

#define RS_PAGE_SIZE 4096u
/* A deadline that never comes. */
#define RS_FOREVER UINT64_MAX

/* Errors, with the numbers of Linux and Xen. */
enum {
  RS_EPERM = -1,
  RS_ENOENT = -2,
  RS_EIO = -5,
  RS_EAGAIN = -11,
  RS_ENOMEM = -12,
  RS_EACCES = -13,
  RS_EBUSY = -16,
  RS_EEXIST = -17,
  RS_ENODEV = -19,
  RS_EINVAL = -22,
  RS_ENOSPC = -28,
  RS_ENOSYS = -38,
  RS_ETIMEDOUT = -110
};

/* ---- The program ---- */

/* Written by the driver's author. Before it returns, everything must be given back: pages, grants, ports and
 * lines; and interrupts must be on. */
void rs_main(void);

/* Formatted by: %d %i %u %x with l, ll and z, %s, %c, %p, %%; widths, with an optional leading 0. Goes to the
 * domain's console: the paravirtual one of a Xen domain, COM1 of a PC (polled). On a PC whose driver owns
 * COM1, it goes nowhere but to the machine's own console (hosted) or must not be used (on the core). */
RS_API __attribute__((format(printf, 1, 2))) void rs_print(const char* format, ...);
/* Prints "panic: ...", and ends the domain as crashed. */
RS_API __attribute__((noreturn, format(printf, 1, 2))) void rs_panic(const char* format, ...);
/* A word "key=value" of the scenario's command_line: its value; "" for the word "key" alone; NULL for none.
 * It is valid until the next call. */
RS_API const char* rs_option(const char* key);
/* The same as a number, decimal or with 0x; `otherwise` where there is none. */
RS_API uint64_t rs_option_number(const char* key, uint64_t otherwise);

/* ---- Time ---- */

RS_API uint64_t rs_now_ns(void);
/* Busy: handlers run meanwhile if interrupts are on. */
RS_API void rs_delay_ns(uint64_t ns);
/* One turn of a loop that polls: lets some nanoseconds pass. */
RS_API void rs_relax(void);
/* Sleeps until `condition` holds, or until the deadline (a time of rs_now_ns(), or RS_FOREVER). The condition
 * is looked at now and after each interrupt, with interrupts off; it must not sleep. Whether it held: 1 or 0.
 */
RS_API int rs_wait_until(int (*condition)(void* data), void* data, uint64_t deadline_ns);

/* ---- Interrupts ---- */

typedef void (*rs_handler)(void* data);

/* Interrupt line 0 to 15 of a PC, as the two 8259As number it; the end of interrupt is signalled behind the
 * handler. RS_EBUSY: it has one. RS_EINVAL: no such line. RS_ENODEV: a Xen domain has none, see
 * rs_event_bind(). */
RS_API int rs_request_irq(unsigned line, rs_handler handler, void* data);
RS_API int rs_free_irq(unsigned line);
/* Turns interrupts off (of a Xen domain: masks events), and says what they were; restore with that. They
 * nest. What has come meanwhile is handled at the restore. */
RS_API unsigned long rs_irq_save(void);
RS_API void rs_irq_restore(unsigned long before);
/* 1 in a handler. */
RS_API int rs_in_interrupt(void);

/* ---- Memory that others see ---- */

/* Zeroed pages, one behind the other for the driver, and on a PC also for a device. NULL: there are no more.
 */
RS_API void* rs_alloc_pages(unsigned count);
/* All that one rs_alloc_pages() gave, which must be granted to nobody any more. */
RS_API int rs_free_pages(void* pages, unsigned count);
/* Where a device, or Xen, finds a byte of such pages: its physical address on a PC, its machine address under
 * Xen (where pages that follow each other need not do so there: ask for each). 0: not in such a page. */
RS_API uint64_t rs_bus_address(const void* address);

/* Between accesses to memory that a device or a backend sees as well: all, loads, stores. */
#define rs_mb() __asm__ volatile("mfence" ::: "memory")
#define rs_rmb() __asm__ volatile("lfence" ::: "memory")
#define rs_wmb() __asm__ volatile("sfence" ::: "memory")

/* ---- Devices of a PC ---- */

/* Ports. One that nobody answers reads as ones. A Xen domain has none: a violation. */
RS_API uint8_t rs_in8(uint16_t port);
RS_API uint16_t rs_in16(uint16_t port);
RS_API uint32_t rs_in32(uint16_t port);
RS_API void rs_out8(uint16_t port, uint8_t value);
RS_API void rs_out16(uint16_t port, uint16_t value);
RS_API void rs_out32(uint16_t port, uint32_t value);
/* `count` accesses of 16 bits to one port, as REP INSW and REP OUTSW make them. */
RS_API void rs_in16_repeated(uint16_t port, void* into, size_t count);
RS_API void rs_out16_repeated(uint16_t port, const void* from, size_t count);

/* Registers in memory. A mapping is no pointer for the driver to follow: all accesses go through these. */
typedef struct rs_registers* rs_mmio;
RS_API rs_mmio rs_mmio_map(uint64_t physical_address, uint64_t length); /* NULL: not possible */
RS_API void rs_mmio_unmap(rs_mmio registers);
RS_API uint8_t rs_read8(rs_mmio registers, uint64_t offset);
RS_API uint16_t rs_read16(rs_mmio registers, uint64_t offset);
RS_API uint32_t rs_read32(rs_mmio registers, uint64_t offset);
RS_API uint64_t rs_read64(rs_mmio registers, uint64_t offset);
RS_API void rs_write8(rs_mmio registers, uint64_t offset, uint8_t value);
RS_API void rs_write16(rs_mmio registers, uint64_t offset, uint16_t value);
RS_API void rs_write32(rs_mmio registers, uint64_t offset, uint32_t value);
RS_API void rs_write64(rs_mmio registers, uint64_t offset, uint64_t value);

/* PCI configuration space; sizes 1, 2, 4. */
struct rs_pci {
  uint8_t bus, device, function;
};
struct rs_pci_bar {
  uint64_t address;
  uint32_t length; /* 0: not implemented */
  int is_ports;
};
/* The n-th function (from 0) with these ids; 0xffff stands for any. RS_ENODEV: there is none. */
RS_API int rs_pci_find(uint16_t vendor, uint16_t device, unsigned n, struct rs_pci* found);
RS_API uint32_t rs_pci_read(struct rs_pci at, unsigned offset, unsigned size);
RS_API void rs_pci_write(struct rs_pci at, unsigned offset, unsigned size, uint32_t value);
/* What BAR 0 to 5 decodes; one without an address is given one. */
RS_API struct rs_pci_bar rs_pci_bar(struct rs_pci at, unsigned index);
/* The line on which its interrupt pin arrives, for rs_request_irq(). */
RS_API int rs_pci_irq(struct rs_pci at);

/* ---- Xen. On a PC each of these is a violation, and gives RS_ENODEV. ---- */

/* A hypercall by its number (__HYPERVISOR_...), with up to four arguments. What Xen returns. */
RS_API long rs_hypercall(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

/* A port that domain `remote` may bind. */
RS_API int rs_event_alloc(uint16_t remote);
/* Calls `handler` for each event of the port from now on. */
RS_API int rs_event_bind(unsigned port, rs_handler handler, void* data);
RS_API int rs_event_notify(unsigned port);
RS_API int rs_event_close(unsigned port);

/* Lets domain `to` use a page of rs_alloc_pages(): a reference. RS_ENOSPC: there are no more. */
RS_API int rs_grant(const void* page, uint16_t to, int read_only);
/* RS_EBUSY: the other domain still uses the page, and may go on. */
RS_API int rs_grant_end(int reference);
RS_API int rs_grant_in_use(int reference);

/* XenStore; paths are relative to the domain's own folder unless they begin with a slash. These sleep. */
RS_API int rs_xenstore_read(const char* path, char* value, size_t size); /* cut to fit, ends with a 0 */
RS_API int rs_xenstore_write(const char* path, const char* value);
RS_API int rs_xenstore_remove(const char* path);
/* Names of a folder's entries, each with its 0, one behind the other: how many there are. */
RS_API int rs_xenstore_list(const char* path, char* names, size_t size);
/* Tokens are told apart by their first character. */
RS_API int rs_xenstore_watch(const char* path, const char* token);
RS_API int rs_xenstore_unwatch(const char* path, const char* token);
/* How many events have come for such tokens. */
RS_API unsigned rs_xenstore_events(const char* token);
/* Sleeps until a watch has fired since the last call: 0, or RS_ETIMEDOUT. */
RS_API int rs_xenstore_wait(uint64_t deadline_ns);

/* XenBus (public/io/xenbus.h). Writes the number as text. */
RS_API int rs_xenbus_write_number(const char* folder, const char* name, uint64_t value);
RS_API int rs_xenbus_read_number(const char* folder, const char* name, uint64_t* value);
/* Sleeps until the state of that folder is in `states` (a bit for each XenbusState...): the state then, or at
 * the deadline; 0 (XenbusStateUnknown) where there is none. It must be watched with a token "backend...". */
RS_API unsigned rs_xenbus_wait_state(const char* folder, unsigned states, uint64_t deadline_ns);

/* ---- Where a call was made: file and line of each call below, for violations ---- */

RS_API void rs_at(const char* file, int line);
#define RS_HERE rs_at(__FILE__, __LINE__)

#ifndef RS_NO_CALL_SITES
#define rs_print(...) (RS_HERE, rs_print(__VA_ARGS__))
#define rs_panic(...) (RS_HERE, rs_panic(__VA_ARGS__))
#define rs_delay_ns(ns) (RS_HERE, rs_delay_ns(ns))
#define rs_relax() (RS_HERE, rs_relax())
#define rs_wait_until(condition, data, deadline_ns) (RS_HERE, rs_wait_until(condition, data, deadline_ns))
#define rs_request_irq(line, handler, data) (RS_HERE, rs_request_irq(line, handler, data))
#define rs_free_irq(line) (RS_HERE, rs_free_irq(line))
#define rs_irq_save() (RS_HERE, rs_irq_save())
#define rs_irq_restore(before) (RS_HERE, rs_irq_restore(before))
#define rs_alloc_pages(count) (RS_HERE, rs_alloc_pages(count))
#define rs_free_pages(pages, count) (RS_HERE, rs_free_pages(pages, count))
#define rs_bus_address(address) (RS_HERE, rs_bus_address(address))
#define rs_in8(port) (RS_HERE, rs_in8(port))
#define rs_in16(port) (RS_HERE, rs_in16(port))
#define rs_in32(port) (RS_HERE, rs_in32(port))
#define rs_out8(port, value) (RS_HERE, rs_out8(port, value))
#define rs_out16(port, value) (RS_HERE, rs_out16(port, value))
#define rs_out32(port, value) (RS_HERE, rs_out32(port, value))
#define rs_in16_repeated(port, into, count) (RS_HERE, rs_in16_repeated(port, into, count))
#define rs_out16_repeated(port, from, count) (RS_HERE, rs_out16_repeated(port, from, count))
#define rs_mmio_map(address, length) (RS_HERE, rs_mmio_map(address, length))
#define rs_mmio_unmap(registers) (RS_HERE, rs_mmio_unmap(registers))
#define rs_read8(registers, offset) (RS_HERE, rs_read8(registers, offset))
#define rs_read16(registers, offset) (RS_HERE, rs_read16(registers, offset))
#define rs_read32(registers, offset) (RS_HERE, rs_read32(registers, offset))
#define rs_read64(registers, offset) (RS_HERE, rs_read64(registers, offset))
#define rs_write8(registers, offset, value) (RS_HERE, rs_write8(registers, offset, value))
#define rs_write16(registers, offset, value) (RS_HERE, rs_write16(registers, offset, value))
#define rs_write32(registers, offset, value) (RS_HERE, rs_write32(registers, offset, value))
#define rs_write64(registers, offset, value) (RS_HERE, rs_write64(registers, offset, value))
#define rs_pci_find(vendor, device, n, found) (RS_HERE, rs_pci_find(vendor, device, n, found))
#define rs_pci_read(at, offset, size) (RS_HERE, rs_pci_read(at, offset, size))
#define rs_pci_write(at, offset, size, value) (RS_HERE, rs_pci_write(at, offset, size, value))
#define rs_pci_irq(at) (RS_HERE, rs_pci_irq(at))
#define rs_hypercall(number, a, b, c, d) (RS_HERE, rs_hypercall(number, a, b, c, d))
#define rs_event_alloc(remote) (RS_HERE, rs_event_alloc(remote))
#define rs_event_bind(port, handler, data) (RS_HERE, rs_event_bind(port, handler, data))
#define rs_event_notify(port) (RS_HERE, rs_event_notify(port))
#define rs_event_close(port) (RS_HERE, rs_event_close(port))
#define rs_grant(page, to, read_only) (RS_HERE, rs_grant(page, to, read_only))
#define rs_grant_end(reference) (RS_HERE, rs_grant_end(reference))
#define rs_grant_in_use(reference) (RS_HERE, rs_grant_in_use(reference))
#define rs_xenstore_read(path, value, size) (RS_HERE, rs_xenstore_read(path, value, size))
#define rs_xenstore_write(path, value) (RS_HERE, rs_xenstore_write(path, value))
#define rs_xenstore_remove(path) (RS_HERE, rs_xenstore_remove(path))
#define rs_xenstore_list(path, names, size) (RS_HERE, rs_xenstore_list(path, names, size))
#define rs_xenstore_watch(path, token) (RS_HERE, rs_xenstore_watch(path, token))
#define rs_xenstore_unwatch(path, token) (RS_HERE, rs_xenstore_unwatch(path, token))
#define rs_xenstore_wait(deadline_ns) (RS_HERE, rs_xenstore_wait(deadline_ns))
#define rs_xenbus_write_number(folder, name, value) (RS_HERE, rs_xenbus_write_number(folder, name, value))
#define rs_xenbus_read_number(folder, name, value) (RS_HERE, rs_xenbus_read_number(folder, name, value))
#define rs_xenbus_wait_state(folder, states, deadline_ns) \
  (RS_HERE, rs_xenbus_wait_state(folder, states, deadline_ns))
#endif

#ifdef __cplusplus
}
#endif
