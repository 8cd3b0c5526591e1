// What a machine needs of an x86-64 core. The core runs guest instructions, keeps the count and the virtual
// time that they cost, and returns whenever somebody else has to act: an exit.
//
// Addresses on the bus are GuestPhys. The core walks the guest's page tables itself (cpu/page_walker.h) and
// keeps its own map of translations, which only architectural flushes empty: when the emulator below refills
// its TLB depends on the host and must not be seen.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/clock.h"
#include "sim/ids.h"
#include "sim/memory.h"
#include "sim/result.h"
#include "sim/state.h"

namespace ringside {

struct Registers {
  // Indices into `general`, in the order of the instruction encoding.
  enum General { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };
  std::array<uint64_t, 16> general{};
  uint64_t rip = 0;
  uint64_t rflags = 0x2;
  uint16_t cs = 0, ss = 0, ds = 0, es = 0, fs = 0, gs = 0;
  uint64_t fs_base = 0, gs_base = 0;
  bool operator==(const Registers&) const = default;
};

enum class ExitReason : uint8_t {
  deadline,        // the clock reached the deadline, at a block boundary
  hypercall,       // SYSCALL; rip is behind it
  exception,       // `vector`; rip at the instruction for faults, behind it for traps and INT n
  invalid_opcode,  // #UD; rip at the instruction
  halt,            // HLT; rip behind it (only where the guest may execute it)
  port_io,         // IN or OUT where the guest may execute it
  stop_requested,  // request_stop() was called
  breakpoint,      // before an instruction that the debugger marked
  stepped,         // one instruction has been executed for the debugger
  shutdown,        // a fault while delivering a double fault: `detail` says which faults led there
  broken,          // the emulator refused to go on: `detail` says why (the guest is crashed, not the host)
};
const char* to_string(ExitReason reason);

struct Exit {
  ExitReason reason = ExitReason::deadline;
  uint8_t vector = 0;
  bool software = false;  // INT n, INT3: rip is behind the instruction
  std::optional<uint32_t> error_code;
  GuestVirt fault_address;  // page faults: the exact CR2
  // False when only a debugger made this stop: the free run would have gone on. Nothing that the guest could
  // see may happen here.
  bool canonical = true;
  std::string detail;
};

enum class Access : uint8_t { read, write, fetch };

// A page fault as the architecture reports it.
struct PageFault {
  GuestVirt address;
  uint32_t error_code = 0;  // P=1, W=2, U=4, RSVD=8, I=16
};

// What the core asks while it runs. Implementations must not throw and must not call back into run().
class CpuEnvironment {
 public:
  virtual ~CpuEnvironment() = default;
  struct CpuidLeaf {
    uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  };
  virtual CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf) = 0;
  // The guest's time stamp counter at `now`.
  virtual uint64_t time_stamp_counter(Tick now) = 0;
  // IN and OUT (size 1, 2, 4).
  virtual uint32_t port_in(uint16_t port, unsigned size) = 0;
  virtual void port_out(uint16_t port, unsigned size, uint32_t value) = 0;
};

// A block of code that has run: where, and what it consisted of.
struct SeenBlock {
  GuestVirt address;
  std::vector<uint8_t> bytes;
};

class Cpu : public Stateful {
 public:
  // Runs until `deadline` has been reached or something else has to act. The clock given at construction is
  // moved along: clock.now and clock.instructions are exact at every exit.
  virtual Exit run(Tick deadline) = 0;
  // Makes a run in progress (from a callback) or the next one return soon, at a block boundary.
  virtual void request_stop() = 0;
  // From a callback of the environment: something will have to act at that time, earlier than the deadline of
  // the run in progress. The run then ends at the first block boundary at or behind it.
  virtual void bring_deadline_forward(Tick deadline) {
    (void)deadline;
    request_stop();
  }

  // Time that somebody spends in this guest's name (a hypercall): moves the clock.
  virtual void charge(Tick cost) = 0;
  // The price of an exit of this kind by the cost table.
  virtual Tick exit_cost(ExitReason reason) const = 0;

  virtual uint64_t general(Registers::General which) const = 0;
  virtual void set_general(Registers::General which, uint64_t value) = 0;
  virtual uint64_t rip() const = 0;
  virtual void set_rip(uint64_t value) = 0;
  virtual Registers registers() const = 0;
  virtual void set_registers(const Registers& registers) = 0;
  virtual void set_fs_base(uint64_t value) = 0;
  virtual void set_gs_base(uint64_t value) = 0;

  // CR3. Setting it flushes all translations.
  virtual GuestPhys page_table_root() const = 0;
  virtual void set_page_table_root(GuestPhys root) = 0;
  // CR0.TS: an FPU instruction then raises #NM.
  virtual void set_task_switched(bool on) = 0;

  // The architectural flushes; a host that changes a page table calls them as a kernel would.
  virtual void flush_translations() = 0;
  virtual void flush_translation(GuestVirt page) = 0;

  // Walks the page tables as an access by the guest would, with its permissions. A/D bits are set as by the
  // access itself.
  virtual tl::expected<GuestPhys, PageFault> translate(GuestVirt address, Access access) = 0;
  // The same for a range; on a fault, bytes before it have been transferred.
  virtual tl::expected<void, PageFault> read_virtual(GuestVirt address, void* into, uint64_t length) = 0;
  virtual tl::expected<void, PageFault> write_virtual(GuestVirt address, const void* from,
                                                      uint64_t length) = 0;

  // One line of text per instruction at `address`, for people.
  virtual std::string disassemble(GuestVirt address, unsigned count) = 0;

  // --- For processes that fork ---
  // Blocks that this core has run and still knows.
  virtual std::vector<SeenBlock> seen_blocks() const { return {}; }
  // Translates those of another core's blocks now that this one is going to run as well, so that not each
  // child of a fork has to. Takes only what stands, byte for byte, in pages from which this guest has fetched
  // already, and erases it from the list: ask again once it has run further. Has no effect that anybody could
  // see but by a clock of the host.
  virtual void translate_ahead(std::vector<SeenBlock>& blocks) { (void)blocks; }

  // --- A test switch ---
  // Throws away the emulator's own TLB, as its host clock sometimes makes it do. Must have no effect.
  virtual void flush_emulator_tlb() = 0;
};

struct CpuConfig {
  std::string name = "cpu";  // the component's name in digests: "cpu/dom1"
  uint64_t frequency_hz = 2'000'000'000;
  // A 64-bit paravirtual guest: long mode with paging on, always at CPL 3, privileged instructions fault.
  bool paravirtual = true;
};

// The core on Unicorn. Fails when the host lacks memory or Unicorn is not the one that we were built for.
Result<std::unique_ptr<Cpu>> make_unicorn_cpu(const CpuConfig& config, Memory& memory, Clock& clock,
                                              CpuEnvironment& environment);

// "2.1.4" and "4.0.2", as loaded; the cost table's own version.
std::string unicorn_version();
std::string capstone_version();
std::string cost_table_version();

}  // namespace ringside
