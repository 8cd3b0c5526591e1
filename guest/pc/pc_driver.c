// ringside/hosted.h for ring-0 programs, over this runtime. The same code serves a core and the host.
#include "guest/driver.h"
#include "guest/pc/internal.h"
#include "guest/pc/interrupts.h"
#include "guest/pc/pci.h"
#include "guest/pc/ports.h"
#include "guest/pc/timers.h"

enum { kPoolPages = 512, kMappingsMax = 32 };

static struct line {
  rs_handler handler;  // null: free
  void* data;
  struct driver_site site;
} driver_lines[kIrqs] RUNTIME_STATE;

// rs_mmio_map() gives the address of one of these.
struct rs_registers {
  uint64_t address, length;  // 0: free
  struct driver_site site;
};
static struct rs_registers mappings[kMappingsMax] RUNTIME_STATE;

// --- Start and end ---

static void print_text(const char* text) { print("%s", text); }

static void end_resources(void) {
  for (unsigned line = 0; line < kIrqs; ++line) {
    if (driver_lines[line].handler)
      driver_violation_at(&driver_lines[line].site, "line_leaked",
                          "rs_main() returned, and interrupt line %u was not freed", line);
  }
}

static int in_use(const void* page, struct driver_site* where) {
  (void)page, (void)where;
  return 0;
}

static const struct driver_side kSide = {print_text, end_resources, in_use};

#ifndef RINGSIDE_HOSTED
__attribute__((weak)) const char program_name[] = "driver";
static char pool[kPoolPages][RS_PAGE_SIZE] __attribute__((aligned(4096)));
#endif

// No gate answers: the processor shuts down, which is a crash.
static __attribute__((noreturn)) void crash(const char* text) {
  disable_interrupts();
#ifdef RINGSIDE_HOSTED
  for (;;) native->crash(text);
#else
  const struct {
    uint16_t limit;
    uint64_t base;
  } __attribute__((packed)) none = {0, 0};
  (void)text;
  console_drain();
  for (;;) __asm__ volatile("lidt %0; int3" : : "m"(none));
#endif
}

void guest_main(void) {
  driver_side = &kSide;
  enable_interrupts();
#ifdef RINGSIDE_HOSTED
  driver_pages_start(hosted_domain->memory + hosted_domain->pool, (unsigned)hosted_domain->pool_pages);
  native->run_program();
#else
  driver_pages_start(pool, kPoolPages);
  rs_main();
#endif
  disable_interrupts();
  driver_end();
#ifndef RINGSIDE_HOSTED
  if (driver_violations != 0) crash("the driver has broken rules");
#endif
  power_off();
}

void RS_PC(print_text)(const char* text) { print_text(text); }
void RS_PC(end_crashed)(const char* text) {
  print("panic: %s\n", text);
  crash(text);
}

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
  print("panic: %s\n", text);
  crash(text);
}
#endif

const char* RS_PC(option)(const char* key) { return driver_option(machine.command_line, key); }
uint64_t RS_PC(option_number)(const char* key, uint64_t otherwise) {
  return driver_option_number(machine.command_line, key, otherwise);
}

// --- Time ---

uint64_t RS_PC(now_ns)(void) {
  const uint64_t rate = tsc_per_microsecond(), ticks = read_tsc();
  return ticks / rate * 1000 + ticks % rate * 1000 / rate;
}

void RS_PC(relax)(void) { pause_a_little(); }

void RS_PC(delay_ns)(uint64_t ns) {
  const uint64_t end = RS_PC(now_ns)() + ns;
  while (RS_PC(now_ns)() < end) RS_PC(relax)();
}

int RS_PC(wait_until)(int (*condition)(void* data), void* data, uint64_t deadline_ns) {
  if (!driver_may_sleep("rs_wait_until", !interrupts_are_on())) return condition(data) != 0;
  uint64_t microseconds = 1ull << 50;
  if (deadline_ns != RS_FOREVER) {
    const uint64_t now = RS_PC(now_ns)();
    microseconds = deadline_ns > now ? (deadline_ns - now + 999) / 1000 : 0;
  }
  const int held = wait_until(condition, data, microseconds);
  enable_interrupts();
  return held != 0;
}

// --- Interrupts ---

static void on_interrupt(void* data) {
  const struct line* line = data;
  driver_handle(line->handler, line->data);
}

int RS_PC(request_irq)(unsigned line, rs_handler handler, void* data) {
  if (line >= kIrqs || line == 2 || !handler) return RS_EINVAL;  // 2 is the cascade
  if (driver_lines[line].handler) return RS_EBUSY;
  driver_lines[line] = (struct line){handler, data, driver_here};
  bind_irq(line, on_interrupt, &driver_lines[line]);
  return 0;
}

