// The paravirtual personality: what happens between a guest's exit and its next instruction. Hypercalls,
// exceptions bounced to the guest's trap handlers, emulated privileged instructions, event upcalls.
#pragma once

#include <memory>

#include "cpu/cpu.h"
#include "hv-model/hypervisor.h"

namespace ringside {

class PvGuest {
 public:
  PvGuest(Hypervisor& hypervisor, Domain& domain);
  ~PvGuest();

  // False while blocked or polling, and after the end.
  bool runnable() const;
  // Delivers a pending upcall when it may be delivered; call before each run.
  void prepare_to_run();
  // Deals with what ended a run.
  void handle_exit(const Exit& exit);

 private:
  void system_call();
  void user_system_call();
  void exception(const Exit& exit);
  void software_interrupt(uint8_t vector);
  void handle_page_fault(const Exit& exit);

  Hypervisor& hypervisor_;
  Domain& domain_;
};

// What a PV domU of Xen 4.17 sees of the processor (cpuid.cpp): used by the machine to make the core.
class PvCpuEnvironment : public CpuEnvironment {
 public:
  explicit PvCpuEnvironment(uint64_t frequency_hz) : frequency_hz_(frequency_hz) {}
  CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf) override;
  uint64_t time_stamp_counter(Tick now) override;
  uint32_t port_in(uint16_t port, unsigned size) override;
  void port_out(uint16_t port, unsigned size, uint32_t value) override;

 private:
  uint64_t frequency_hz_;
};

}  // namespace ringside
