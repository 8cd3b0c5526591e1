// The `bare` protocol: a plain ELF64 of our own (guest/), in long mode from its first instruction.
// boot/README.md says what it finds there.
#pragma once

#include "boot/boot.h"

namespace ringside {

Result<BootState> boot_bare(Memory& memory, const BootRequest& request);

}  // namespace ringside
