// Xen's ABI for guest code: the headers of libxen-dev and the hypercalls that the runtime uses, called
// through the hypercall page that Xen fills in.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
// x86 orders stores; only the compiler must be held back, but for a store before a load (xen_mb).
#define xen_mb() __asm__ volatile("mfence" ::: "memory")
#define xen_rmb() __asm__ volatile("" ::: "memory")
#define xen_wmb() __asm__ volatile("" ::: "memory")

#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/xen.h>

#define GUEST_PAGE_SIZE 4096ul

#ifdef RINGSIDE_HOSTED
// The program runs on the host's processor; the machine's model of it makes the call.
#include "machine/hosted/native_calls.h"
extern const struct native_calls* native;
static inline long hypercall(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  return native->hypercall(number, a, b, c, d, 1);
}
#else
extern char hypercall_page[];

// Arguments go in rdi, rsi, rdx, r10, r8; SYSCALL destroys rcx and r11.
static inline long hypercall(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  long result;
  register uint64_t r10 __asm__("r10") = d;
  void* entry = hypercall_page + number * 32;
  __asm__ volatile("call *%[entry]"
                   : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10)
                   : [entry] "b"(entry)
                   : "rcx", "r11", "r8", "r9", "memory", "cc");
  return result;
}
#endif

static inline long sched_op(unsigned command, void* argument) {
  return hypercall(__HYPERVISOR_sched_op, command, (uint64_t)argument, 0, 0);
}
static inline long event_channel_op(unsigned command, void* argument) {
  return hypercall(__HYPERVISOR_event_channel_op, command, (uint64_t)argument, 0, 0);
}
static inline long grant_table_op(unsigned command, void* argument, unsigned count) {
  return hypercall(__HYPERVISOR_grant_table_op, command, (uint64_t)argument, count, 0);
}
static inline long update_va_mapping(void* address, uint64_t entry, uint64_t flags) {
  return hypercall(__HYPERVISOR_update_va_mapping, (uint64_t)address, entry, flags, 0);
}
