// What the parts of port-storm know of each other. README.md tells what it does; each part says at its head
// what it stays away from, because a program that resets its machine proves nothing about the rest.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "guest/pc/pci.h"

// --- random.c ---
void random_start(uint64_t seed);
uint64_t random64(void);
uint64_t random_below(uint64_t bound);
// Often small, often with few bits, often a power of two or all ones: what finds limits.
uint64_t random_value(void);

// --- board.c: what is there ---
struct board {
  int has_nic, has_ide;
  struct pci_function nic, ide, power;
  struct pci_bar nic_memory, nic_ports, ide_ports;
  uint64_t memory_bytes;
  uint16_t power_base;  // of the power management registers
  int mild;  // spares what ends QEMU 7.2 by an assertion: wide accesses to a UART, a reset during DMA
};
extern struct board board;
void board_find(void);
// Back to a known state: devices reset, BARs where they were, interrupt controllers as at the start.
void board_heal(void);
// Makes timer, UART, disk, network controller and local APIC ask for interrupts.
void provoke_interrupts(void);

// Memory that DMA may write, and nothing else: the rest holds the program.
enum { kSandboxBytes = 256 << 10 };
extern uint8_t* sandbox;
// An address for a device: in the sandbox, or where there is no memory.
uint64_t dma_address(void);
// One where there is no memory, below 4 GiB.
uint32_t nowhere(void);

// --- ports.c, registers.c, config.c, dma.c: one random act each ---
void touch_port(void);
void touch_register(void);
void touch_config(void);
void touch_msr(void);
void start_disk_dma(void);
void start_nic_dma(void);

// What happened. Every value that was read goes into the hash, so equal runs print equal lines.
struct tally {
  uint64_t port_reads, port_writes, register_reads, register_writes, config_reads, config_writes, msrs,
      msrs_refused;
  uint64_t disk_transfers, nic_transfers, heals, interrupts, nmis, hash;
};
extern struct tally tally;
void note_value(uint64_t value);
// Where an exception at a guarded instruction goes on; 0: none is expected.
extern volatile uint64_t recovery;

// --- deaths.c: none returns ---
__attribute__((noreturn)) void die_by_triple_fault(void);
__attribute__((noreturn)) void die_by_bad_idt(void);
__attribute__((noreturn)) void die_by_bad_gdt(void);
