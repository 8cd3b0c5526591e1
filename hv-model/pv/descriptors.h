// Segment descriptors and debug registers of a PV guest: what Xen lets it use (xen/arch/x86/pv/
// descriptor-tables.c check_descriptor; xen/arch/x86/traps.c set_debugreg).
#pragma once

#include <cstdint>
#include <optional>

#include "hv-model/hypervisor.h"

namespace ringside {

// The descriptor as Xen would store it (privilege level raised to 3), or nothing where it refuses it.
std::optional<uint64_t> checked_descriptor(uint64_t descriptor);

// The descriptor of a selector in the guest's GDT or LDT, or one of Xen's flat ones.
std::optional<uint64_t> find_descriptor(Hypervisor& hypervisor, Domain& domain, uint16_t selector);
bool is_data_segment(uint64_t descriptor);           // present; readable by MOV to a segment register
bool is_writable_data_segment(uint64_t descriptor);  // as SS needs it
bool is_long_code_segment(uint64_t descriptor);      // present, code, L set and D clear
uint64_t segment_base(uint64_t descriptor);

int64_t set_debug_register(Domain& domain, uint32_t number, uint64_t value);
std::optional<uint64_t> debug_register(const Domain& domain, uint32_t number);

}  // namespace ringside
