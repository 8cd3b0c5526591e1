// Port I/O, and registers in memory.
#pragma once

#include <stdint.h>

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
// About a microsecond, by a write to the port of the power-on self-test codes: the pause that old controllers
// want.
static inline void port_pause(void) { out8(0x80, 0); }

// Each access happens once, with its width, and in the order of the program: `volatile` keeps the compiler to
// that, and the processor keeps uncached accesses in order.
static inline uint32_t mmio_read32(const volatile void* address) {
  const uint32_t value = *(const volatile uint32_t*)address;
  __asm__ volatile("" : : : "memory");
  return value;
}
static inline void mmio_write32(volatile void* address, uint32_t value) {
  // What the program wrote for the device to read by DMA lies in memory before the device is told.
  __asm__ volatile("" : : : "memory");
  *(volatile uint32_t*)address = value;
  __asm__ volatile("" : : : "memory");
}
// Loads after this see what a device wrote before the status that was just read; x86 keeps loads in order, so
// this holds back only the compiler.
static inline void read_barrier(void) { __asm__ volatile("" : : : "memory"); }
// Stores before this are seen by others before those after it; same.
static inline void write_barrier(void) { __asm__ volatile("" : : : "memory"); }
