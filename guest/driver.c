// See driver.h.
#include "guest/driver.h"

#ifdef RINGSIDE_HOSTED
#include "machine/hosted/native_calls.h"
extern const struct native_calls* native;
#endif

struct driver_site driver_here RUNTIME_STATE;
unsigned driver_in_handler RUNTIME_STATE;
unsigned driver_violations RUNTIME_STATE;
const struct driver_side* driver_side RUNTIME_STATE;

// Of rs_irq_save(), those that have not been restored.
enum { kDepthMax = 16 };
static unsigned irq_depth RUNTIME_STATE;
static struct driver_site irq_sites[kDepthMax] RUNTIME_STATE;

void rs_at(const char* file, int line) {
  driver_here.file = file;
  driver_here.line = line;
}

#ifdef RINGSIDE_HOSTED
const char* hosted_place(int* line) {
  *line = driver_here.line;
  return driver_here.file;
}
#endif

static void report(const struct driver_site* site, const char* rule, const char* format, va_list arguments) {
  char what[256], text[384];
  format_text_list(what, sizeof what, format, arguments);
  format_text(text, sizeof text, "%s:%d: %s", site->file ? site->file : "?", site->line, what);
  ++driver_violations;
#ifdef RINGSIDE_HOSTED
  native->violation(rule, text);
#else
  char line[448];
  format_text(line, sizeof line, "violation: driver/%s: %s\n", rule, text);
  driver_side->print_text(line);
#endif
}

void driver_violation(const char* rule, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report(&driver_here, rule, format, arguments);
  va_end(arguments);
}

void driver_violation_at(const struct driver_site* site, const char* rule, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report(site, rule, format, arguments);
  va_end(arguments);
}

int rs_in_interrupt(void) { return driver_in_handler != 0; }

void driver_saved(void) {
  if (irq_depth < kDepthMax) irq_sites[irq_depth] = driver_here;
  ++irq_depth;
}

void driver_restored(void) {
  if (irq_depth != 0) {
    --irq_depth;
  } else {
    driver_violation("restore_without_save", "rs_irq_restore() without an rs_irq_save() that it belongs to");
  }
}

// What is left of them, down to `depth`.
static void unsaved(unsigned depth, const char* who) {
  while (irq_depth > depth) {
    --irq_depth;
    const struct driver_site* site = &irq_sites[irq_depth < kDepthMax ? irq_depth : kDepthMax - 1];
    driver_violation_at(site, "interrupts_off", "%s returned without rs_irq_restore() for this rs_irq_save()",
                        who);
  }
}

void driver_handle(rs_handler handler, void* data) {
  const struct driver_site before = driver_here;
  const unsigned depth = irq_depth;
  ++driver_in_handler;
  handler(data);
  --driver_in_handler;
  unsaved(depth, "a handler");
  driver_here = before;
}

int driver_may_sleep(const char* function, int interrupts_off) {
  if (driver_in_handler) {
    driver_violation("sleep_in_handler", "%s() sleeps, and was called in a handler", function);
    return 0;
  }
  if (interrupts_off) {
    driver_violation("sleep_interrupts_off", "%s() sleeps, and was called with interrupts off",
                     function);
    return 0;
  }
  return 1;
}

void driver_end(void) {
  unsaved(0, "rs_main()");
  driver_side->end_resources();
  driver_pages_end();
}

// --- Options ---

static int is_at(const char* line, const char* at, const char* key, size_t length) {
  if (at != line && at[-1] != ' ') return 0;
  for (size_t i = 0; i < length; ++i) {
    if (at[i] != key[i]) return 0;
  }
  return at[length] == '=' || at[length] == ' ' || at[length] == 0;
}

enum { kOptionMax = 256 };

// The length of the value that is put there; -1: there is no such word.
static int find_option(const char* command_line, const char* key, char* value) {
  const size_t length = strlen(key);
  for (const char* at = command_line; *at; ++at) {
    if (!is_at(command_line, at, key, length)) continue;
    int taken = 0;
    at += length;
    if (*at == '=') {
      for (++at; *at && *at != ' ' && taken + 1 < kOptionMax; ++at) value[taken++] = *at;
    }
    value[taken] = 0;
    return taken;
  }
  return -1;
}

const char* driver_option(const char* command_line, const char* key) {
  static char value[kOptionMax] RUNTIME_STATE;
  return find_option(command_line, key, value) >= 0 ? value : 0;
}

uint64_t driver_option_number(const char* command_line, const char* key, uint64_t otherwise) {
  char text[kOptionMax];
  if (find_option(command_line, key, text) <= 0) return otherwise;
  if (text[0] != '0' || text[1] != 'x') return parse_number(text);
  uint64_t value = 0;
  for (const char* at = text + 2; *at; ++at) {
    const unsigned char digit = (unsigned char)*at;
    const int number = digit >= '0' && digit <= '9'   ? digit - '0'
                       : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                                      : 16;
    if (number == 16) break;
    value = value * 16 + (uint64_t)number;
  }
  return value;
}
