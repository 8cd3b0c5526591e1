// Exceptions and interrupts: handlers for the 16 lines of the two 8259As.
#pragma once

#include <stdint.h>

// What vectors.S leaves on the stack.
struct frame {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  uint64_t vector, error_code;
  uint64_t rip, cs, rflags, rsp, ss;
};

typedef void (*interrupt_handler)(void* data);

enum { kIrqVector = 0x20, kIrqs = 16 };

// Sets the handler of a line (0-15) and unmasks it. The handler runs with interrupts off; the end of
// interrupt is signalled after it.
void bind_irq(unsigned irq, interrupt_handler handler, void* data);
void mask_irq(unsigned irq);
// Shared lines of PCI are level-triggered (PIIX: ports 0x4d0 and 0x4d1).
void set_level_triggered(unsigned irq);
// Interrupts 7 and 15 that no device had asked for.
extern volatile unsigned spurious_interrupts;

#ifdef RINGSIDE_HOSTED
#include "guest/hosted/hosted.h"
static inline void enable_interrupts(void) { native->set_interrupts(1); }
static inline void disable_interrupts(void) { native->set_interrupts(0); }
static inline int interrupts_are_on(void) { return native->interrupts(); }
static inline void sleep_until_interrupt(void) {
  native->halt();
  native->set_interrupts(0);
}
#else
static inline void enable_interrupts(void) { __asm__ volatile("sti" : : : "memory"); }
static inline void disable_interrupts(void) { __asm__ volatile("cli" : : : "memory"); }
// Called with interrupts off: sleeps until one has been handled, and returns with them off. STI takes effect
// after the next instruction, so none can slip in between and be slept over.
static inline void sleep_until_interrupt(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }
static inline int interrupts_are_on(void) {
  uint64_t flags;
  __asm__ volatile("pushfq; popq %0" : "=r"(flags));
  return flags >> 9 & 1;
}
#endif

// Sleeps until `condition` holds or `microseconds` have passed; it is looked at again after each interrupt.
// Returns whether it held. Interrupts are off during `condition` and after the return.
int wait_until(int (*condition)(void* data), void* data, uint64_t microseconds);

// Whoever wants an exception instead of the report and the end: returns nonzero when it has been dealt with.
extern int (*exception_hook)(struct frame* frame);

// --- For the runtime (exceptions.c, pic.c) ---
void exceptions_start(void);
void pic_start(void);
void pic_dispatch(unsigned irq);
