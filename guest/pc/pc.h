// What a ring-0 program gets: it defines program_name and guest_main() and uses what is declared here and in
// the headers beside. There is one processor, all memory below 4 GiB is mapped one to one (so an address that
// the program uses is the one that a device is given for DMA), and interrupts are off until the program turns
// them on.
#pragma once

#include "guest/text.h"

// --- The program ---
extern const char program_name[];
// Runs once everything below works. A program ends by pass() or fail(); returning is a pass().
void guest_main(void);

// --- What the loader said (start.c) ---
struct machine {
  const char* command_line;  // words, separated by blanks
  uint64_t memory_bytes;
  const uint8_t* ramdisk;  // null where there is none
  uint64_t ramdisk_bytes;
};
extern struct machine machine;
// Whether the command line has this word.
int has_word(const char* word);
// The number behind "key=" in the command line (decimal, or hexadecimal with 0x); `otherwise` where there is
// none.
uint64_t number_of(const char* key, uint64_t otherwise);

// --- Ending (power.c) ---
__attribute__((noreturn)) void power_off(void);
// Prints "NAME: PASS", or "NAME: FAIL" with the reason, and powers off.
__attribute__((noreturn)) void pass(void);
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char* reason, ...);

// --- Console (console.c): COM1, polled ---
__attribute__((format(printf, 1, 2))) void print(const char* format, ...);
// Waits until the last character has left the UART, whose FIFO holds up to 16: before the machine ends.
void console_drain(void);
void print_bytes(const char* bytes, size_t count);

// --- Memory (start.c) ---
// Zeroed, aligned as asked (a power of two), from the program's own; never given back.
void* allocate(size_t bytes, size_t alignment);
