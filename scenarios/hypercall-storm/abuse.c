// What a guest can try without a hypercall: instructions that are not its own, memory that is not its own,
// jumps to nowhere, and rings whose indices jump. Each step runs under probe(), so that an exception only
// ends the step.
#include "storm.h"

static volatile uint64_t sink;

// --- Memory ---

static void read_machine_to_phys(uint64_t random) {
  const volatile uint64_t* table = (const volatile uint64_t*)MACH2PHYS_VIRT_START;
  sink = table[random % 4 ? pool[random % kPoolFrames].mfn : random >> 20];
}
static void write_machine_to_phys(uint64_t random) {
  ((volatile uint64_t*)MACH2PHYS_VIRT_START)[pool[random % kPoolFrames].mfn] = random;
}
static void read_anywhere(uint64_t random) {
  (void)random;
  sink = *(volatile uint8_t*)wild_address();
}
static void write_anywhere(uint64_t random) { *(volatile uint8_t*)wild_address() = (uint8_t)random; }
static void write_own_tables(uint64_t random) {
  // A page table of the boot's, above the L1s: no emulation knows those.
  *(volatile uint64_t*)start_info->pt_base = random;
}
static void store_entry(uint64_t random) {
  // The window's own entry, in the L1 that is live: Xen may carry out the store, or not.
  *slot_entry_in_table(random_slot()) = entry_for((int)(random & 1));
}
static void store_half_entry(uint64_t random) {
  volatile uint32_t* half = (volatile uint32_t*)slot_entry_in_table(random_slot());
  half[1] = (uint32_t)(random & 0x80000000);
}
static void exchange_entry(uint64_t random) {
  uint64_t value = entry_for((int)(random & 1));
  __asm__ volatile("xchgq %0, %1" : "+r"(value), "+m"(*slot_entry_in_table(random_slot())));
}
static void compare_entry(uint64_t random) {
  volatile uint64_t* entry = slot_entry_in_table(random_slot());
  uint64_t expected = random & 1 ? *entry : random;
  __asm__ volatile("lock cmpxchgq %2, %1" : "+a"(expected), "+m"(*entry) : "r"(entry_for(0)) : "cc");
}
static void clear_present(uint64_t random) {
  (void)random;
  __asm__ volatile("lock btrq $0, %0" : "+m"(*slot_entry_in_table(random_slot())) : : "cc");
}
static void string_across(uint64_t random) {
  void* to = window[random_slot()];
  const void* from = one_in(2) ? (const void*)wild_address() : (const void*)start_info;
  uint64_t count = random % 9000;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

// --- Control ---

static void jump_anywhere(uint64_t random) {
  (void)random;
  uint64_t to = wild_address();
  // Not into the window: what lies there could be an endless loop.
  while (to - (uint64_t)window < sizeof window) to = wild_address();
  __asm__ volatile("jmp *%0" : : "r"(to));
}
static void jump_to_rubbish(uint64_t random) {
  // One byte that is no instruction, in a page of the window that may be there, and executable, or not.
  volatile uint8_t* at = (volatile uint8_t*)window[random_slot()] + random % 4000;
  at[0] = 0x06;
  ((void (*)(void))at)();
}
static void software_interrupt(uint64_t random) {
  static const uint8_t vectors[] = {0, 1, 2, 3, 4, 8, 13, 14, 0x20, 0x80, 0x82, 0xff};
  switch (vectors[random % sizeof vectors]) {
    case 0: __asm__ volatile("int $0"); break;
    case 1: __asm__ volatile("int $1"); break;
    case 2: __asm__ volatile("int $13"); break;
    case 3: __asm__ volatile("int3"); break;
    case 4: __asm__ volatile("int $4"); break;
    case 8: __asm__ volatile("int $8"); break;
    case 13: __asm__ volatile("int $13"); break;
    case 14: __asm__ volatile("int $14"); break;
    case 0x20: __asm__ volatile("int $0x20"); break;
    case 0x80: __asm__ volatile("int $0x80"); break;
    case 0x82: __asm__ volatile("int $0x82"); break;
    default: __asm__ volatile("int $0xff"); break;
  }
}
static void divide(uint64_t random) {
  uint64_t low = random, high = random >> 60;
  __asm__ volatile("divq %2" : "+a"(low), "+d"(high) : "r"(0ul) : "cc");
}
static void invalid_opcode(uint64_t random) {
  if (random & 1)
    __asm__ volatile("ud2");
  else
    __asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2" : : "a"(random), "c"(0) : "rbx", "rdx");
}
static void single_step(uint64_t random) {
  (void)random;
  __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" : : : "memory", "cc");
}
static void bad_segment(uint64_t random) {
  const uint16_t selector = (uint16_t)((random | 0xf000) & ~4ul);
  if (random >> 32 & 1)
    __asm__ volatile("movw %0, %%ds" : : "r"(selector));
  else
    __asm__ volatile("movw %0, %%fs" : : "r"(selector));
}

// --- Instructions of the kernel that a paravirtual kernel does not have ---

static void privileged(uint64_t random) {
  uint64_t value = random;
  switch (random % 24) {
    case 0: __asm__ volatile("cli"); break;
    case 1: __asm__ volatile("sti"); break;
    case 2: __asm__ volatile("movq %%cr0, %0" : "=r"(value)); break;
    case 3: __asm__ volatile("movq %0, %%cr0" : : "r"(value)); break;
    case 4: __asm__ volatile("movq %%cr2, %0" : "=r"(value)); break;
    case 5: __asm__ volatile("movq %%cr3, %0" : "=r"(value)); break;
    case 6: __asm__ volatile("movq %%cr4, %0" : "=r"(value)); break;
    case 7: __asm__ volatile("movq %0, %%cr4" : : "r"(value)); break;
    case 8: __asm__ volatile("movq %%dr6, %0" : "=r"(value)); break;
    case 9: __asm__ volatile("rdmsr" : : "c"((uint32_t)(random >> 32 & 0xc0000fff)) : "rax", "rdx"); break;
    case 10: __asm__ volatile("wrmsr" : : "c"((uint32_t)(random >> 32 & 0xc00000ff)), "a"(0), "d"(0)); break;
    case 11: __asm__ volatile("inb %%dx, %%al" : : "d"((uint16_t)(random >> 32)) : "rax"); break;
    case 12: __asm__ volatile("outl %%eax, %%dx" : : "d"((uint16_t)(random >> 32)), "a"(0)); break;
    case 13: __asm__ volatile("invlpg (%0)" : : "r"(window[0]) : "memory"); break;
    case 14: __asm__ volatile("wbinvd"); break;
    case 15: __asm__ volatile("swapgs"); break;
    case 16: __asm__ volatile("hlt"); break;
    case 17: __asm__ volatile("clts"); break;
    case 18: __asm__ volatile("lgdt (%0)" : : "r"(window[0])); break;
    case 19: __asm__ volatile("ltr %%ax" : : "a"(8)); break;
    case 20: __asm__ volatile("rdtsc" : : : "rax", "rdx"); break;
    case 21:
      __asm__ volatile("cpuid" : : "a"((uint32_t)(random >> 32) & 0xc000001f), "c"(0) : "rbx", "rdx");
      break;
    case 22: __asm__ volatile("vmmcall" : : "a"(random)); break;
    default: __asm__ volatile("sysretq" : : "c"(wild_address()), "r"(random)); break;
  }
  sink = value;
}

// --- Rings ---

static volatile struct xencons_interface* console;
static volatile struct xenstore_domain_interface* store;
static int rings_allowed;

static void tell(evtchn_port_t port) {
  struct evtchn_send send = {.port = port};
  call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&send, 0, 0);
}

