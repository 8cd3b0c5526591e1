// The 82540EM's registers, one row each; the rows stand in e1000_registers.cpp. What is an array of equal
// words (filters, tables) is an E1000Array instead. 317453 revision 4.0, table 13-2 and chapter 13.
#pragma once

#include <span>
#include <string_view>

#include "sim/registers.h"

namespace ringside {

class E1000;

struct E1000RegisterTable {
  static std::span<const Register<E1000>> rows();
};

// Words of 32 bits at `offset`, each `stride` bytes behind the last, that hold what is written to them.
struct E1000Array {
  std::string_view name;
  uint32_t offset = 0;
  uint32_t words = 0;
  uint32_t stride = 4;
  uint32_t writable = ~0u;
  uint32_t writable_odd = ~0u;  // of every second word
  std::string_view section = {};
};

std::span<const E1000Array> e1000_arrays();

}  // namespace ringside
