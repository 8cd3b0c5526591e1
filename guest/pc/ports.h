// Port I/O, and registers in memory.
#pragma once

#include <stdint.h>

#ifdef RINGSIDE_HOSTED
// The machine's model of the processor makes the accesses.
#include "guest/hosted/hosted.h"
static inline uint8_t in8(uint16_t port) { return (uint8_t)native->port_in(port, 1); }
static inline uint16_t in16(uint16_t port) { return (uint16_t)native->port_in(port, 2); }
static inline uint32_t in32(uint16_t port) { return (uint32_t)native->port_in(port, 4); }
static inline void out8(uint16_t port, uint8_t value) { native->port_out(port, 1, value); }
static inline void out16(uint16_t port, uint16_t value) { native->port_out(port, 2, value); }
static inline void out32(uint16_t port, uint32_t value) { native->port_out(port, 4, value); }
void in16_repeated(uint16_t port, void* into, uint64_t count);
void out16_repeated(uint16_t port, const void* from, uint64_t count);
#else
static inline uint8_t in8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline uint16_t in16(uint16_t port) {
  uint16_t value;
  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline uint32_t in32(uint16_t port) {
  uint32_t value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline void out8(uint16_t port, uint8_t value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void out16(uint16_t port, uint16_t value) {
  __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void out32(uint16_t port, uint32_t value) {
  __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
// `count` 16-bit reads from one port, as a PIO disk wants it.
static inline void in16_repeated(uint16_t port, void* into, uint64_t count) {
  __asm__ volatile("rep insw" : "+D"(into), "+c"(count) : "d"(port) : "memory");
}
static inline void out16_repeated(uint16_t port, const void* from, uint64_t count) {
  __asm__ volatile("rep outsw" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}
#endif
// About a microsecond, by a write to the port of the power-on self-test codes: the pause that old controllers
// want.
static inline void port_pause(void) { out8(0x80, 0); }

// Each access happens once, with its width, and in the order of the program: `volatile` keeps the compiler to
// that, and the processor keeps uncached accesses in order.
#ifdef RINGSIDE_HOSTED
#define MMIO_ACCESSES(bits)                                                           \
  static inline uint##bits##_t mmio_read##bits(const volatile void* address) {        \
    return (uint##bits##_t)native->memory_read((uint64_t)address, bits / 8);          \
  }                                                                                   \
  static inline void mmio_write##bits(volatile void* address, uint##bits##_t value) { \
    native->memory_write((uint64_t)address, bits / 8, value);                         \
  }
#else
// What the program wrote for the device to read by DMA lies in memory before the device is told.
#define MMIO_ACCESSES(bits)                                                           \
  static inline uint##bits##_t mmio_read##bits(const volatile void* address) {        \
    const uint##bits##_t value = *(const volatile uint##bits##_t*)address;            \
    __asm__ volatile("" : : : "memory");                                              \
    return value;                                                                     \
  }                                                                                   \
  static inline void mmio_write##bits(volatile void* address, uint##bits##_t value) { \
    __asm__ volatile("" : : : "memory");                                              \
    *(volatile uint##bits##_t*)address = value;                                       \
    __asm__ volatile("" : : : "memory");                                              \
  }
#endif
MMIO_ACCESSES(8)
MMIO_ACCESSES(16)
MMIO_ACCESSES(32)
MMIO_ACCESSES(64)
// Loads after this see what a device wrote before the status that was just read; x86 keeps loads in order, so
// this holds back only the compiler.
static inline void read_barrier(void) { __asm__ volatile("" : : : "memory"); }
// Stores before this are seen by others before those after it; same.
static inline void write_barrier(void) { __asm__ volatile("" : : : "memory"); }
// One turn of a loop that polls.
static inline void pause_a_little(void) {
#ifdef RINGSIDE_HOSTED
  native->relax();
#else
  for (unsigned i = 0; i < 8; ++i) __asm__ volatile("pause");
#endif
}
