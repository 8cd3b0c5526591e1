// The addresses that a hosted program uses, under names that are the same in every run: where the host has
// put the program's data, its heap and its stack must not be seen on a wire or in a digest. To the machine
// the program has an address space of its own:
//   - the machine's memory at kMemory, by machine address;
//   - the fiber's stack below kStackTop;
//   - anything else that it passes: 64 KiB for each address, in the order of their first use.
//
// Pointers inside of what it passes are the host's, and no wire shows them: find() takes those as well. What
// the program may not read or write itself cannot be reached by either.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "machine/hosted/fiber.h"
#include "sim/memory.h"

namespace ringside {

class AddressNames {
 public:
  AddressNames(Memory& memory, const Fiber& fiber) : memory_(memory), fiber_(fiber) {}

  // The name of an address of the host; null stays null.
  uint64_t name(uint64_t address);
  // Copies from and to where a name or an address of the host leads. False, with nothing done, where the
  // program could not have done it itself.
  bool read(uint64_t address, void* into, uint64_t length) const;
  bool write(uint64_t address, const void* from, uint64_t length);

 private:
  static constexpr uint64_t kMemory = 0xffff'9000'0000'0000;
  static constexpr uint64_t kStackTop = 0xffff'a000'1000'0000;
  static constexpr uint64_t kOthers = 0xffff'b000'0000'0000;
  static constexpr uint64_t kOtherBytes = 64 << 10;
  static constexpr uint64_t kOthersMax = 1 << 20;

  // Where the host has it; 0: nowhere.
  uint64_t find(uint64_t address, uint64_t length) const;

  Memory& memory_;
  const Fiber& fiber_;
  std::map<uint64_t, uint64_t> others_;  // by address: which one
  std::vector<uint64_t> addresses_;
};

}  // namespace ringside
