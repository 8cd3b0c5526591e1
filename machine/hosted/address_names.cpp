#include "machine/hosted/address_names.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cstring>

namespace ringside {

namespace {

// Between the host's user addresses and the names there is what no processor can address.
constexpr uint64_t kHostEnd = uint64_t{1} << 47;

}  // namespace

uint64_t AddressNames::name(uint64_t address) {
  if (address == 0 || address >= kHostEnd) return address;
  const auto begin = reinterpret_cast<uint64_t>(memory_.data());
  if (address >= begin && address - begin < memory_.size())
    return kMemory + memory_.base().value + (address - begin);
  const auto* byte = reinterpret_cast<const std::byte*>(address);
  if (fiber_.on_stack(byte))
    return kStackTop - static_cast<uint64_t>(fiber_.stack() + Fiber::kStackBytes - byte);
  const auto [found, is_new] = others_.try_emplace(address, addresses_.size());
  if (is_new) {
    // One that passes a million different ones gets no more names, and finds its newest nowhere.
    if (addresses_.size() >= kOthersMax) {
      others_.erase(found);
      return kOthers - kOtherBytes;
    }
    addresses_.push_back(address);
  }
  return kOthers + found->second * kOtherBytes;
}

uint64_t AddressNames::find(uint64_t address, uint64_t length) const {
  const uint64_t data = reinterpret_cast<uint64_t>(memory_.data());
  if (address < kHostEnd) return length < kHostEnd - address ? address : 0;
  if (address >= kMemory && address < kMemory + (uint64_t{1} << 43)) {
    const GuestPhys at{address - kMemory};
    return memory_.contains(at, length) ? data + (at.value - memory_.base().value) : 0;
  }
  if (address >= kStackTop - Fiber::kStackBytes && address < kStackTop) {
    const uint64_t below = kStackTop - address;
    return length <= below ? reinterpret_cast<uint64_t>(fiber_.stack()) + Fiber::kStackBytes - below : 0;
  }
  if (address < kOthers) return 0;
  const uint64_t which = (address - kOthers) / kOtherBytes, offset = (address - kOthers) % kOtherBytes;
  if (which >= addresses_.size() || length > kOtherBytes - offset) return 0;
  return addresses_[which] + offset;
}

bool AddressNames::read(uint64_t address, void* into, uint64_t length) const {
  if (length == 0) return true;
  const uint64_t at = find(address, length);
  if (at == 0) return false;
  const auto* from = reinterpret_cast<const std::byte*>(at);
  const auto data = reinterpret_cast<uint64_t>(memory_.data());
  const bool in_memory = at >= data && at - data < memory_.size() && length <= memory_.size() - (at - data);
  if (in_memory || (fiber_.on_stack(from) && fiber_.on_stack(from + length - 1))) {
    std::memcpy(into, from, length);
    return true;
  }
  // The kernel says whether it can be read, without a fault.
  iovec local{into, length}, remote{const_cast<std::byte*>(from), length};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(length);
}

bool AddressNames::write(uint64_t address, const void* from, uint64_t length) {
  if (length == 0) return true;
  const uint64_t at = find(address, length);
  if (at == 0) return false;
  auto* into = reinterpret_cast<std::byte*>(at);
  const auto data = reinterpret_cast<uint64_t>(memory_.data());
  if (at >= data && at - data < memory_.size())
    return memory_.write(memory_.base() + (at - data), from, length);
  if (fiber_.on_stack(into) && fiber_.on_stack(into + length - 1)) {
    std::memcpy(into, from, length);
    return true;
  }
  iovec local{const_cast<void*>(from), length}, remote{into, length};
  return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(length);
}

}  // namespace ringside
