// Long hypercalls. Xen lets others run in the middle of one: it sets the guest's instruction pointer back to
// the SYSCALL and its argument registers to what is left (hypercall_create_continuation), so that the guest
// sees one long call, in which events may arrive.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "hv-model/domain.h"

namespace ringside {

// False where there is nothing to set back: within a multicall, or in a domain without a core.
bool can_continue(Domain& domain, uint64_t number);
// The arguments in their order; the value for RAX, which is the hypercall's number.
int64_t continue_hypercall(Domain& domain, uint64_t number, std::initializer_list<uint64_t> arguments);

}  // namespace ringside
