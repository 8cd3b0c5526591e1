// Builds a paravirtual domain as Xen's toolstack does (libxenguest's dom_builder): reads the kernel's ELF and
// its Xen notes, places kernel, ramdisk, p2m, start_info, XenStore and console pages, page tables and boot
// stack, and sets the registers for its first instruction (public/xen.h, "start-of-day memory layout").
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "hv-model/hypervisor.h"
#include "sim/result.h"

namespace ringside {

struct PvBuildRequest {
  std::string kernel_name;          // for messages
  std::span<const uint8_t> kernel;  // ELF64, perhaps compressed: a clear error says what it is instead
  std::span<const uint8_t> ramdisk;
  std::string command_line;
  uint64_t memory_bytes = 0;
};

struct PvDomainPages {
  Mfn xenstore, console;                                // shared rings
  EventPort xenstore_port, console_port;                // the guest's ends
  EventPort xenstore_remote_port, console_remote_port;  // domain 0's ends
};

// On failure nothing of the domain runs. `domain.cpu` must be set.
Result<PvDomainPages> build_pv_domain(Hypervisor& hypervisor, Domain& domain, const PvBuildRequest& request);

}  // namespace ringside
