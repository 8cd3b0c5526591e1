// Interrupt descriptor table and task state segment (Intel SDM volume 3, 6.14 and 7.7), and the report of an
// exception that nobody expected.
#include "internal.h"
#include "interrupts.h"

enum {
  kVectors = 256,
  kCodeSelector = 0x10,
  kTaskSelector = 0x20,
  kInterruptGate = 0x8e,       // present, privilege 0, interrupts off in the handler
  kTaskSegmentPresent = 0x89,  // available 64-bit TSS
  kNmi = 2,
  kDoubleFault = 8,
  kPageFault = 14,
  kEmergencyStack = 1,  // of the interrupt stack table
};

struct gate {
  uint16_t offset_low, selector;
  uint8_t stack_table, type;
  uint16_t offset_middle;
  uint32_t offset_high, reserved;
};

struct task_state {
  uint32_t reserved0;
  uint64_t rsp[3], reserved1, stack_table[7], reserved2;
  uint16_t reserved3, port_map;
} __attribute__((packed));

struct table_pointer {
  uint16_t limit;
  uint64_t base;
} __attribute__((packed));

extern uint64_t gdt[];
extern const uint8_t vector_entries[];  // 16 bytes each

int (*exception_hook)(struct frame* frame);

static struct gate idt[kVectors] __attribute__((aligned(16)));
static struct task_state task_state;
static uint8_t emergency_stack[8192] __attribute__((aligned(16)));

void exceptions_start(void) {
  for (unsigned vector = 0; vector < kVectors; ++vector) {
    const uint64_t entry = (uint64_t)vector_entries + vector * 16;
    idt[vector] = (struct gate){.offset_low = (uint16_t)entry,
                                .selector = kCodeSelector,
                                .type = kInterruptGate,
                                .offset_middle = (uint16_t)(entry >> 16),
                                .offset_high = (uint32_t)(entry >> 32)};
  }
  // These may come when the stack is what is wrong.
  idt[kNmi].stack_table = kEmergencyStack;
  idt[kDoubleFault].stack_table = kEmergencyStack;
  task_state.stack_table[kEmergencyStack - 1] = (uint64_t)(emergency_stack + sizeof emergency_stack);
  task_state.port_map = sizeof task_state;

  const uint64_t base = (uint64_t)&task_state;
  gdt[kTaskSelector / 8] = (sizeof task_state - 1) | (base & 0xffffff) << 16 |
                           (uint64_t)kTaskSegmentPresent << 40 | (base >> 24 & 0xff) << 56;
  gdt[kTaskSelector / 8 + 1] = base >> 32;
  __asm__ volatile("ltr %w0" : : "r"(kTaskSelector));
  const struct table_pointer pointer = {sizeof idt - 1, (uint64_t)idt};
  __asm__ volatile("lidt %0" : : "m"(pointer));
}

static const char* const kNames[] = {"divide error",
                                     "debug",
                                     "NMI",
                                     "breakpoint",
                                     "overflow",
                                     "bound range",
                                     "invalid opcode",
                                     "no coprocessor",
                                     "double fault",
                                     "coprocessor overrun",
                                     "invalid TSS",
                                     "segment not present",
                                     "stack fault",
                                     "general protection",
                                     "page fault",
                                     "15",
                                     "x87 error",
                                     "alignment check",
                                     "machine check",
                                     "SIMD error"};

static void report(const struct frame* frame) {
  uint64_t cr0, cr2, cr3, cr4;
  __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
  __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
  __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
  __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
  const char* name = frame->vector < sizeof kNames / sizeof *kNames ? kNames[frame->vector] : "no handler";
  print("\nvector %lu (%s), error code 0x%lx\n", frame->vector, name, frame->error_code);
  print("rip %016lx cs %04lx rflags %08lx rsp %016lx ss %04lx\n", frame->rip, frame->cs, frame->rflags,
        frame->rsp, frame->ss);
  print("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", frame->rax, frame->rbx, frame->rcx, frame->rdx);
  print("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", frame->rsi, frame->rdi, frame->rbp, frame->r8);
  print("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", frame->r9, frame->r10, frame->r11, frame->r12);
  print("r13 %016lx r14 %016lx r15 %016lx\n", frame->r13, frame->r14, frame->r15);
  print("cr0 %08lx cr2 %016lx cr3 %08lx cr4 %08lx\n", cr0, cr2, cr3, cr4);
}

// Called by vectors.S, with interrupts off.
void handle_vector(struct frame* frame) {
  if (frame->vector >= kIrqVector && frame->vector < kIrqVector + kIrqs) {
    pic_dispatch((unsigned)frame->vector - kIrqVector);
    return;
  }
  if (exception_hook && exception_hook(frame)) return;
  static int reported;
  if (reported) power_off();  // An exception within the report: no report of that one.
  reported = 1;
  report(frame);
  fail("vector %lu at 0x%lx", frame->vector, frame->rip);
}
