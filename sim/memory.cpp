#include "sim/memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>

#include "sim/assert.h"
#include "sim/hash.h"

namespace ringside {

Result<std::unique_ptr<Memory>> Memory::create(GuestPhys base, uint64_t bytes, HostPlace place) {
  SIM_ASSERT(base.value % kPageSize == 0 && bytes % kPageSize == 0);
  void* data = map_host_pages(bytes, place);
  if (data == nullptr) {
    return fail(fmt::format("cannot get {} MiB of memory for the guest: {}; lower `memory` in the scenario",
                            bytes >> 20, std::strerror(errno)));
  }
  return std::unique_ptr<Memory>(new Memory(base, bytes, static_cast<uint8_t*>(data)));
}

Memory::Memory(GuestPhys base, uint64_t bytes, uint8_t* data)
    : base_(base), size_(bytes), data_(data), flags_(bytes >> kPageShift) {
  // Of a large page a fork copies one entry instead of 512. A host that has none does without.
  (void)madvise(data_, size_, MADV_HUGEPAGE);
}

Memory::~Memory() { munmap(data_, size_); }

bool Memory::read(GuestPhys address, void* into, uint64_t length) const {
  if (!contains(address, length)) return false;
  std::memcpy(into, data_ + (address.value - base_.value), length);
  return true;
}

bool Memory::write(GuestPhys address, const void* from, uint64_t length) {
  if (!contains(address, length)) return false;
  if (length == 0) return true;
  const uint64_t offset = address.value - base_.value;
  std::memcpy(data_ + offset, from, length);
  bool holds_code = false;
  for (uint64_t frame = offset >> kPageShift; frame <= (offset + length - 1) >> kPageShift; ++frame) {
    holds_code = holds_code || (flags_[frame] & code) != 0;
    flags_[frame] |= touched;
  }
  if (holds_code) {
    for (const auto& observer : code_observers_) observer(address, length);
  }
  return true;
}

void Memory::add_code_observer(std::function<void(GuestPhys, uint64_t)> observer) {
  code_observers_.push_back(std::move(observer));
}

namespace {

bool all_zero(const uint8_t* page) {
  uint64_t first;
  std::memcpy(&first, page, sizeof first);
  return first == 0 && std::memcmp(page, page + sizeof first, kPageSize - sizeof first) == 0;
}

}  // namespace

uint64_t Memory::digest() const {
  // A frame that is touched but zero counts as one that never was: which frames are flagged may depend on
  // the emulator's refills, what they hold does not.
  uint64_t running = hash_mix(base_.value, size_);
  for (size_t frame = 0; frame < flags_.size(); ++frame) {
    if ((flags_[frame] & touched) == 0) continue;
    const uint8_t* page = data_ + (frame << kPageShift);
    if (all_zero(page)) continue;
    running = hash_mix(running, frame);
    running = hash_mix(running, hash64(std::span(page, kPageSize)));
  }
  return running;
}

}  // namespace ringside
