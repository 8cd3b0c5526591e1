// Where the machine comes in.
#include "guest/hosted/hosted.h"

#include "guest/text.h"

const struct native_calls* native RUNTIME_STATE;
const struct native_domain* hosted_domain RUNTIME_STATE;

extern char __start_rs_state[] __attribute__((visibility("hidden")));
extern char __stop_rs_state[] __attribute__((visibility("hidden")));

void* hosted_state(uint64_t* bytes) {
  *bytes = (uint64_t)(__stop_rs_state - __start_rs_state);
  return __start_rs_state;
}

void hosted_run(const struct native_domain* domain) {
  hosted_domain = domain;
  native = domain->calls;
  if (domain->is_pc) {
    hosted_pc_run();
  } else {
    hosted_xen_run();
  }
}

// What string.c has beside the C library's.
uint64_t parse_number(const char* text) {
  uint64_t value = 0;
  while (*text >= '0' && *text <= '9') value = value * 10 + (uint64_t)(*text++ - '0');
  return value;
}
