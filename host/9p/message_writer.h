// Builds an R message in the buffer that will be handed over.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "host/9p/messages.h"

namespace ringside {

class NinePWriter {
 public:
  NinePWriter(uint8_t type, uint16_t tag) : bytes_(ninep::header_bytes) {
    bytes_[4] = type;
    store(5, tag, 2);
  }

  // Throws away what was written; the tag stays.
  void restart(uint8_t type) {
    bytes_.resize(ninep::header_bytes);
    bytes_[4] = type;
  }
  void u8(uint8_t value) { bytes_.push_back(value); }
  void u16(uint64_t value) { number(value, 2); }
  void u32(uint64_t value) { number(value, 4); }
  void u64(uint64_t value) { number(value, 8); }
  void text(std::string_view value) {
    u16(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  void qid(uint8_t type, uint32_t version, uint64_t path) {
    u8(type);
    u32(version);
    u64(path);
  }

  size_t size() const { return bytes_.size(); }
  // More bytes at the end, for the caller to fill; valid until the next call.
  std::span<uint8_t> grow(size_t count) {
    bytes_.resize(bytes_.size() + count);
    return std::span(bytes_).last(count);
  }
  void cut_to(size_t size) { bytes_.resize(size); }
  void set_u16(size_t at, uint64_t value) { store(at, value, 2); }
  void set_u32(size_t at, uint64_t value) { store(at, value, 4); }

  std::vector<uint8_t> finish() {
    set_u32(0, bytes_.size());
    return std::move(bytes_);
  }

 private:
  void number(uint64_t value, size_t size) {
    bytes_.resize(bytes_.size() + size);
    store(bytes_.size() - size, value, size);
  }
  void store(size_t at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) bytes_[at + i] = static_cast<uint8_t>(value >> (8 * i));
  }

  std::vector<uint8_t> bytes_;
};

}  // namespace ringside
