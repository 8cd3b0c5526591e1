// Start and end of a guest program.
#include "runtime.h"

#include "internal.h"

start_info_t* start_info RUNTIME_STATE;

#define TRAPS(each)                                                                                    \
  each(0) each(1) each(3) each(4) each(5) each(6) each(7) each(10) each(11) each(12) each(13) each(14) \
      each(16) each(17) each(19)
TRAPS(DECLARE_TRAP)

// Code of a 64-bit paravirtual kernel runs on Xen's own flat segment.
#define TRAP_ROW(vector) {vector, 4, FLAT_KERNEL_CS, TRAP_ENTRY(vector)},

static void set_entries(void) {
  static struct trap_info traps[] RUNTIME_STATE = {TRAPS(TRAP_ROW){0, 0, 0, 0}};
  if (hypercall(__HYPERVISOR_set_trap_table, (uint64_t)traps, 0, 0, 0) != 0)
    guest_panic("set_trap_table failed");
  if (hypercall(__HYPERVISOR_set_callbacks, EVENT_ENTRY, FAILSAFE_ENTRY, 0, 0) != 0) {
    guest_panic("set_callbacks failed");
  }
}

// Called by boot.S.
__attribute__((noreturn)) void runtime_start(start_info_t* info) {
  start_info = info;
  set_entries();
  events_start();
  console_start();
  grants_start();
  xenstore_start();
  unlock_events();
  guest_main();
  guest_shutdown(SHUTDOWN_poweroff);
}

// Called by boot.S. Vectors 10 to 14 and 17 have an error code; 256 stands for the failsafe callback, whose
// frame starts with the segment registers.
__attribute__((noreturn)) void handle_trap(unsigned vector, const uint64_t* frame) {
  const int has_error = (vector >= 10 && vector <= 14) || vector == 17;
  const uint64_t error = has_error ? frame[2] : 0;
  const uint64_t rip = frame[has_error ? 3 : 2];
  const uint64_t address = HYPERVISOR_shared_info->vcpu_info[0].arch.cr2;
  guest_panic("exception %u at rip 0x%lx, error 0x%lx, cr2 0x%lx", vector, rip, error, address);
}

const char* option(const char* key) {
  const size_t length = strlen(key);
  const char* line = (const char*)start_info->cmd_line;
  for (const char* at = line; *at; ++at) {
    const int begins = at == line || at[-1] == ' ';
    if (begins && strlen(at) >= length && memcmp(at, key, length) == 0) return at + length;
  }
  return 0;
}

unsigned option_number(const char* key, unsigned otherwise) {
  const char* value = option(key);
  return value ? (unsigned)parse_number(value) : otherwise;
}

void guest_shutdown(unsigned reason) {
  console_drain();
  for (;;) {
    struct sched_shutdown shutdown = {.reason = reason};
    sched_op(SCHEDOP_shutdown, &shutdown);
  }
}

void guest_panic(const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  format_text_list(text, sizeof text, format, arguments);
  va_end(arguments);
  lock_events();
  print("panic: %s\n", text);
  guest_shutdown(SHUTDOWN_crash);
}
