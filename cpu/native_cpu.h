// The core as a whole x86-64 processor: every mode from the reset vector on, ring 0 to 3, its own IDT,
// interrupts, and physical memory beyond RAM. A PC's machine uses it; cpu.h says what any core has.
//
// Exceptions, software interrupts, SYSCALL and hardware interrupts are delivered by the core itself, through
// the guest's IDT or MSRs. So run() ends for few reasons: the deadline, HLT, a stop, a breakpoint, a step,
// shutdown (triple fault). Hardware interrupts are taken at canonical block boundaries only: the first one at
// which the line is raised, IF is set and no STI or MOV SS shadow lies over it. A stop that only a debugger
// made (`Exit::canonical` is false) is not one: whoever runs the core must do nothing there that the guest
// could see, and call run() again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/cpu.h"

namespace ringside {

// What the core asks of a PC while it runs. `Clock::now` is exact at the instruction that asks. No call may
// throw, and none may call back into run(); request_stop() and set_interrupt_line() are allowed.
class NativeCpuEnvironment : public CpuEnvironment {
 public:
  // Physical addresses that are neither RAM nor ROM; size 1, 2, 4 or 8.
  virtual uint64_t memory_read(GuestPhys address, unsigned size) = 0;
  virtual void memory_write(GuestPhys address, unsigned size, uint64_t value) = 0;
  // INTA: the vector of the interrupt to take, or none when the request has gone.
  virtual std::optional<uint8_t> acknowledge_interrupt() = 0;
  // MSRs that the core has not itself. nullopt and false: there is no such MSR, #GP.
  virtual std::optional<uint64_t> read_msr(uint32_t index) = 0;
  virtual bool write_msr(uint32_t index, uint64_t value) = 0;
  // CR8, in its four bits.
  virtual uint8_t task_priority() = 0;
  virtual void set_task_priority(uint8_t cr8) = 0;
  // The guest did something that its author should know of (an unknown MSR, a broken IDT).
  virtual void notice(const std::string& message) = 0;
};

// Read-only memory on the bus: a BIOS. The bytes must outlive the core.
struct ReadOnlyMemory {
  GuestPhys base;  // page-aligned, as is the size
  std::span<const uint8_t> bytes;
};

struct NativeCpuConfig {
  std::string name = "cpu";
  uint64_t frequency_hz = 2'000'000'000;
  std::vector<ReadOnlyMemory> roms;
  // Within RAM's range, but no RAM: goes to memory_read() and memory_write() (the VGA window).
  struct Hole {
    GuestPhys base;
    uint64_t length = 0;
  };
  std::vector<Hole> holes;
};

enum class EntryMode : uint8_t {
  reset_vector,  // real mode at f000:fff0, with the CS base at 0xffff'0000; all else in this struct is
                 // ignored
  protected_32,  // protected mode, paging off
  long_64,       // long mode with paging on
};

// How the guest begins. The segment registers are loaded from the descriptor table as an instruction would.
struct CpuEntry {
  EntryMode mode = EntryMode::reset_vector;
  uint64_t rip = 0;
  std::array<uint64_t, 16> general{};  // by Registers::General
  GuestPhys page_table_root;           // long_64 only
  GuestPhys descriptor_table;          // GDT in guest memory
  uint16_t descriptor_table_limit = 0;
  uint16_t code_selector = 0, data_selector = 0;
};

// What `Registers` leaves out, for dumps and tests.
struct SystemRegisters {
  struct Table {
    uint64_t base = 0;
    uint32_t limit = 0;
    uint16_t selector = 0;
  };
  uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0, cr8 = 0, efer = 0;
  Table gdtr, idtr, ldtr, tr;
  std::array<uint64_t, 8> debug{};  // DR0-DR3, DR6, DR7
  uint64_t kernel_gs_base = 0, star = 0, lstar = 0, cstar = 0, sfmask = 0;
  uint8_t privilege = 0;  // CPL
};

class NativeCpu : public Cpu {
 public:
  // Power-on state, then the given entry.
  virtual void enter(const CpuEntry& entry) = 0;

  // INTR, as a level.
  virtual void set_interrupt_line(bool level) = 0;
  // An edge on NMI#: taken at the next canonical boundary, blocked until IRET.
  virtual void raise_nmi() = 0;
  // Halted, and nothing that would wake it is pending: run() returns `halt` at once.
  virtual bool halted() const = 0;

  // --- For debuggers ---
  // run() then stops with `breakpoint` before an instruction at one of these (virtual) addresses, and goes on
  // from there when called again.
  virtual void set_breakpoints(std::vector<GuestVirt> addresses) = 0;
  // Executes one instruction (or one iteration of a REP string instruction, or takes one interrupt where the
  // free run would) and returns `stepped`, or what else it led to. At a canonical boundary at or behind
  // `deadline` it does nothing and returns that, as run() would.
  virtual Exit step(Tick deadline = Tick::never()) = 0;

  virtual SystemRegisters system_registers() const = 0;
};

Result<std::unique_ptr<NativeCpu>> make_native_cpu(const NativeCpuConfig& config, Memory& memory,
                                                   Clock& clock, NativeCpuEnvironment& environment);

}  // namespace ringside
