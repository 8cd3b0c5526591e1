// What a crashed guest was at: registers, the instructions around RIP, and a stack trace with the names of
// its symbols where a file has them. For people; nothing depends on the form.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "cpu/native_cpu.h"

namespace ringside {

// `symbols_name` and `symbols`: an ELF file or a System.map; a file without symbols gives addresses only.
std::string crash_report(NativeCpu& cpu, const std::string& symbols_name, std::span<const uint8_t> symbols);

}  // namespace ringside
