// A few instructions as text, one a line, for people.
#pragma once

#include <functional>
#include <string>

#include "cpu/disassembler.h"

namespace ringside {

// Reads up to that many bytes at an address; fewer where memory ends.
using PeekBytes = std::function<size_t(uint64_t address, uint8_t* into, size_t length)>;

std::string list_instructions(const Disassembler& disassembler, const PeekBytes& peek, uint64_t address,
                              unsigned count, CodeWidth width = CodeWidth::bits_64);

}  // namespace ringside
