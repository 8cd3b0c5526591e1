// Machine memory: one contiguous range of frames, shared by all domains of a machine. It is private and
// anonymous, so that fork() is a snapshot.
//
// Every store of the host (a backend's answer, a device's DMA, shared_info) goes through write() or
// store(): they tell the core that translated code on that page is stale, and mark the frame as touched, so
// that digests need not read frames that are still zero. The guest's own stores reach memory directly; the
// core marks frames when it maps them for writing.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "sim/host_pages.h"
#include "sim/ids.h"
#include "sim/result.h"

namespace ringside {

class Memory {
 public:
  // `base` and `bytes` must be multiples of the page size. Fails when the host has not that much memory.
  static Result<std::unique_ptr<Memory>> create(GuestPhys base, uint64_t bytes,
                                                HostPlace place = HostPlace::anywhere);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  GuestPhys base() const { return base_; }
  uint64_t size() const { return size_; }
  uint64_t frames() const { return size_ >> kPageShift; }
  Mfn first_frame() const { return frame_of(base_); }
  uint8_t* data() { return data_; }

  bool contains(GuestPhys address, uint64_t length) const {
    return address.value >= base_.value && length <= size_ && address.value - base_.value <= size_ - length;
  }
  bool contains(Mfn frame) const {
    return frame.value >= first_frame().value && frame.value - first_frame().value < frames();
  }
  // The position of a frame in tables with one entry per frame; the frame must be contained.
  size_t index_of(Mfn frame) const { return static_cast<size_t>(frame.value - first_frame().value); }

  // For reading only; null when any byte lies outside. What a guest shares it may change at any time that it
  // runs: copy before judging.
  const uint8_t* at(GuestPhys address, uint64_t length) const {
    return contains(address, length) ? data_ + (address.value - base_.value) : nullptr;
  }

  // False, with nothing done, when any byte lies outside.
  bool read(GuestPhys address, void* into, uint64_t length) const;
  bool write(GuestPhys address, const void* from, uint64_t length);

  // Single values; the address must be contained.
  template <class T>
  T load(GuestPhys address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, data_ + (address.value - base_.value), sizeof value);
    return value;
  }
  template <class T>
  void store(GuestPhys address, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    write(address, &value, sizeof value);
  }

  // --- For the core ---
  enum FrameFlag : uint8_t {
    touched = 1,  // may hold something else than zero
    code = 2,     // holds translated code: a host's store must call the observer
  };
  uint8_t frame_flags(Mfn frame) const { return flags_[index_of(frame)]; }
  void set_frame_flags(Mfn frame, uint8_t flags) { flags_[index_of(frame)] |= flags; }
  void clear_frame_flags(Mfn frame, uint8_t flags) {
    flags_[index_of(frame)] &= static_cast<uint8_t>(~flags);
  }
  // Called after a host's store into frames that are flagged `code`. Each core adds its own.
  void add_code_observer(std::function<void(GuestPhys, uint64_t length)> observer);

  // A hash over all frames that hold anything but zero, with their numbers.
  uint64_t digest() const;

 private:
  Memory(GuestPhys base, uint64_t bytes, uint8_t* data);

  GuestPhys base_;
  uint64_t size_;
  uint8_t* data_;
  std::vector<uint8_t> flags_;
  std::vector<std::function<void(GuestPhys, uint64_t)>> code_observers_;
};

}  // namespace ringside
