// A BIOS image, such as Debian's /usr/share/seabios/bios-256k.bin: ROM that ends at 4 GiB, where the
// processor begins. A PC shows its last 128 KiB below 1 MiB too; the chipset's shadow RAM is plain RAM here.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "boot/boot.h"

namespace ringside {

struct BiosRom {
  BootState state;  // the reset vector
  GuestPhys base;   // of the ROM; its bytes are the file's
};

// Fails where the file cannot be a BIOS. Copies its end to 0xe0000-0xfffff.
Result<BiosRom> boot_bios(Memory& memory, const std::string& name, std::span<const uint8_t> file);

}  // namespace ringside
