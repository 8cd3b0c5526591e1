// What every paravirtual domain shares with Xen and domain 0 from its start, however its memory is laid out:
// shared_info, the grant table, XenStore's and the console's pages and event channels (libxenguest,
// xg_dom_boot.c).
#pragma once

#include <vector>

#include "hv-model/hypervisor.h"
#include "hv-model/pv/builder.h"

namespace ringside {

// The domain's frames by pfn, shared_info and the grant table. Empty: the machine has not enough memory.
std::vector<Mfn> allocate_domain(Hypervisor& hypervisor, Domain& domain, uint64_t pages);
// Opens the channels to domain 0, and lets it use both pages.
Result<PvDomainPages> connect_domain(Hypervisor& hypervisor, Domain& domain, Mfn xenstore, Mfn console);
// libxenguest's shared_info_x86_64: all zero but the upcall masks. Which ports are masked is the guest's
// matter: none is.
void write_shared_info(Hypervisor& hypervisor, Domain& domain);

}  // namespace ringside
