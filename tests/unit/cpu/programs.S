// Guest programs of the tests in this folder. They run at kCode (0x400000) with rdi = kData (0x500000),
// rsi = kData + 0x2000, and are copied there, so they use relative addresses only.
.intel_syntax noprefix

.macro PROGRAM name
    .globl \name
    \name:
.endm
.macro END name
    .globl \name\()_end
    \name\()_end:
    .balign 16
.endm

.section .rodata

// 3 + 100 * 2 + 1 instructions, then a hypercall.
PROGRAM count_loop
    xor eax, eax
    mov ecx, 100
    nop
1:  inc eax
    loop 1b
    syscall
END count_loop

.section .note.GNU-stack, "", @progbits
