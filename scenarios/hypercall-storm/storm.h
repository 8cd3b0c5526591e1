// What the files of this program share: the grammar's table, random numbers, arguments in good and bad
// places, and the pools of handles that are kept and reused. README.md tells the rules.
#pragma once

#include "guest/runtime.h"

// These need the types above.
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/vcpu.h>
#include <xen/version.h>

// --- The grammar (grammar.c) ---
enum kind {
  kBoth,       // succeeds and fails
  kRefused,    // Xen always refuses it to such a domain
  kCannotFail  // no argument makes it fail
};

// A weight: done before the storm only, while no grant is in use that nobody here knows of.
enum { kBeforehand = 0xffff };

// One sub-operation. `run` makes one attempt, with hostile arguments or with good ones, and returns what came
// out: a negative number is a failure.
struct operation {
  const char* name;
  long (*run)(unsigned argument, int hostile);
  unsigned argument;
  enum kind kind;
  unsigned weight;  // 0 stands for the usual one; or kBeforehand
  uint64_t successes, failures;
};

// The parts of the table, each in its own file and ended by a row without a name.
extern struct operation mmu_operations[], mmuext_operations[], memory_operations[], event_operations[],
    grant_operations[], sched_operations[], cpu_operations[], other_operations[], long_operations[];
extern struct operation* const all_operations[];

extern uint64_t hypercalls;  // made so far
extern uint64_t self;        // this domain's number
extern char shared_info_page[];

// --- What went wrong (storm.c): the console's ring may be in any state, so that words have to wait for the
// end ---
__attribute__((format(printf, 1, 2))) void note_failure(const char* format, ...);
__attribute__((noreturn, format(printf, 1, 2))) void give_up_all(const char* format, ...);

// --- Random numbers (random.c) ---
void random_seed(uint64_t seed);
uint64_t random_word(void);
uint64_t random_below(uint64_t bound);
static inline int one_in(uint64_t n) { return random_below(n) == 0; }
// The value with a bit flipped, or next to it, or an extreme one, or any.
uint64_t bend(uint64_t value);

// --- Hypercalls by SYSCALL, with all five arguments ---
static inline long call5(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
  long result;
  register uint64_t r10 __asm__("r10") = d;
  register uint64_t r8 __asm__("r8") = e;
  ++hypercalls;
  __asm__ volatile("syscall"
                   : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                   : "0"(number)
                   : "rcx", "r11", "r9", "memory", "cc");
  return result;
}
static inline long call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  return call5(number, a, b, c, d, 0);
}

// --- Arguments (arguments.c) ---
void arguments_start(void);
// Copies an argument to where a hypercall shall find it, and returns the address to give. The bytes stay at
// `placed`, where results can be read, also when the address is a hostile one.
extern char* placed;
uint64_t place(const void* argument, size_t size);
uint64_t place_badly(const void* argument, size_t size);
// With nothing behind it, so that a list that is said to be longer runs into nothing.
uint64_t place_at_end(const void* argument, size_t size);
// Well or, in a hostile attempt, badly every other time.
uint64_t place_for(const void* argument, size_t size, int hostile);
// Like place_badly, but never readable: for calls that do harm to ourselves when they read rubbish.
uint64_t unreadable_address(void);
// An address that is none of our own code or data, with or without something behind it.
uint64_t wild_address(void);
// Where something may come to be mapped: not in the page that must stay empty.
uint64_t wild_address_to_map(void);

// --- Frames (frames.c) ---
enum { kPteP = 1, kPteW = 2, kPteU = 4, kPteA = 0x20, kPteD = 0x40 };
#define PTE_FRAME(value) (((value)&0x000ffffffffff000ul) >> 12)
enum use { kIdle, kTable1, kTable2, kTable3, kTable4, kDescriptors, kGone };
// The last pages of the window are for grants: nothing else is mapped there.
enum { kPoolFrames = 160, kGrantPages = 16, kWindowPages = 64, kPlainPages = kWindowPages - kGrantPages };
struct frame {
  uint64_t mfn;
  enum use use;  // as far as we know; hostile calls may have changed it
};
extern struct frame pool[kPoolFrames];
extern char window[kWindowPages][GUEST_PAGE_SIZE];  // where frames of the pool may be mapped

void frames_start(void);
// Brings the pool and the window back into a known state. Called now and then.
void frames_heal(void);
// Our own code, data and page tables: no hostile call names them.
int is_critical(uint64_t mfn);
void set_critical(uint64_t mfn);
// A frame of the pool in that use, found from a random place on; null when there is none.
struct frame* frame_in_use(enum use use);
struct frame* frame_for(enum use use);        // made when there is none
struct frame* frame_by_number(uint64_t mfn);  // null: not of the pool
// A frame in no use that nothing maps.
struct frame* unmapped_frame(void);
uint64_t wild_frame(void);                              // anything but a critical one
unsigned random_slot(void);                             // of the window, but for those that grants use
uint64_t slot_entry(unsigned slot);                     // its page table entry
uint64_t slot_entry_address(unsigned slot);             // and where that is, as a machine address
volatile uint64_t* slot_entry_in_table(unsigned slot);  // and as our read-only mapping of the table
void set_slot(unsigned slot, uint64_t value);
uint64_t entry_for(int hostile);  // a value for an L1 entry
// Makes a page table of that level from a frame; what it points to comes from the pool. Not pinned yet.
struct frame* build_table(unsigned level);
void forget_window_of(uint64_t mfn);  // unmaps it wherever the window shows it
extern uint64_t roots[2];             // page table roots that both map all of us

// --- Event channels (event_operations.c) and grants (grant_operations.c) ---
void events_setup(void);
void events_heal(void);
evtchn_port_t timer_port(void);  // VIRQ_TIMER's, bound and unmasked
void grants_setup(void);
void grants_heal(void);

// --- Processor state (cpu_operations.c, entries.S) ---
void cpu_heal(void);
// Calls step(argument). 0, or 1 + the vector of the exception that ended it; 257 for the failsafe callback.
long probe(void (*step)(uint64_t), uint64_t argument);
extern volatile uint64_t nmis;
extern char event_entry[];

long user_trip(void);  // to the guest's user mode and back: 42
// --- The last thing it does, when it is asked to (deaths.c) ---
void die(uint64_t which);

// --- What a guest can do without hypercalls (abuse.c) ---
struct abuse {
  const char* name;
  void (*step)(uint64_t argument);
  uint64_t quiet, faults;
};
extern struct abuse abuses[];
void abuse_start(void);
void abuse_once(int rings_too);
void abuse_heal(void);
