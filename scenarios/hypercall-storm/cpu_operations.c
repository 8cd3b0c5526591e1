// What belongs to the processor: trap table, callbacks, segments, stacks, debug registers, iret, multicall.
#include "storm.h"

enum { kVectors = 256, kEntryBytes = 16 };
extern char trap_entries[], nmi_entry[], failsafe_entry_of_storm[], syscall_entry[];

// --- set_trap_table ---

static struct trap_info traps[kVectors + 1];

// Entries may be raised by INT n or not; all mask events, because nothing here expects any.
static void fill_traps(void) {
  for (unsigned vector = 0; vector < kVectors; ++vector) {
    const uint64_t entry = vector == 2 ? (uint64_t)nmi_entry : (uint64_t)trap_entries + vector * kEntryBytes;
    traps[vector] =
        (struct trap_info){(uint8_t)vector, (uint8_t)(4 | random_below(4)), FLAT_KERNEL_CS, entry};
  }
}

static long load_traps(void) { return call(__HYPERVISOR_set_trap_table, (uint64_t)traps, 0, 0, 0); }

static long set_trap_table(unsigned unused, int hostile) {
  (void)unused;
  fill_traps();
  if (!hostile) {
    // No table at all takes all handlers away, for as long as nothing traps.
    if (one_in(8)) {
      const long result = call(__HYPERVISOR_set_trap_table, 0, 0, 0, 0);
      return load_traps() == 0 ? result : -1;
    }
    if (one_in(2)) return load_traps();
    struct trap_info some[40];
    memcpy(some, traps, sizeof some);
    memset(&some[39], 0, sizeof some[39]);
    return call(__HYPERVISOR_set_trap_table, place(some, sizeof some), 0, 0, 0);
  }
  // Only what is right may be read before what is wrong.
  long result;
  if (one_in(3)) {
    struct trap_info few[4];
    memcpy(few, traps, sizeof few);
    few[3].address = 1ul << 47 | random_below(1ul << 47);
    result = call(__HYPERVISOR_set_trap_table, place(few, sizeof few), 0, 0, 0);
  } else {
    uint64_t at = unreadable_address();
    while (at == 0) at = unreadable_address();
    result = call(__HYPERVISOR_set_trap_table, at, 0, 0, 0);
  }
  load_traps();
  return result;
}

// --- callbacks ---

static long load_callbacks(void) {
  return call(__HYPERVISOR_set_callbacks, (uint64_t)event_entry, (uint64_t)failsafe_entry_of_storm,
              (uint64_t)syscall_entry, 0);
}

static long set_callbacks(unsigned unused, int hostile) {
  (void)unused;
  if (!hostile) return load_callbacks();
  // Events are masked: wrong addresses hurt nobody until they are right again.
  const long result = call(__HYPERVISOR_set_callbacks, wild_address(), wild_address(), wild_address(), 0);
  load_callbacks();
  return result;
}

static long callback_op(unsigned command, int hostile) {
  static const uint16_t types[] = {CALLBACKTYPE_event, CALLBACKTYPE_failsafe, CALLBACKTYPE_syscall,
                                   CALLBACKTYPE_nmi};
  struct callback_register op = {.type = types[random_below(4)], .flags = (uint16_t)random_below(2)};
  op.address = op.type == CALLBACKTYPE_event      ? (uint64_t)event_entry
               : op.type == CALLBACKTYPE_failsafe ? (uint64_t)failsafe_entry_of_storm
               : op.type == CALLBACKTYPE_syscall  ? (uint64_t)syscall_entry
                                                  : (uint64_t)nmi_entry;
  long result;
  if (command == CALLBACKOP_unregister) {
    struct callback_unregister away = {.type = hostile ? types[random_below(3)] : CALLBACKTYPE_nmi};
    if (hostile && one_in(2)) away.type = 8 + (uint16_t)random_below(60000);
    result = call(__HYPERVISOR_callback_op, command, place_for(&away, sizeof away, hostile), 0, 0);
    load_traps();
    return result;
  }
  if (!hostile) return call(__HYPERVISOR_callback_op, command, place(&op, sizeof op), 0, 0);
  if (one_in(3)) {
    place(&op, sizeof op);
    return call(__HYPERVISOR_callback_op, command, unreadable_address(), 0, 0);
  }
  if (one_in(2))
    op.type = 8 + (uint16_t)random_below(60000);
  else
    op.address = 1ul << 47 | random_below(1ul << 47);
  return call(__HYPERVISOR_callback_op, command, place(&op, sizeof op), 0, 0);
}