static void console_indices(uint64_t random) {
  if (random & 1) console->out_prod = (uint32_t)(random >> 16);
  if (random & 2) console->out_cons = (uint32_t)(random >> 24);
  if (random & 4) console->in_prod = (uint32_t)(random >> 20);
  if (random & 8) console->in_cons = (uint32_t)(random >> 28);
  if (random & 16) console->out_prod = console->out_cons + (uint32_t)random_below(3);
  tell(start_info->console.domU.evtchn);
}

// What reads as a request or nearly so; XenStore's ring still works afterwards.
static void store_request(uint64_t random) {
  static const char* const paths[] = {"data", "/local/domain/1/data/a", "device/vbd",   "/",
                                      "",     "control/shutdown",       "data/b/c/d",   "/local/domain/0",
                                      "//",   "@releaseDomain",         "memory/target"};
  char body[96];
  unsigned length = 0;
  const char* path = paths[random % (sizeof paths / sizeof paths[0])];
  while (path[length]) {
    body[length] = path[length];
    ++length;
  }
  if (!one_in(8)) body[length++] = 0;
  for (unsigned more = (unsigned)random_below(12); more != 0; --more) body[length++] = (char)random_word();
  const struct xsd_sockmsg header = {(uint32_t)random_below(26), (uint32_t)random,
                                     one_in(3) ? (uint32_t)random_below(20) : 0, length};
  // Replies are thrown away.
  store->rsp_cons = store->rsp_prod;
  uint32_t producer = store->req_prod;
  if (XENSTORE_RING_SIZE - (producer - store->req_cons) >= sizeof header + length) {
    for (unsigned i = 0; i < sizeof header + length; ++i) {
      store->req[MASK_XENSTORE_IDX(producer++)] =
          i < sizeof header ? ((const char*)&header)[i] : body[i - sizeof header];
    }
    xen_wmb();
    store->req_prod = producer;
  }
  tell(start_info->store_evtchn);
}

