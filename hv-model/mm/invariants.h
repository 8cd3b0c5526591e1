// What must hold of memory whatever guests do, recomputed from scratch: every reference and type count equals
// what page tables, pins, roots, grants and backends add up to, and nothing maps a page table writable. For
// tests and fuzzing: it reads every table.
#pragma once

#include <string>
#include <vector>

#include "hv-model/hypervisor.h"

namespace ringside {

// One line per violation, at most `limit`; none when all is well.
std::vector<std::string> memory_violations(Hypervisor& hypervisor, size_t limit = 20);

}  // namespace ringside