static long callback_unknown(unsigned unused, int hostile) {
  (void)unused;
  (void)hostile;
  return call(__HYPERVISOR_callback_op, 2 + random_below(1u << 30), random_word(), 0, 0);
}

static long nmi_op(unsigned command, int hostile) {
  struct xennmi_callback op = {.handler_address = (unsigned long)nmi_entry};
  if (command == XENNMI_unregister_callback) {
    const long result = call(__HYPERVISOR_nmi_op, hostile ? 2 + random_below(1u << 30) : command, 0, 0, 0);
    load_traps();
    return result;
  }
  if (hostile && one_in(2)) op.handler_address = 1ul << 47 | random_below(1ul << 47);
  const uint64_t at = place(&op, sizeof op);
  return call(__HYPERVISOR_nmi_op, command,
              hostile && op.handler_address == (unsigned long)nmi_entry ? unreadable_address() : at, 0, 0);
}

// --- segments ---

static uint64_t good_descriptor(void) {
  static const uint64_t descriptors[] = {0, 0x00affb000000ffff, 0x00cff3000000ffff, 0x00cffb000000ffff};
  return descriptors[random_below(4)];
}

static uint64_t bad_descriptor(void) {
  // System segments, present: LDT, TSS, interrupt and trap gates.
  static const uint64_t types[] = {2, 9, 11, 14, 15};
  return (random_word() & ~(0x1full << 40)) | 1ull << 47 | types[random_below(5)] << 40;
}

static struct frame* descriptor_frame(int good) {
  struct frame* frame = unmapped_frame();
  if (!frame) return 0;
  set_slot(0, frame->mfn << 12 | kPteP | kPteW | kPteA | kPteD);
  if (PTE_FRAME(slot_entry(0)) != frame->mfn || !(slot_entry(0) & kPteW)) return 0;
  uint64_t* descriptors = (uint64_t*)window[0];
  for (unsigned i = 0; i < 512; ++i) descriptors[i] = i % 16 ? 0 : good_descriptor();
  if (!good) descriptors[random_below(512)] = bad_descriptor();
  set_slot(0, 0);
  return frame;
}

static long set_gdt(unsigned unused, int hostile) {
  (void)unused;
  uint64_t list[14];
  const unsigned count = (unsigned)random_below(3);
  for (unsigned i = 0; i < count; ++i) {
    const struct frame* frame = descriptor_frame(!hostile);
    list[i] = frame ? frame->mfn : 0;
    if (hostile && one_in(2)) list[i] = wild_frame();
  }
  uint64_t entries = count * 512;
  if (hostile && one_in(3)) entries = 7169 + random_below(1u << 30);
  const uint64_t at = place(list, sizeof list);
  return call(__HYPERVISOR_set_gdt, hostile && one_in(3) ? unreadable_address() : at, entries, 0, 0);
}

static long update_descriptor(unsigned unused, int hostile) {
  (void)unused;
  const struct frame* frame = frame_in_use(kIdle);
  uint64_t address = (frame ? frame->mfn : 0) << 12 | random_below(512) << 3;
  uint64_t descriptor = good_descriptor();
  if (hostile) {
    switch (random_below(4)) {
      case 0: address = wild_frame() << 12; break;
      case 1: address += 1 + random_below(7); break;
      case 2: descriptor = random_word(); break;
      default: descriptor = bad_descriptor(); break;
    }
  }
  return call(__HYPERVISOR_update_descriptor, address, descriptor, 0, 0);
}