static void store_indices(uint64_t random) {
  if (!rings_allowed) return store_request(random);
  if (random & 1) store->req_prod = (uint32_t)(random >> 16);
  if (random & 2) store->req_cons = (uint32_t)(random >> 24);
  if (random & 4) store->rsp_prod = (uint32_t)(random >> 20);
  if (random & 8) store->rsp_cons = (uint32_t)(random >> 28);
  if (random & 16) {
    for (unsigned i = 0; i < 64; ++i) store->req[i] = (char)random_word();
    store->req_prod = store->req_cons + 64;
  }
  store->error = (uint32_t)(random >> 40);
  tell(start_info->store_evtchn);
}

static void shared_bits(uint64_t random) {
  shared_info_t* shared = (shared_info_t*)shared_info_page;
  const unsigned word = (unsigned)(random >> 8 & 63);
  switch (random & 3) {
    case 0: shared->evtchn_pending[word] ^= random_word(); break;
    case 1: shared->evtchn_mask[word] ^= random_word(); break;
    case 2: shared->vcpu_info[0].evtchn_pending_sel ^= random_word(); break;
    default: shared->arch.max_pfn = random_word(); break;
  }
}

struct abuse abuses[] = {
    {"reads of the M2P", read_machine_to_phys, 0, 0},
    {"writes to the M2P", write_machine_to_phys, 0, 0},
    {"wild reads", read_anywhere, 0, 0},
    {"wild writes", write_anywhere, 0, 0},
    {"writes to an L4", write_own_tables, 0, 0},
    {"stores to an L1", store_entry, 0, 0},
    {"stores of half an entry", store_half_entry, 0, 0},
    {"XCHG with an entry", exchange_entry, 0, 0},
    {"CMPXCHG with an entry", compare_entry, 0, 0},
    {"BTR of an entry", clear_present, 0, 0},
    {"REP MOVSB across pages", string_across, 0, 0},
    {"wild jumps", jump_anywhere, 0, 0},
    {"jumps to rubbish", jump_to_rubbish, 0, 0},
    {"INT n", software_interrupt, 0, 0},
    {"divisions by zero", divide, 0, 0},
    {"invalid opcodes", invalid_opcode, 0, 0},
    {"single steps", single_step, 0, 0},
    {"bad selectors", bad_segment, 0, 0},
    {"privileged instructions", privileged, 0, 0},
    {"console ring indices", console_indices, 0, 0},
    {"XenStore requests", store_request, 0, 0},
    {"XenStore ring indices", store_indices, 0, 0},
    {"bits of shared_info", shared_bits, 0, 0},
    {0, 0, 0, 0},
};

void abuse_start(void) {
  console = address_of_frame(start_info->console.domU.mfn);
  store = address_of_frame(start_info->store_mfn);
}

void abuse_once(int rings_too) {
  rings_allowed = rings_too;
  struct abuse* abuse = &abuses[random_below(sizeof abuses / sizeof abuses[0] - 1)];
  if (probe(abuse->step, random_word()) == 0)
    ++abuse->quiet;
  else
    ++abuse->faults;
}

// The console must be able to tell how it went.
void abuse_heal(void) {
  shared_info_t* shared = (shared_info_t*)shared_info_page;
  console->out_prod = console->out_cons;
  console->in_cons = console->in_prod;
  for (unsigned word = 0; word < 64; ++word) shared->evtchn_mask[word] = ~0ul;
  for (unsigned word = 0; word < 64; ++word) shared->evtchn_pending[word] = 0;
  shared->vcpu_info[0].evtchn_pending_sel = 0;
}
