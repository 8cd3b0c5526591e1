/* What the C runtime of hosted programs (guest/hosted/) asks of the machine, in the place of instructions: a
 * hypercall, IN and OUT, HLT, the time-stamp counter. C, because both sides include it. Every call may switch
 * to the machine and come back later. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct native_calls {
  /* Xen: `runtime` says that the runtime itself makes the call, not the driver. */
  long (*hypercall)(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, int runtime);

  /* A PC's core. */
  uint64_t (*port_in)(uint16_t port, unsigned size);
  void (*port_out)(uint16_t port, unsigned size, uint64_t value);
  uint64_t (*memory_read)(uint64_t address, unsigned size);
  void (*memory_write)(uint64_t address, unsigned size, uint64_t value);
  void (*set_interrupts)(int on); /* STI, CLI */
  int (*interrupts)(void);
  void (*halt)(void); /* STI and HLT in one: returns with interrupts on, behind the one that came */
  uint64_t (*read_msr)(uint32_t index);

  uint64_t (*read_counter)(void); /* RDTSC */
  void (*relax)(void);            /* PAUSE, and a little more */
  /* What the machine is told of the driver. */
  void (*pages_given)(const void* pages, unsigned count);
  void (*pages_taken)(const void* pages, unsigned count);
  void (*violation)(const char* rule, const char* text);
  void (*crash)(const char* text);
  /* The driver. */
  void (*run_program)(void);
};

/* What a hosted domain is made of, for the runtime. */
struct native_domain {
  const struct native_calls* calls;
  int is_pc;
  uint8_t* memory;           /* where the host has the machine's memory */
  uint64_t memory_base;      /* its first byte's address in the machine */
  uint64_t pool, pool_pages; /* the driver's pages, by address in the machine */
  void* start_info;          /* Xen: struct start_info */
  const char* command_line;  /* PC */
  uint64_t memory_bytes;     /* PC */
};

/* The runtime's side. All its variables lie in one piece of memory, which belongs to one domain at a time. */
void* hosted_state(uint64_t* bytes);
/* The driver's last call; null before its first. */
const char* hosted_place(int* line);
/* Within the domain's fiber: everything from power on to power off. */
void hosted_run(const struct native_domain* domain);
/* Xen's upcall, and an interrupt of a PC by its vector. */
void hosted_upcall(void);
void hosted_interrupt(unsigned vector);

/* Where Xen is told that the program's entries are. */
#define HOSTED_EVENT_ENTRY 0xffffc00000001000ull
#define HOSTED_FAILSAFE_ENTRY 0xffffc00000002000ull
#define HOSTED_TRAP_ENTRY(vector) (0xffffc00000003000ull + (vector)*16)

#ifdef __cplusplus
}
#endif
