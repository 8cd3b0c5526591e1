// Builds a paravirtual domain whose program runs on the host's processor: the frames, and what it shares with
// Xen and domain 0, as builder.h does for a kernel; no kernel, no page tables. All its frames follow each
// other, so that one offset leads from a machine address to where the host has it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hv-model/pv/builder.h"

namespace ringside {

struct HostedDomain {
  PvDomainPages pages;
  Mfn first_free;  // behind the pages that have a use from the start
  uint64_t free_pages = 0;
  std::vector<uint8_t> start_info;  // struct start_info, without what only a kernel has
};

// `domain.cpu` must be set.
Result<HostedDomain> build_hosted_domain(Hypervisor& hypervisor, Domain& domain, uint64_t memory_bytes,
                                         const std::string& command_line);

}  // namespace ringside
