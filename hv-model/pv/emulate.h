// Instructions that a PV guest may not execute, and that Xen executes for it (xen/arch/x86/pv/emul-priv-op.c,
// emul-inv-op.c).
#pragma once

#include "hv-model/hypervisor.h"

namespace ringside {

// After a general protection fault with error code 0: true when the instruction was dealt with (or a fault of
// its own raised), false when the guest has to see the fault.
bool emulate_privileged(Hypervisor& hypervisor, Domain& domain);

// After an invalid opcode: UD2, "xen", CPUID. Same meaning of the result.
bool emulate_forced_prefix(Hypervisor& hypervisor, Domain& domain);

// pv/msr.cpp. Nothing, or false: a general protection fault.
std::optional<uint64_t> read_msr(Hypervisor& hypervisor, Domain& domain, uint32_t number);
bool write_msr(Hypervisor& hypervisor, Domain& domain, uint32_t number, uint64_t value);

}  // namespace ringside
