// A core with four megabytes and page tables of its own, for programs of a few instructions.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "cpu/cpu.h"
#include "cpu/page_walker.h"
#include "sim/memory.h"

namespace ringside::test {

// A program of programs.S: everything from `name` to `name_end`.
#define GUEST_PROGRAM(name)              \
  extern "C" const uint8_t name[];       \
  extern "C" const uint8_t name##_end[]; \
  inline std::span<const uint8_t> program_##name() { return {name, static_cast<size_t>(name##_end - name)}; }

class Environment : public CpuEnvironment {
 public:
  CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf) override {
    ++cpuid_calls;
    return {leaf + 1, subleaf + 2, 0x33, 0x44};
  }
  uint64_t time_stamp_counter(Tick now) override {
    asked_at.push_back(now);
    return now.ps / 500;
  }
  uint32_t port_in(uint16_t, unsigned) override { return ++port_calls; }
  void port_out(uint16_t, unsigned, uint32_t) override { ++port_calls; }

  uint64_t cpuid_calls = 0;
  uint64_t port_calls = 0;
  std::vector<Tick> asked_at;
};

inline constexpr uint64_t kBase = 0x1'0000'0000;
inline constexpr uint64_t kBytes = 4 << 20;
// Where the programs find things.
inline constexpr uint64_t kCode = 0x40'0000;   // 16 pages
inline constexpr uint64_t kData = 0x50'0000;   // 16 pages
inline constexpr uint64_t kStack = 0x60'0000;  // 4 pages below it
inline constexpr uint64_t kStackTop = kStack + 0x4000;

class SmallMachine {
 public:
  explicit SmallMachine(uint64_t code_extra = page_entry::writable) {
    memory = std::move(Memory::create({kBase}, kBytes).value());
    root = new_frame();
    map(kCode, 16, 0x100, code_extra);
    map(kData, 16, 0x200, page_entry::writable);
    map(kStack, 4, 0x300, page_entry::writable);
    cpu = std::move(make_unicorn_cpu({}, *memory, clock, environment).value());
    cpu->set_page_table_root(root);
    cpu->set_rip(kCode);
    cpu->set_general(Registers::rsp, kStackTop - 64);
    cpu->set_general(Registers::rdi, kData);
    cpu->set_general(Registers::rsi, kData + 0x2000);
  }
  explicit SmallMachine(std::span<const uint8_t> program) : SmallMachine() { load(program); }

  void load(std::span<const uint8_t> program, uint64_t at = kCode) {
    memory->write(physical(at), program.data(), program.size());
  }
  void load(std::initializer_list<int> bytes, uint64_t at = kCode) {
    std::vector<uint8_t> program;
    for (int byte : bytes) program.push_back(static_cast<uint8_t>(byte));
    load(program, at);
  }

  GuestPhys new_frame() { return {kBase + next_table_frame++ * kPageSize}; }
  // The address of the entry at `level` that maps `address`; tables are made on the way.
  GuestPhys entry(uint64_t address, int level = 1) {
    GuestPhys table = root;
    for (int l = 4; l > level; --l) {
      const GuestPhys at = table + ((address >> (12 + 9 * (l - 1))) & 511) * 8;
      if (!(memory->load<uint64_t>(at) & 1)) memory->store<uint64_t>(at, new_frame().value | 7);
      table = {memory->load<uint64_t>(at) & page_entry::frame_mask};
    }
    return table + ((address >> (12 + 9 * (level - 1))) & 511) * 8;
  }
  void set_entry(uint64_t address, uint64_t value, int level = 1) {
    memory->store<uint64_t>(entry(address, level), value);
  }
  uint64_t get_entry(uint64_t address, int level = 1) {
    return memory->load<uint64_t>(entry(address, level));
  }
  // `frame` counts from the start of memory.
  void map(uint64_t address, uint64_t pages, uint64_t frame, uint64_t extra) {
    for (uint64_t i = 0; i < pages; ++i) {
      set_entry(address + i * kPageSize,
                (kBase + (frame + i) * kPageSize) | page_entry::present | page_entry::user | extra);
    }
  }
  GuestPhys physical(uint64_t address) {
    return GuestPhys{get_entry(address) & page_entry::frame_mask} + (address & 0xfff);
  }
  template <class T>
  T value_at(uint64_t address) {
    return memory->load<T>(physical(address));
  }

  Exit run(Tick for_at_most = milliseconds(100)) { return cpu->run(clock.now + for_at_most); }
  uint64_t reg(Registers::General which) const { return cpu->general(which); }
  uint64_t digest() const {
    return state_digest(*cpu) ^ memory->digest() ^ clock.now.ps ^ clock.instructions << 20;
  }

  std::unique_ptr<Memory> memory;
  Clock clock;
  Environment environment;
  GuestPhys root;
  uint64_t next_table_frame = 1;
  std::unique_ptr<Cpu> cpu;
};

}  // namespace ringside::test
