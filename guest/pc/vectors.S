// The 256 entries of the interrupt descriptor table. Each leaves the same frame (struct frame in
// interrupts.h): the processor pushes ss, rsp, rflags, cs, rip and, for some exceptions, an error code (Intel
// SDM volume 3, table 6-1); the others get a zero in its place.
    .text
    .globl vector_entries
    .balign 16
vector_entries:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    pushq $0
    .endif
    pushq $vector
    jmp common_entry
    .set vector, vector + 1
    .endr

common_entry:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    movq %rsp, %rbp             // the stack must be aligned to 16 bytes at a call
    andq $-16, %rsp
    call handle_vector
    movq %rbp, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp              // vector and error code
    iretq

    .section .note.GNU-stack, "", @progbits
