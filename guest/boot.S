// The first instruction of a paravirtual guest, and the entries through which Xen calls it.
//
// Xen starts us at `start` with rsi = start_info and a small stack (public/xen.h, "start-of-day memory layout").
// It calls event_entry and the trap entries with this on the stack, from the top:
// rcx, r11, [error code], rip, cs, rflags, rsp, ss.
#include <xen/elfnote.h>

#define __HYPERVISOR_iret 23

    .macro note type:req, content:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \content
2:  .balign 4
    .popsection
    .endm

    note XEN_ELFNOTE_GUEST_OS, .asciz "ringside"
    note XEN_ELFNOTE_GUEST_VERSION, .asciz "1"
    note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
    note XEN_ELFNOTE_LOADER, .asciz "generic"
    note XEN_ELFNOTE_VIRT_BASE, .quad guest_base
    note XEN_ELFNOTE_PADDR_OFFSET, .quad 0
    note XEN_ELFNOTE_ENTRY, .quad start
    note XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
    note XEN_ELFNOTE_PAE_MODE, .asciz "yes"
    note XEN_ELFNOTE_FEATURES, .asciz "pae_pgdir_above_4gb"

    .section .text.start, "ax"
    .globl start
start:
    cld
    leaq boot_stack_end(%rip), %rsp
    xorl %ebp, %ebp
    movq %rsi, %rdi
    call runtime_start
    ud2                         // runtime_start never returns

// Xen has masked events; IRET restores the mask from the saved rflags.
    .text
    .globl event_entry
event_entry:
    pushq %rax
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %r8
    pushq %r9
    pushq %r10
    subq $16, %rsp
    call handle_events
    addq $16, %rsp
    popq %r10
    popq %r9
    popq %r8
    popq %rdx
    popq %rsi
    popq %rdi
    popq %rax
    popq %rcx
    popq %r11
    pushq $0                    // flags of HYPERVISOR_iret
    jmp hypercall_page + __HYPERVISOR_iret * 32

// Exceptions and the failsafe callback end the program: each entry gives its vector and the frame to C.
    .macro trap_entry vector:req
    .globl trap_entry_\vector
trap_entry_\vector:
    movl $\vector, %edi
    movq %rsp, %rsi
    andq $-16, %rsp
    call handle_trap
    .endm

    .irp vector, 0, 1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19
    trap_entry \vector
    .endr

    .globl failsafe_entry
failsafe_entry:
    movl $256, %edi
    movq %rsp, %rsi
    andq $-16, %rsp
    call handle_trap

    .section .text.hypercall_page, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip 4096

    .section .bss
    .balign 16
    .skip 16384
boot_stack_end:

    .section .note.GNU-stack, "", @progbits
