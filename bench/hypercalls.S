// A 64-bit PV guest for bench/hypercall_bench.cpp: __HYPERVISOR_xen_version (XENVER_version) a million times,
// then SCHEDOP_shutdown (poweroff). Hypercalls are plain SYSCALLs, as the hypercall page would make them.
#define __ASSEMBLY__
#include <xen/xen.h>
#include <xen/elfnote.h>

// From xen/sched.h, which an assembler cannot read.
#define SCHEDOP_shutdown 2
#define SHUTDOWN_poweroff 0

  .text
  .globl _start
_start:
  cld
  mov $1000000, %ebx
again:
  mov $__HYPERVISOR_xen_version, %eax
  xor %edi, %edi
  xor %esi, %esi
  syscall
  dec %ebx
  jnz again
  mov $__HYPERVISOR_sched_op, %eax
  mov $SCHEDOP_shutdown, %edi
  lea reason(%rip), %rsi
  syscall
forever:
  jmp forever

  .data
reason:
  .long SHUTDOWN_poweroff
  .balign 4096
stack_and_hypercall_page:
  .skip 4096

#define NOTE(type, value)        \
  .pushsection .note.Xen, "a", @note; \
  .balign 4;                     \
  .long 4, 2f - 1f, type;        \
  .asciz "Xen";                  \
1: value;                        \
2: .balign 4;                    \
  .popsection

  NOTE(XEN_ELFNOTE_GUEST_OS, .asciz "ringside-bench")
  NOTE(XEN_ELFNOTE_GUEST_VERSION, .asciz "1")
  NOTE(XEN_ELFNOTE_LOADER, .asciz "generic")
  NOTE(XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0")
  NOTE(XEN_ELFNOTE_VIRT_BASE, .quad 0)
  NOTE(XEN_ELFNOTE_PADDR_OFFSET, .quad 0)
  NOTE(XEN_ELFNOTE_ENTRY, .quad _start)
  NOTE(XEN_ELFNOTE_HYPERCALL_PAGE, .quad stack_and_hypercall_page)
  NOTE(XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb")
