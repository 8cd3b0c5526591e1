// How Xen enters a PV guest: the stack frame that it leaves for the guest's handler, and the switch between
// the guest's kernel and user mode, which both run at CPL 3 (xen/arch/x86/x86_64/entry.S create_bounce_frame;
// xen/arch/x86/pv/traps.c; xen/arch/x86/pv/domain.c toggle_guest_mode).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hv-model/hypervisor.h"

namespace ringside {

// What to enter. An address of 0 crashes the domain, as it does in Xen.
struct TrapBounce {
  uint64_t address = 0;
  bool masks_events = false;
  std::optional<uint32_t> error_code;
  bool with_segments = false;  // the failsafe callback's frame holds ds, es, fs and gs, too
  std::string reason;          // for the text of a crash: "page fault (vector 14, error code 0x2) at 0x10"
};

// False when the domain has been crashed instead.
bool bounce_to_guest(Hypervisor& hypervisor, Domain& domain, const TrapBounce& bounce);

// Raises an exception in the guest. Page faults name the address.
void inject_exception(Hypervisor& hypervisor, Domain& domain, uint8_t vector,
                      std::optional<uint32_t> error_code = std::nullopt,
                      std::optional<GuestVirt> fault_address = std::nullopt);
void bounce_failsafe(Hypervisor& hypervisor, Domain& domain);

// CR2 as the guest sees it: by MOV, and in vcpu_info (Xen's arch_set_cr2).
void set_page_fault_address(Hypervisor& hypervisor, Domain& domain, uint64_t address);

// Changes the page table root, and swaps the bases of GS.
void toggle_guest_mode(Hypervisor& hypervisor, Domain& domain);

// Whether the processor could return to these selectors and this address; if not, Xen's own IRET would fault.
bool return_is_valid(Hypervisor& hypervisor, Domain& domain, const Registers& registers);

// "rip 0x...: mov ...; rax=0x... ..." for the text of a crash.
std::string describe_vcpu(const Domain& domain);

}  // namespace ringside
