#include "sim/host_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace ringside {

namespace {

// Where neither Linux nor address sanitizer puts anything: from 32 TiB on, a terabyte for each machine that
// lives at the same time, of which the last quarter is for stacks.
constexpr uint64_t kFirst = uint64_t{32} << 40;
constexpr uint64_t kEach = uint64_t{1} << 40;
constexpr uint64_t kStacks = kEach / 4 * 3;
constexpr unsigned kMachinesMax = 16;
constexpr unsigned kStacksMax = 16;
constexpr uint64_t kStackDistance = uint64_t{1} << 30;

void* map_at(uint64_t address, size_t bytes) {
  const int fixed = address != 0 ? MAP_FIXED_NOREPLACE : 0;
  void* wanted = reinterpret_cast<void*>(address);
  void* pages =
      mmap(wanted, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  if (address == 0 || pages == wanted) return pages;
  munmap(pages, bytes);  // a kernel that does not know the flag
  return nullptr;
}

}  // namespace

void* map_host_pages(size_t bytes, HostPlace place) {
  for (unsigned machine = 0; machine < kMachinesMax && place != HostPlace::anywhere; ++machine) {
    const uint64_t base = kFirst + machine * kEach;
    if (place == HostPlace::memory) {
      if (void* pages = map_at(base, bytes)) return pages;
    }
    for (unsigned stack = 0; stack < kStacksMax && place == HostPlace::stack; ++stack) {
      if (void* pages = map_at(base + kStacks + stack * kStackDistance, bytes)) return pages;
    }
  }
  return map_at(0, bytes);
}

}  // namespace ringside