int RS_PC(free_irq)(unsigned line) {
  if (line >= kIrqs || !driver_lines[line].handler) {
    driver_violation("freed_not_requested", "line %u has no handler of this driver", line);
    return RS_EINVAL;
  }
  mask_irq(line);
  driver_lines[line].handler = 0;
  return 0;
}

unsigned long RS_PC(irq_save)(void) {
  const unsigned long before = (unsigned long)interrupts_are_on();
  disable_interrupts();
  driver_saved();
  return before;
}

void RS_PC(irq_restore)(unsigned long before) {
  driver_restored();
  if (before) enable_interrupts();
}

// --- Pages: where the program has them, a device has them, too ---

void* RS_PC(alloc_pages)(unsigned count) { return driver_pages_allocate(count); }
int RS_PC(free_pages)(void* pages, unsigned count) { return driver_pages_free(pages, count); }

uint64_t RS_PC(bus_address)(const void* address) {
  if (!driver_owns_page(address)) return 0;
#ifdef RINGSIDE_HOSTED
  return (uint64_t)((const uint8_t*)address - hosted_domain->memory);
#else
  return (uint64_t)address;
#endif
}

// --- Devices ---

uint8_t RS_PC(in8)(uint16_t port) { return in8(port); }
uint16_t RS_PC(in16)(uint16_t port) { return in16(port); }
uint32_t RS_PC(in32)(uint16_t port) { return in32(port); }
void RS_PC(out8)(uint16_t port, uint8_t value) { out8(port, value); }
void RS_PC(out16)(uint16_t port, uint16_t value) { out16(port, value); }
void RS_PC(out32)(uint16_t port, uint32_t value) { out32(port, value); }
void RS_PC(in16_repeated)(uint16_t port, void* into, size_t count) { in16_repeated(port, into, count); }
void RS_PC(out16_repeated)(uint16_t port, const void* from, size_t count) {
  out16_repeated(port, from, count);
}

rs_mmio RS_PC(mmio_map)(uint64_t address, uint64_t length) {
  if (length == 0 || address + length < address || address + length > 1ull << 32) return 0;
  for (unsigned i = 0; i < kMappingsMax; ++i) {
    if (mappings[i].length != 0) continue;
    mappings[i] = (struct rs_registers){address, length, driver_here};
    return &mappings[i];
  }
  return 0;
}

void RS_PC(mmio_unmap)(rs_mmio registers) {
  if (registers) registers->length = 0;
}

// Where a register is; 0 where the mapping has none.
static uint64_t place_of(rs_mmio registers, uint64_t offset, unsigned size) {
  if (registers && offset <= registers->length && size <= registers->length - offset)
    return registers->address + offset;
  driver_violation("registers_outside", "offset 0x%lx lies outside of this mapping of 0x%lx bytes", offset,
                   registers ? registers->length : 0);
  return 0;
}

#define ACCESSES(bits)                                                                         \
  uint##bits##_t RS_PC(read##bits)(rs_mmio registers, uint64_t offset) {                       \
    const uint64_t place = place_of(registers, offset, bits / 8);                              \
    return place ? (uint##bits##_t)mmio_read##bits((const void*)place) : (uint##bits##_t) - 1; \
  }                                                                                            \
  void RS_PC(write##bits)(rs_mmio registers, uint64_t offset, uint##bits##_t value) {          \
    const uint64_t place = place_of(registers, offset, bits / 8);                              \
    if (place) mmio_write##bits((void*)place, value);                                          \
  }
ACCESSES(8)
ACCESSES(16)
ACCESSES(32)
ACCESSES(64)

static struct pci_function function_of(struct rs_pci at) {
  return (struct pci_function){at.bus, at.device, at.function};
}

int RS_PC(pci_find)(uint16_t vendor, uint16_t device, unsigned n, struct rs_pci* found) {
  struct pci_function at;
  if (!pci_find(vendor, device, n, &at)) return RS_ENODEV;
  *found = (struct rs_pci){at.bus, at.device, at.function};
  return 0;
}

uint32_t RS_PC(pci_read)(struct rs_pci at, unsigned offset, unsigned size) {
  return pci_read(function_of(at), (uint8_t)offset, size);
}
void RS_PC(pci_write)(struct rs_pci at, unsigned offset, unsigned size, uint32_t value) {
  pci_write(function_of(at), (uint8_t)offset, size, value);
}

struct rs_pci_bar RS_PC(pci_bar)(struct rs_pci at, unsigned index) {
  if (index > 5) return (struct rs_pci_bar){0, 0, 0};
  const struct pci_bar bar = pci_bar(function_of(at), index);
  return (struct rs_pci_bar){bar.address, bar.length, bar.is_ports};
}

int RS_PC(pci_irq)(struct rs_pci at) { return (int)pci_route_interrupt(function_of(at)); }
