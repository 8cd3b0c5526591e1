// Little-endian numbers in byte arrays: parsing a kernel's header, building a table.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ringside {

// The caller has checked that the number lies within `bytes`.
template <class Number>
Number number_at(std::span<const uint8_t> bytes, size_t offset) {
  Number number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

// A table of fixed size that is filled field by field.
class ByteTable {
 public:
  explicit ByteTable(size_t size = 0) : bytes_(size) {}

  template <class Number>
  ByteTable& put(size_t offset, Number number) {
    if (offset + sizeof number > bytes_.size()) bytes_.resize(offset + sizeof number);
    std::memcpy(bytes_.data() + offset, &number, sizeof number);
    return *this;
  }
  template <class Number>
  ByteTable& append(Number number) {
    return put(bytes_.size(), number);
  }
  ByteTable& put_bytes(size_t offset, std::span<const uint8_t> from) {
    if (offset + from.size() > bytes_.size()) bytes_.resize(offset + from.size());
    std::memcpy(bytes_.data() + offset, from.data(), from.size());
    return *this;
  }
  // Padded with `fill` to `width`.
  ByteTable& put_text(size_t offset, std::string_view text, size_t width, char fill = ' ') {
    if (offset + width > bytes_.size()) bytes_.resize(offset + width);
    std::memset(bytes_.data() + offset, fill, width);
    std::memcpy(bytes_.data() + offset, text.data(), text.size() < width ? text.size() : width);
    return *this;
  }
  // Sets the byte at `offset` so that the `length` bytes from `start` on add up to zero.
  ByteTable& put_checksum(size_t offset, size_t start, size_t length) {
    bytes_[offset] = 0;
    uint8_t sum = 0;
    for (size_t i = start; i < start + length; ++i) sum = static_cast<uint8_t>(sum + bytes_[i]);
    bytes_[offset] = static_cast<uint8_t>(-sum);
    return *this;
  }
  size_t size() const { return bytes_.size(); }
  std::span<const uint8_t> bytes() const { return bytes_; }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace ringside
