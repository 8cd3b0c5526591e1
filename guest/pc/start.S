// The first instruction of a ring-0 program. Two ways lead here:
//
// `start`: Ringside's personality "bare". The core is in long mode, the first 4 GiB are mapped one to one,
// interrupts are off; rdi = command line, rsi = bytes of RAM, rdx and rcx = address and length of the
// ramdisk.
//
// `pvh_start`: the PVH boot protocol (xen/include/public/arch-x86/hvm/start_info.h), which QEMU's -kernel and
// Ringside's personality "pvh" speak. The core is in 32-bit protected mode without paging, ebx =
// hvm_start_info. A note tells the loader of this entry.
#include <xen/elfnote.h>

#define CODE_SELECTOR 0x10
#define DATA_SELECTOR 0x18

// Intel SDM volume 3, 4.5 and 10.8.5: entries of page tables, and the way into IA-32e mode.
#define PAGE_PRESENT_WRITABLE 0x3
#define PAGE_LARGE 0x80
#define CR0_PE_PG 0x80000001
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100

    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_start
    .popsection

    .section .text.start, "ax"
    .code64
    .globl start
start:
    cld
    leaq boot_stack_end(%rip), %rsp
    call load_segments
    xorl %ebp, %ebp
    call start_bare
    ud2                         // start_bare never returns

    .code32
pvh_start:
    cld
    movl $boot_stack_end, %esp
    // Four page directories of 512 large pages map 4 GiB; the tables of one more level point to them.
    movl $page_directories, %edi
    movl $(PAGE_PRESENT_WRITABLE | PAGE_LARGE), %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b
    movl $(page_directories + PAGE_PRESENT_WRITABLE), %eax
    movl %eax, page_pointers
    addl $0x1000, %eax
    movl %eax, page_pointers + 8
    addl $0x1000, %eax
    movl %eax, page_pointers + 16
    addl $0x1000, %eax
    movl %eax, page_pointers + 24
    movl $(page_pointers + PAGE_PRESENT_WRITABLE), page_root

    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $page_root, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl %cr0, %eax
    orl $CR0_PE_PG, %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $CODE_SELECTOR, $2f

    .code64
2:  call load_segments
    xorl %ebp, %ebp
    movl %ebx, %edi
    call start_pvh
    ud2                         // start_pvh never returns

// Our own descriptor table instead of the loader's, of which nobody says how long it stays.
load_segments:
    lgdt boot_gdt_pointer
    movl $DATA_SELECTOR, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    popq %rax
    pushq $CODE_SELECTOR
    pushq %rax
    lretq

// Intel SDM volume 3, 3.4.5: flat segments; exceptions.c puts the TSS into the last two entries.
    .section .data
    .balign 16
    .globl gdt
gdt:
    .quad 0
    .quad 0
    .quad 0x00af9b000000ffff    // 0x10: code, 64-bit
    .quad 0x00cf93000000ffff    // 0x18: data
    .quad 0, 0                  // 0x20: TSS
gdt_end:
boot_gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt

    .section .bss
    .balign 4096
page_root:
    .skip 4096
page_pointers:
    .skip 4096
page_directories:
    .skip 4 * 4096
    .globl boot_stack_end
    .skip 32768
boot_stack_end:

    .section .note.GNU-stack, "", @progbits
