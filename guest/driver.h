// What the two implementations of ringside/hosted.h (xen_driver.c, pc/pc_driver.c) have in common: the
// driver's pages, its options, where it has called from, and what becomes of misuse. Hosted, both are in one
// program, so each has its functions under a prefix of its own, and hosted/calls.c chooses.
#pragma once

#define RS_NO_CALL_SITES
#include "guest/text.h"
#include "ringside/hosted.h"

#ifdef RINGSIDE_HOSTED
#define RS_XEN(name) rs_xen_##name
#define RS_PC(name) rs_pc_##name
#else
#define RS_XEN(name) rs_##name
#define RS_PC(name) rs_##name
#endif

// --- Where the driver is (driver.c) ---
struct driver_site {
  const char* file;
  int line;
};
extern struct driver_site driver_here;  // its last call
extern unsigned driver_in_handler;

// A broken rule: "driver/RULE". Hosted, the machine is told; on a core it is printed, and the program ends as
// crashed. The second one names the place where the driver went wrong, if that is not its last call.
__attribute__((format(printf, 2, 3))) void driver_violation(const char* rule, const char* format, ...);
__attribute__((format(printf, 3, 4))) void driver_violation_at(const struct driver_site* site,
                                                               const char* rule, const char* format, ...);
extern unsigned driver_violations;
// Runs a handler of the driver's, and sees to what it leaves behind.
void driver_handle(rs_handler handler, void* data);
// Whether the driver may sleep now; a violation if not.
int driver_may_sleep(const char* function, int interrupts_off);
// rs_irq_save() and rs_irq_restore() count here.
void driver_saved(void);
void driver_restored(void);
// At the end: what was not given back, and interrupts.
void driver_end(void);

// --- Options (driver.c) ---
const char* driver_option(const char* command_line, const char* key);
uint64_t driver_option_number(const char* command_line, const char* key, uint64_t otherwise);

// --- Pages (driver_pages.c) ---
// Sets the pool: so many pages from there on.
void driver_pages_start(void* pool, unsigned count);
void* driver_pages_allocate(unsigned count);
int driver_pages_free(void* pages, unsigned count);
int driver_owns_page(const void* address);
void driver_pages_end(void);

// --- What each side gives to the common part ---
struct driver_side {
  void (*print_text)(const char* text);
  void (*end_resources)(void);                                 // says what else was not given back
  int (*in_use)(const void* page, struct driver_site* where);  // by whom it is shared; 0: nobody
};
extern const struct driver_side* driver_side;
