// A whole processor with eight megabytes at address 0, descriptor tables, page tables, and handlers that
// halt: a test runs a few instructions and looks which handler was reached, with what on the stack.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/native_cpu.h"
#include "cpu/native_cpuid.h"
#include "sim/memory.h"

namespace ringside::test {

// Physical, and virtual too: the first four megabytes are mapped one to one.
inline constexpr uint64_t kTables = 0x1000;  // page tables, 6 pages
inline constexpr uint64_t kGdt = 0x8000, kIdt = 0x9000, kTss = 0xa000;
inline constexpr uint64_t kKernel = 0x1'0000;    // code at CPL 0
inline constexpr uint64_t kHandlers = 0x2'0000;  // 16 bytes for each vector
inline constexpr uint64_t kStack0 = 0x3'0000;    // RSP0 of the TSS
inline constexpr uint64_t kStackIst = 0x3'4000;  // IST1
inline constexpr uint64_t kKernelStack = 0x3'8000;
inline constexpr uint64_t kScratch = 0x4'0000;
// The second two megabytes belong to CPL 3.
inline constexpr uint64_t kUser = 0x20'0000, kUserStack = 0x30'0000;
inline constexpr uint64_t kDevice = 0xfe00'0000;

// Selectors.
inline constexpr uint16_t kCode64 = 0x08, kData = 0x10, kUserCode32 = 0x1b, kUserData = 0x23,
                          kUserCode64 = 0x2b, kTask = 0x30, kCode32 = 0x40, kCode16 = 0x48, kData16 = 0x50;

class NativeEnvironment : public NativeCpuEnvironment {
 public:
  explicit NativeEnvironment(Clock& machine_clock) : clock(machine_clock) {}
  struct Access {
    uint64_t address = 0;
    unsigned size = 0;
    uint64_t value = 0;
    bool write = false;
    Tick at;
  };

  CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf) override {
    return native_cpuid(leaf, subleaf, 2'000'000'000);
  }
  uint64_t time_stamp_counter(Tick now) override { return now.ps / 500; }
  uint32_t port_in(uint16_t port, unsigned size) override {
    ports.push_back({port, size, 0, false, clock.now});
    return 0x1234'5678;
  }
  void port_out(uint16_t port, unsigned size, uint32_t value) override {
    ports.push_back({port, size, value, true, clock.now});
    if (port == 0xf0) cpu->set_interrupt_line(true);
    if (port == 0xf1) cpu->request_stop();
    if (port == 0xf2) cpu->raise_nmi();
    if (port == 0xf3) on_port();
  }
  uint64_t memory_read(GuestPhys address, unsigned size) override {
    memory.push_back({address.value, size, 0, false, clock.now});
    return 0x1122'3344'5566'7788;
  }
  void memory_write(GuestPhys address, unsigned size, uint64_t value) override {
    memory.push_back({address.value, size, value, true, clock.now});
  }
  std::optional<uint8_t> acknowledge_interrupt() override {
    ++acknowledged;
    taken.push_back(clock);
    cpu->set_interrupt_line(false);
    return vector;
  }
  std::optional<uint64_t> read_msr(uint32_t index) override {
    return index == 0x1b ? std::optional<uint64_t>(0xfee0'0900) : std::nullopt;
  }
  bool write_msr(uint32_t index, uint64_t) override { return index == 0x1b; }
  uint8_t task_priority() override { return priority; }
  void set_task_priority(uint8_t cr8) override { priority = cr8; }
  void notice(const std::string& message) override { notices.push_back(message); }

  Clock& clock;
  NativeCpu* cpu = nullptr;
  std::vector<Access> ports, memory;
  std::vector<Clock> taken;
  std::vector<std::string> notices;
  std::optional<uint8_t> vector = 0x20;
  unsigned acknowledged = 0;
  std::function<void()> on_port = [] {};
  uint8_t priority = 0;
};

class NativeMachine {
 public:
  explicit NativeMachine(EntryMode mode = EntryMode::long_64, NativeCpuConfig config = {})
      : environment(clock) {
    memory = std::move(Memory::create({0}, 8 << 20).value());
    write_tables(mode);
    cpu = std::move(make_native_cpu(config, *memory, clock, environment).value());
    environment.cpu = cpu.get();
    CpuEntry entry;
    entry.mode = mode;
    entry.rip = kKernel;
    entry.general[Registers::rsp] = kKernelStack;
    entry.page_table_root = {kTables};
    entry.descriptor_table = {kGdt};
    entry.descriptor_table_limit = 0xff;
    entry.code_selector = mode == EntryMode::long_64 ? kCode64 : kCode32;
    entry.data_selector = kData;
    cpu->enter(entry);
    if (mode != EntryMode::reset_vector) run_prologue();
  }

  void load(uint64_t at, std::initializer_list<int> bytes) {
    for (int byte : bytes) memory->store<uint8_t>({at++}, static_cast<uint8_t>(byte));
  }
  void load(uint64_t at, std::span<const uint8_t> bytes) { memory->write({at}, bytes.data(), bytes.size()); }
  template <class T>
  T value_at(uint64_t at) {
    return memory->load<T>({at});
  }
  template <class T>
  void set(uint64_t at, T value) {
    memory->store<T>({at}, value);
  }

  Exit run(Tick at_most = milliseconds(10)) { return cpu->run(clock.now + at_most); }
  uint64_t reg(Registers::General which) const { return cpu->general(which); }
  void set_flags(uint64_t flags) {
    Registers registers = cpu->registers();
    registers.rflags = flags;
    cpu->set_registers(registers);
  }
  // From the kernel's code to CPL 3, by an interrupt return.
  void enter_user(uint64_t rip, uint16_t code, uint64_t flags = 0x202);
  // Runs to the next handler; none when something else came.
  std::optional<unsigned> run_to_handler() {
    const Exit exit = run();
    last_exit = exit;
    const uint64_t at = cpu->rip() - kHandlers;
    if (exit.reason != ExitReason::halt || at >= 256 * 16 || at % 16 != 1) return std::nullopt;
    return static_cast<unsigned>(at / 16);
  }
  uint64_t stacked(unsigned index) { return value_at<uint64_t>(reg(Registers::rsp) + index * 8); }
  uint32_t stacked32(unsigned index) {
    return value_at<uint32_t>(static_cast<uint32_t>(reg(Registers::rsp)) + index * 4);
  }
  uint64_t digest() const {
    return state_digest(*cpu) ^ memory->digest() ^ clock.now.ps ^ clock.instructions << 20;
  }

  void set_gate64(unsigned vector, uint64_t target, unsigned ist = 0, unsigned privilege = 3,
                  unsigned type = 14, uint16_t selector = kCode64) {
    const uint64_t low = (target & 0xffff) | uint64_t{selector} << 16 | uint64_t{ist} << 32 |
                         uint64_t{0x80u | privilege << 5 | type} << 40 | (target >> 16 & 0xffff) << 48;
    set<uint64_t>(kIdt + vector * 16, low);
    set<uint64_t>(kIdt + vector * 16 + 8, target >> 32);
  }
  void set_gate32(unsigned vector, uint64_t target, unsigned privilege = 3, unsigned type = 14,
                  uint16_t selector = kCode32) {
    set<uint64_t>(kIdt + vector * 8, (target & 0xffff) | uint64_t{selector} << 16 |
                                         uint64_t{0x80u | privilege << 5 | type} << 40 |
                                         (target >> 16 & 0xffff) << 48);
  }

  std::unique_ptr<Memory> memory;
  Clock clock;
  NativeEnvironment environment;
  std::unique_ptr<NativeCpu> cpu;
  Exit last_exit;

 private:
  void write_tables(EntryMode mode);
  void run_prologue();
};

inline void NativeMachine::write_tables(EntryMode mode) {
  const bool wide = mode == EntryMode::long_64;
  // 4-level tables: a kernel's two megabytes, a user's, and the devices at 4 GiB - 32 MiB, in large pages.
  set<uint64_t>(kTables, (kTables + 0x1000) | 7);
  for (uint64_t i = 0; i < 4; ++i)
    set<uint64_t>(kTables + 0x1000 + i * 8, (kTables + 0x2000 + i * 0x1000) | 7);
  set<uint64_t>(kTables + 0x2000, 0x00'0083);
  set<uint64_t>(kTables + 0x2008, 0x20'0087);
  set<uint64_t>(kTables + 0x5000 + (kDevice >> 21 & 511) * 8, kDevice | 0x83);
  const uint64_t gdt[] = {0,
                          0x00af9b000000ffff,                                     // 08
                          0x00cf93000000ffff,                                     // 10
                          0x00cffb000000ffff,                                     // 18
                          0x00cff3000000ffff,                                     // 20
                          0x00affb000000ffff,                                     // 28
                          0x0000890000000000 | 0x2067 | (kTss & 0xffffff) << 16,  // 30
                          0,
                          0x00cf9b000000ffff,   // 40
                          0x00009b000000ffff,   // 48
                          0x000093000000ffff};  // 50
  for (size_t i = 0; i < std::size(gdt); ++i) set<uint64_t>(kGdt + i * 8, gdt[i]);
  for (unsigned vector = 0; vector < 256; ++vector) {
    wide ? set_gate64(vector, kHandlers + vector * 16) : set_gate32(vector, kHandlers + vector * 16);
    load(kHandlers + vector * 16,
         wide ? std::initializer_list<int>{0xf4, 0x48, 0xcf} : std::initializer_list<int>{0xf4, 0xcf});
  }
  if (wide) {
    set<uint64_t>(kTss + 4, kStack0);
    set<uint64_t>(kTss + 0x24, kStackIst);
  } else {
    set<uint32_t>(kTss + 4, kStack0);
    set<uint32_t>(kTss + 8, kData);
  }
  set<uint16_t>(kTss + 0x66, 0x68);  // the I/O bitmap: everything allowed
  set<uint8_t>(kTss + 0x68 + 0x2000, 0xff);
  set<uint16_t>(kScratch, wide ? 0xfff : 0x7ff);
  set<uint64_t>(kScratch + 2, kIdt);
}

// LIDT, LTR, HLT.
inline void NativeMachine::run_prologue() {
  load(kKernel, {0x0f, 0x01, 0x18, 0x66, 0xb9, kTask, 0, 0x0f, 0x00, 0xd9, 0xf4});
  cpu->set_general(Registers::rax, kScratch);
  REQUIRE(run().reason == ExitReason::halt);
  REQUIRE(cpu->system_registers().tr.selector == kTask);
  REQUIRE(cpu->system_registers().idtr.base == kIdt);
  cpu->set_general(Registers::rax, 0);
  cpu->set_general(Registers::rcx, 0);
  cpu->set_rip(kKernel);
  clock = {};
}

inline void NativeMachine::enter_user(uint64_t rip, uint16_t code, uint64_t flags) {
  const uint64_t frame[] = {rip, code, flags, kUserStack, kUserData};
  const uint64_t at = kKernelStack - sizeof frame;
  memory->write({at}, frame, sizeof frame);
  load(kScratch + 0x100, {0x48, 0xcf});
  cpu->set_general(Registers::rsp, at);
  cpu->set_rip(kScratch + 0x100);
}

}  // namespace ringside::test
