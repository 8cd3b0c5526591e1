// The core of a hosted domain: the host's own processor, which runs the program as a fiber. To everybody else
// it is a core like any other: it runs until an exit, moves the clock, and has registers, of which the
// hypervisor model sees those that a hypercall or an upcall uses.
//
// The program computes for nothing. Each call of hosted.h costs some cycles and counts as some instructions,
// and is a place where the machine may act: the core returns to the run loop when its deadline has come, and
// interrupts and upcalls are delivered there. So a run depends on the calls that the program makes, and on
// nothing of the host.
//
// Under Xen, an upcall is what it is on any core: PvGuest builds its frame on the (made-up) kernel stack and
// sets RIP to the event callback; the core finds RIP there, runs the handlers, and returns by an iret
// hypercall with that frame.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cpu/instruction_cost.h"
#include "cpu/native_cpu.h"
#include "machine/hosted/address_names.h"
#include "machine/hosted/fiber.h"
#include "machine/hosted/native_calls.h"
#include "sim/clock.h"
#include "sim/memory.h"
#include "sim/wire.h"

namespace ringside {

using HostedProgram = std::function<void()>;

struct HostedCpuConfig {
  std::string name = "cpu";
  uint64_t frequency_hz = 2'000'000'000;
  // The driver, and who is told of what it breaks.
  HostedProgram program;
  Wire* reports = nullptr;
};

class HostedCpu final : public NativeCpu {
 public:
  // `environment`: of a PC; of a Xen domain it has the time-stamp counter.
  HostedCpu(HostedCpuConfig config, Memory& memory, Clock& clock, CpuEnvironment& environment,
            NativeCpuEnvironment* board);
  ~HostedCpu() override;

  // What the runtime is to know; pointers in it must outlive the core. Then run() begins the program.
  Result<> start(const native_domain& domain);
  // What the program has thrown.
  const std::exception_ptr& failure() const { return fiber_.failure(); }
  // Whether all bytes lie in pages that the driver has from rs_alloc_pages().
  bool in_drivers_pages(GuestPhys address, uint64_t length) const;
  // "file.c:42": the driver's last call.
  std::string place() const;

  Exit run(Tick deadline) override;
  void request_stop() override { stop_requested_ = true; }
  void bring_deadline_forward(Tick deadline) override { deadline_ = std::min(deadline_, deadline); }
  void charge(Tick cost) override { clock_.now = saturating_add(clock_.now, cost); }
  Tick exit_cost(ExitReason reason) const override { return costs_.cost(cycles_of(reason)); }

  uint64_t general(Registers::General which) const override { return registers_.general[which]; }
  void set_general(Registers::General which, uint64_t value) override { registers_.general[which] = value; }
  uint64_t rip() const override { return registers_.rip; }
  void set_rip(uint64_t value) override { registers_.rip = value; }
  Registers registers() const override { return registers_; }
  void set_registers(const Registers& registers) override { registers_ = registers; }
  void set_fs_base(uint64_t value) override { registers_.fs_base = value; }
  void set_gs_base(uint64_t value) override { registers_.gs_base = value; }

  // There are no page tables.
  GuestPhys page_table_root() const override { return {}; }
  void set_page_table_root(GuestPhys) override {}
  void set_task_switched(bool) override {}
  void flush_translations() override {}
  void flush_translation(GuestVirt) override {}
  void flush_emulator_tlb() override {}
  tl::expected<GuestPhys, PageFault> translate(GuestVirt address, Access access) override;
  tl::expected<void, PageFault> read_virtual(GuestVirt address, void* into, uint64_t length) override;
  tl::expected<void, PageFault> write_virtual(GuestVirt address, const void* from, uint64_t length) override;
  std::string disassemble(GuestVirt, unsigned) override { return {}; }

  // --- Of a PC's core ---
  void enter(const CpuEntry&) override {}
  void set_interrupt_line(bool level) override { interrupt_line_ = level; }
  void raise_nmi() override {}
  bool halted() const override { return halted_ && !(interrupt_line_ && interrupts_on_); }
  void set_breakpoints(std::vector<GuestVirt>) override {}
  Exit step(Tick deadline) override { return run(deadline); }
  SystemRegisters system_registers() const override { return {}; }

  void visit_state(StateVisitor& visitor) const override;

  // --- What the program asks for, within its fiber (native_calls.cpp) ---
  static HostedCpu* current();
  long hypercall(unsigned number, const std::array<uint64_t, 4>& arguments, bool runtime);
  uint64_t port_in(uint16_t port, unsigned size);
  void port_out(uint16_t port, unsigned size, uint64_t value);
  uint64_t memory_read(uint64_t address, unsigned size);
  void memory_write(uint64_t address, unsigned size, uint64_t value);
  void set_interrupts(bool on);
  bool interrupts() const { return interrupts_on_; }
  void halt();
  uint64_t read_msr(uint32_t index);
  uint64_t read_counter();
  // A call has come to its place in time: its cycles pass, and whatever is due by then happens.
  void pass_time(uint64_t cycles);
  void pages_given(const void* pages, unsigned count);
  void pages_taken(const void* pages, unsigned count);
  void crash(const char* text) { leave({.reason = ExitReason::broken, .detail = text}); }
  void report(std::string_view rule, std::string_view text);
  const HostedCpuConfig& config() const { return config_; }

 private:
  // Back to the run loop; returns when the program runs again, behind the upcalls that came first.
  void leave(Exit exit);
  void leave_uninterrupted(Exit exit);
  void set_call(uint64_t number, const std::array<uint64_t, 4>& arguments);
  void take_upcall();
  void take_interrupts();
  void own_runtime();

  const HostedCpuConfig config_;
  const CostTable costs_;
  Memory& memory_;
  Clock& clock_;
  CpuEnvironment& environment_;
  NativeCpuEnvironment* board_;
  Fiber fiber_;
  AddressNames names_;
  native_domain domain_{};
  std::vector<uint8_t> runtime_;  // the runtime's variables while another domain has them
  std::vector<bool> drivers_pages_;

  Registers registers_;
  std::array<uint8_t, 4096> kernel_stack_{};  // of upcalls, at a made-up address
  Tick deadline_;
  Exit exit_;
  uint64_t calls_ = 0;
  bool stop_requested_ = false;
  bool interrupt_line_ = false, interrupts_on_ = false, halted_ = false;
};

}  // namespace ringside