// This program uses neither FS nor GS.
static long set_segment_base(unsigned which, int hostile) {
  const uint64_t base = hostile ? 1ul << 47 | random_below(1ul << 47) : random_below(1ul << 47);
  if (which == SEGBASE_GS_USER_SEL)
    return call(__HYPERVISOR_set_segment_base, which, random_below(1u << 20), 0, 0);
  if (which > SEGBASE_GS_USER_SEL) which += (unsigned)random_below(1u << 30);
  return call(__HYPERVISOR_set_segment_base, which, base, 0, 0);
}

extern char kernel_stack_end[];

static long stack_switch(unsigned unused, int hostile) {
  (void)unused;
  if (hostile) call(__HYPERVISOR_stack_switch, random_word(), wild_address(), 0, 0);
  return call(__HYPERVISOR_stack_switch, FLAT_KERNEL_DS, (uint64_t)kernel_stack_end, 0, 0);
}

static long fpu_taskswitch(unsigned unused, int hostile) {
  (void)unused;
  return call(__HYPERVISOR_fpu_taskswitch, hostile ? random_word() : random_below(2), 0, 0, 0);
}

static long set_debugreg(unsigned unused, int hostile) {
  (void)unused;
  const unsigned which = (unsigned)random_below(4);
  const uint64_t value = random_below(1ul << 47);
  if (!hostile)
    return one_in(4) ? call(__HYPERVISOR_set_debugreg, one_in(2) ? 6 : 7, 0x400, 0, 0)
                     : call(__HYPERVISOR_set_debugreg, which, value, 0, 0);
  if (one_in(2)) return call(__HYPERVISOR_set_debugreg, 8 + random_below(1u << 30), value, 0, 0);
  return one_in(2)
             ? call(__HYPERVISOR_set_debugreg, which, HYPERVISOR_VIRT_START + random_below(1ul << 43), 0, 0)
             : call(__HYPERVISOR_set_debugreg, 7, random_word() | 1ul << (32 + random_below(32)), 0, 0);
}

// Values are addresses below 2^47 or control bits: no success looks like a failure.
static long get_debugreg(unsigned unused, int hostile) {
  (void)unused;
  return call(__HYPERVISOR_get_debugreg, hostile ? 8 + random_below(1u << 30) : random_below(8), 0, 0, 0);
}

// --- iret ---

struct iret_attempt {
  uint64_t cs, ss, rip, flags;
};
void iret_with(uint64_t attempt);  // entries.S; returns when the frame is a good one

static long iret(unsigned unused, int hostile) {
  (void)unused;
  struct iret_attempt attempt = {FLAT_KERNEL_CS & ~3ul, FLAT_KERNEL_SS, 0, one_in(2) ? VGCF_in_syscall : 0};
  if (hostile) {
    // Selectors that nothing stands behind, and addresses that are none: Xen calls the failsafe handler.
    switch (random_below(3)) {
      case 0: attempt.cs = 0xf000 + random_below(64) * 8; break;
      case 1: attempt.ss = 0xf000 + random_below(64) * 8; break;
      default: attempt.rip = 1ul << 47 | random_below(1ul << 47); break;
    }
    if (attempt.cs == (FLAT_KERNEL_CS & ~3ul) && (attempt.ss & ~3ul) == (FLAT_KERNEL_SS & ~3ul) &&
        attempt.rip == 0) {
      attempt.cs = 0xf000;
    }
  }
  ++hypercalls;
  return -probe((void (*)(uint64_t))iret_with, (uint64_t)&attempt);
}

// To the guest's user mode and, by its SYSCALL, back. The second root serves as the user's.
static long iret_to_user(unsigned unused, int hostile) {
  (void)unused;
  (void)hostile;
  struct mmuext_op root = {.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = roots[1]};
  if (call(__HYPERVISOR_mmuext_op, (uint64_t)&root, 1, 0, DOMID_SELF) != 0) return -1;
  ++hypercalls;
  const long result = user_trip();
  root.arg1.mfn = 0;
  call(__HYPERVISOR_mmuext_op, (uint64_t)&root, 1, 0, DOMID_SELF);
  return result == 42 ? 0 : -1;
}

// --- multicall ---

