// What a PC's core sees around it: two buses, the interrupt controllers, MSRs of the platform. Before an
// access the machine catches up to the instruction that makes it, so that a device answers as it is at that
// time; behind it, whatever the device has scheduled bounds the run.
#pragma once

#include "cpu/native_cpu.h"
#include "devices/platform/platform.h"
#include "sim/bus.h"
#include "sim/notice.h"
#include "sim/systemc/timeline.h"

namespace ringside {

class PcEnvironment final : public NativeCpuEnvironment {
 public:
  PcEnvironment(Timeline& timeline, Bus& ports, Bus& memory, Notices& notices, uint64_t cpu_frequency_hz)
      : timeline_(timeline),
        clock_(timeline.clock()),
        ports_(ports),
        memory_(memory),
        notices_(notices),
        cpu_frequency_hz_(cpu_frequency_hz) {}

  // The other parts refer to the core or the platform in turn, so they come later.
  void connect(NativeCpu& cpu, Platform& platform) {
    cpu_ = &cpu;
    platform_ = &platform;
  }
  // The horizon of the run that begins.
  void set_horizon(Tick horizon) { horizon_ = horizon; }

  CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf) override;
  uint64_t time_stamp_counter(Tick now) override;
  uint32_t port_in(uint16_t port, unsigned size) override;
  void port_out(uint16_t port, unsigned size, uint32_t value) override;
  uint64_t memory_read(GuestPhys address, unsigned size) override;
  void memory_write(GuestPhys address, unsigned size, uint64_t value) override;
  std::optional<uint8_t> acknowledge_interrupt() override;
  std::optional<uint64_t> read_msr(uint32_t index) override;
  bool write_msr(uint32_t index, uint64_t value) override;
  uint8_t task_priority() override;
  void set_task_priority(uint8_t cr8) override;
  void notice(const std::string& message) override;

 private:
  void catch_up() {
    if (timeline_.next_tick() <= clock_.now) timeline_.advance_to(clock_.now);
  }
  void look_ahead() {
    const Tick next = timeline_.next_tick();
    if (next >= horizon_) return;
    horizon_ = next;
    cpu_->bring_deadline_forward(next);
  }

  Timeline& timeline_;
  const Clock& clock_;
  Bus& ports_;
  Bus& memory_;
  Notices& notices_;
  const uint64_t cpu_frequency_hz_;
  NativeCpu* cpu_ = nullptr;
  Platform* platform_ = nullptr;
  Tick horizon_ = Tick::never();
};

}  // namespace ringside
