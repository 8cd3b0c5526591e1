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

PROGRAM divide_by_zero
    nop
    nop
    xor ecx, ecx
    div ecx
END divide_by_zero

PROGRAM privileged_hlt
    nop
    hlt
END privileged_hlt

PROGRAM privileged_cli
    nop
    cli
END privileged_cli

PROGRAM privileged_cr
    nop
    mov rax, cr3
END privileged_cr

PROGRAM privileged_msr
    nop
    rdmsr
END privileged_msr

PROGRAM privileged_in
    mov eax, 0x12345678
    in al, 0x60
END privileged_in

PROGRAM privileged_out
    nop
    out dx, eax
END privileged_out

PROGRAM privileged_swapgs
    nop
    swapgs
END privileged_swapgs

PROGRAM privileged_invlpg
    nop
    invlpg [rdi]
END privileged_invlpg

PROGRAM privileged_vmrun
    nop
    vmrun
END privileged_vmrun

PROGRAM undefined
    nop
    ud2
END undefined

PROGRAM software_int
    nop
    int 0x80
    nop
END software_int

PROGRAM software_int3
    nop
    int3
    nop
END software_int3

PROGRAM software_icebp
    nop
    .byte 0xf1
    nop
END software_icebp

PROGRAM random_numbers
    rdrand eax
END random_numbers
PROGRAM random_seed
    rdseed eax
END random_seed
PROGRAM read_pid
    rdpid rax
END read_pid
PROGRAM read_fsbase
    rdfsbase rax
END read_fsbase
PROGRAM read_counter
    rdpmc
END read_counter
PROGRAM read_xcr
    xgetbv
END read_xcr
PROGRAM vector_avx
    vaddps ymm0, ymm0, ymm1
END vector_avx
PROGRAM old_sysenter
    nop
    sysenter
END old_sysenter
PROGRAM vm_call
    vmmcall
END vm_call

PROGRAM load_bad_segment
    mov eax, 0x1234
    mov ds, eax
END load_bad_segment
PROGRAM load_good_segment
    mov eax, 0xe02b
    mov ds, eax
    mov es, eax
    mov fs, eax
    xor eax, eax
    mov gs, eax
    mov ss, [rip + 1f]
    syscall
1:  .word 0xe02b
END load_good_segment

PROGRAM iret_here
    mov rdx, rsp
    push 0xe02b
    push rdx
    pushfq
    push 0xe033
    lea rax, [rip + 1f]
    push rax
    iretq
    ud2
1:  syscall
END iret_here

PROGRAM iret_kernel
    push 0xe02b
    push rsp
    pushfq
    push 0xe030
    push 0x1000
    iretq
END iret_kernel

PROGRAM fpu_use
    fninit
    fldpi
    fld1
    faddp
    movdqu xmm7, [rdi]
    paddq xmm7, xmm7
    movdqa xmm15, xmm7
    syscall
    fstp qword ptr [rdi + 16]
    movdqu [rdi + 32], xmm15
    syscall
END fpu_use

PROGRAM single_step
    pushfq
    or qword ptr [rsp], 0x100
    popfq
    nop
    nop
END single_step

PROGRAM pauses
    mov ecx, 10
1:  pause
    loop 1b
    syscall
END pauses

PROGRAM jump_noncanonical
    mov rax, 0x800000000000
    jmp rax
END jump_noncanonical
PROGRAM read_noncanonical
    mov rax, 0x800000000000
    mov rbx, [rax]
END read_noncanonical
PROGRAM read_across_hole
    mov rax, 0x7ffffffffffc
    mov rbx, [rax]
END read_across_hole
PROGRAM push_noncanonical
    mov rsp, 0x800000001000
    push rax
END push_noncanonical
PROGRAM jump_unmapped
    mov eax, 0x12345678
    jmp rax
END jump_unmapped

// Time: each RDTSC stands between a known number of instructions.
PROGRAM read_time
    nop
    rdtsc
    mov ebx, eax
    nop
    nop
    rdtsc
    mov esi, eax
    rdtscp
    mov edi, eax
    syscall
END read_time

PROGRAM identify
    mov eax, 5
    mov ecx, 7
    cpuid
    syscall
END identify

// 300 bytes from rsi to rdi.
PROGRAM copy_bytes
    mov ecx, 300
    rep movsb
    syscall
END copy_bytes

PROGRAM copy_nothing
    xor ecx, ecx
    rep movsb
    syscall
END copy_nothing

// A little of everything, for many rounds: a mix of arithmetic, memory on sixteen pages, calls, strings.
PROGRAM mixture
    mov r12, rdi
    mov r8d, 3000
    mov rax, 0x123456789
1:  imul rax, rax, 0x5851f42d
    add rax, 0x14057b7
    mov rbx, rax
    shr rbx, 20
    and ebx, 0xffff
    add qword ptr [r12 + rbx], rax
    mov rdx, [r12 + rbx]
    xor rax, rdx
    call 2f
    test al, 0x70
    jnz 3f
    lea rdi, [r12 + 0x3000]
    lea rsi, [r12 + 0x1000]
    mov ecx, 20
    rep movsb
3:  dec r8d
    jnz 1b
    syscall
2:  push rax
    rdtsc
    add rbx, rax
    pop rax
    cvtsi2sd xmm0, rax
    addsd xmm1, xmm0
    ret
END mixture

// Stores an immediate into the instruction that follows, in its own block.
PROGRAM modify_own_block
    mov ecx, 3
    xor eax, eax
1:  mov byte ptr [rip + 2f + 1], cl
    inc edx
2:  mov ebx, 0x55
    add eax, ebx
    dec ecx
    jnz 1b
    syscall
END modify_own_block

// Patches and calls a routine on the next page, many times (more than the flips that are allowed).
PROGRAM modify_other_page
    mov ecx, 40
    xor eax, eax
    lea r9, [rip + modify_other_page + 0x1000]
1:  mov byte ptr [r9 + 1], cl
    call r9
    add eax, ebx
    dec ecx
    jnz 1b
    syscall
END modify_other_page
PROGRAM small_routine
    mov ebx, 0x55
    ret
END small_routine

// The same through another mapping of the page, at kData + 0x8000 (rdi + 0x8000).
PROGRAM modify_by_alias
    mov ecx, 40
    xor eax, eax
    lea r9, [rip + modify_by_alias + 0x1000]
1:  mov byte ptr [rdi + 0x8001], cl
    call r9
    add eax, ebx
    dec ecx
    jnz 1b
    syscall
END modify_by_alias

// Data beside code in one page: a counter is stored there in each round.
PROGRAM counter_in_code
    mov ecx, 1000
    lea r9, [rip + 3f]
1:  inc qword ptr [r9]
    call 2f
    loop 1b
    mov rax, [r9]
    syscall
2:  ret
3:  .quad 0
END counter_in_code

.section .note.GNU-stack, "", @progbits