static long multicall(unsigned unused, int hostile) {
  (void)unused;
  struct multicall_entry entries[16];
  memset(entries, 0, sizeof entries);
  const unsigned count = (unsigned)random_below(17);
  for (unsigned i = 0; i < 16; ++i) {
    struct multicall_entry* entry = &entries[i];
    switch (random_below(6)) {
      case 0:
        entry->op = __HYPERVISOR_xen_version;
        entry->args[0] = random_below(12);
        entry->args[1] = wild_address();
        break;
      case 1:
        entry->op = __HYPERVISOR_update_va_mapping;
        entry->args[0] = (uint64_t)window[random_slot()];
        entry->args[1] = entry_for(hostile);
        entry->args[2] = UVMF_INVLPG;
        break;
      case 2: entry->op = __HYPERVISOR_fpu_taskswitch; break;
      case 3: entry->op = 64 + random_word() % 100000; break;
      case 4:
        entry->op = __HYPERVISOR_multicall;
        entry->args[0] = (uint64_t)entries;
        entry->args[1] = 1;
        break;
      default:
        entry->op = __HYPERVISOR_get_debugreg;
        entry->args[0] = random_word();
        break;
    }
  }
  const size_t size = sizeof entries;
  if (!hostile) return call(__HYPERVISOR_multicall, place(entries, size), count, 0, 0);
  if (one_in(2)) {
    place(entries, size);
    return call(__HYPERVISOR_multicall, unreadable_address(), 1 + random_below(1000), 0, 0);
  }
  return call(__HYPERVISOR_multicall, place_at_end(entries, size), 1000 + random_below(1u << 20), 0, 0);
}

void cpu_heal(void) {
  fill_traps();
  if (load_traps() != 0 || load_callbacks() != 0) give_up_all("no handlers");
  stack_switch(0, 0);
}

struct operation cpu_operations[] = {
    {"set_trap_table", set_trap_table, 0, kBoth, 0, 0, 0},
    {"set_callbacks", set_callbacks, 0, kCannotFail, 0, 0, 0},
    {"callback_op register", callback_op, CALLBACKOP_register, kBoth, 0, 0, 0},
    {"callback_op unregister", callback_op, CALLBACKOP_unregister, kBoth, 0, 0, 0},
    {"callback_op unknown", callback_unknown, 0, kRefused, 0, 0, 0},
    {"nmi_op register", nmi_op, XENNMI_register_callback, kBoth, 0, 0, 0},
    {"nmi_op unregister", nmi_op, XENNMI_unregister_callback, kBoth, 0, 0, 0},
    {"set_gdt", set_gdt, 0, kBoth, 0, 0, 0},
    {"update_descriptor", update_descriptor, 0, kBoth, 0, 0, 0},
    {"set_segment_base FS", set_segment_base, SEGBASE_FS, kBoth, 0, 0, 0},
    {"set_segment_base GS_USER", set_segment_base, SEGBASE_GS_USER, kBoth, 0, 0, 0},
    {"set_segment_base GS_KERNEL", set_segment_base, SEGBASE_GS_KERNEL, kBoth, 0, 0, 0},
    {"set_segment_base GS_USER_SEL", set_segment_base, SEGBASE_GS_USER_SEL, kCannotFail, 0, 0, 0},
    {"set_segment_base unknown", set_segment_base, SEGBASE_GS_USER_SEL + 1, kRefused, 0, 0, 0},
    {"stack_switch", stack_switch, 0, kCannotFail, 0, 0, 0},
    {"fpu_taskswitch", fpu_taskswitch, 0, kCannotFail, 0, 0, 0},
    {"set_debugreg", set_debugreg, 0, kBoth, 0, 0, 0},
    {"get_debugreg", get_debugreg, 0, kBoth, 0, 0, 0},
    {"iret", iret, 0, kBoth, 0, 0, 0},
    {"iret to user mode", iret_to_user, 0, kCannotFail, 4, 0, 0},
    {"multicall", multicall, 0, kBoth, 0, 0, 0},
    {0, 0, 0, kBoth, 0, 0, 0},
};
