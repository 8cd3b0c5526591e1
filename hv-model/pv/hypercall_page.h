// The page that a paravirtual guest calls instead of executing SYSCALL itself: 32 bytes per hypercall
// (xen/arch/x86/pv/hypercall.c, pv_ring3_init_hypercall_page).
#pragma once

#include <array>
#include <cstdint>

#include "sim/ids.h"

namespace ringside {

std::array<uint8_t, kPageSize> make_hypercall_page();

}  // namespace ringside
