// Trap entries that give up what was being tried, and the ways of an iret that C cannot write.
// Xen leaves on the stack, from the top: rcx, r11, [error code], rip, cs, rflags, rsp, ss.
#define IRET (hypercall_page + 23 * 32)
#define KERNEL_CS 0xe030
#define KERNEL_SS 0xe02b
#define USER_CS 0xe033

    .text
// long probe(void (*step)(uint64_t), uint64_t argument)
    .globl probe
probe:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, recovery(%rip)
    movq %rdi, %rax
    movq %rsi, %rdi
    subq $8, %rsp
    call *%rax
    addq $8, %rsp
    xorl %eax, %eax
leave_probe:
    movq $0, recovery(%rip)
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

// 256 entries of 16 bytes.
    .balign 16
    .globl trap_entries
trap_entries:
    vector = 0
    .rept 256
    .balign 16
    pushq $vector
    jmp trapped
    vector = vector + 1
    .endr

trapped:
    cmpq $0, recovery(%rip)
    je unexpected
    movq (%rsp), %rax
    incq %rax
    movq recovery(%rip), %rsp
    pushq $2                    // no direction flag, no single step, no alignment check
    popfq
    jmp leave_probe

unexpected:
    popq %rdi
    movq %rsp, %rsi
    andq $-16, %rsp
    call unexpected_trap

    .globl failsafe_entry_of_storm
failsafe_entry_of_storm:
    pushq $256
    jmp trapped

// An NMI may come at any time and must end with an iret, or there will be no other.
    .globl nmi_entry
nmi_entry:
    incq nmis(%rip)
    popq %rcx
    popq %r11
    pushq $0
    jmp IRET

// void iret_with(const struct iret_attempt* attempt): cs, ss, rip (0: behind the call), flags
    .globl iret_with
iret_with:
    movq %rsp, %rdx
    pushq 8(%rdi)               // ss
    pushq %rdx                  // rsp
    pushfq
    andq $~0x200, (%rsp)        // events stay masked
    pushq (%rdi)                // cs
    movq 16(%rdi), %rax
    testq %rax, %rax
    jnz 1f
    leaq 2f(%rip), %rax
1:  pushq %rax
    pushq 24(%rdi)              // flags
    jmp IRET
2:  ret

// long user_trip(void)
    .globl user_trip
user_trip:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, trip_stack(%rip)
    pushq $KERNEL_SS
    leaq user_stack_end(%rip), %rax
    pushq %rax
    pushq $2
    pushq $USER_CS
    leaq in_user_mode(%rip), %rax
    pushq %rax
    pushq $0
    jmp IRET
in_user_mode:
    movl $42, %eax
    syscall
    ud2

// The kernel's stack is that of stack_switch. Nothing of the user's is needed again.
    .globl syscall_entry
syscall_entry:
    movq trip_stack(%rip), %rsp
    cld
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .section .bss
    .balign 16
recovery:
    .skip 8
trip_stack:
    .skip 8
    .globl nmis
nmis:
    .skip 8
    .balign 16
    .skip 1024
user_stack_end:
    .skip 2048
    .globl kernel_stack_end
kernel_stack_end:

    .section .note.GNU-stack, "", @progbits
