// The BIOS data area at 0x400 (IBM PC/AT Technical Reference, "System BIOS"): the words in it that kernels
// read when no BIOS ran. The rest is zero.
#pragma once

#include "sim/memory.h"

namespace ringside {

void store_bios_data_area(Memory& memory);

}  // namespace ringside
