// All hypercalls of Xen 4.17's 64-bit ABI: number, name, who answers, and which argument names the
// sub-command.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ringside {

struct HypercallInProgress;

struct HypercallEntry {
  uint32_t number;
  std::string_view name;
  int64_t (*handler)(HypercallInProgress&);
  int command_argument = -1;  // -1: no sub-command
};

// Which arguments of a hypercall are addresses in the guest, a bit for each from bit 0 on.
unsigned address_arguments(uint64_t number);
// Whether it is about the processor that the guest runs on: its descriptor tables, page tables, handlers. A
// guest that runs on the host's processor has none of it.
bool is_about_processor(uint64_t number);

std::span<const HypercallEntry> hypercall_table();
// Null for a number that Xen does not answer.
const HypercallEntry* find_hypercall(uint64_t number);

}  // namespace ringside
