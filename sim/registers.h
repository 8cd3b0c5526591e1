// A device's registers: one row each, one truth. The row drives reset, storage, access rules, the names in
// notices and in the generic tests (tests/support/register_checks.h), and later the viewer's labels.
//
// A device has a `constexpr Register<Device> kRegisters[]` in x_registers.h and a RegisterFile made from it.
// A register whose value is more than stored bits gives `on_read` or `on_write`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ringside {

enum class RegisterAccess : uint8_t {
  read_write,
  read_only,        // a write changes nothing
  write_only,       // a read gives what on_read says, else 0
  read_clear,       // reads once; then it is 0
  write_one_clear,  // writing a 1 clears the bit
};

struct RegisterRow {
  std::string_view name;  // as the datasheet prints it: "IIR", "CTRL"
  uint32_t offset = 0;    // bytes from the start of the device's range
  uint8_t width = 1;      // bytes
  RegisterAccess access = RegisterAccess::read_write;
  uint64_t reset = 0;             // the value after reset
  uint64_t writable = ~0ull;      // the bits that a write may change (read_write), set (write_only) or clear
  std::string_view section = {};  // of the datasheet
  // Several registers at one offset, chosen by another one (a UART's DLAB) or by the direction of the access.
  uint8_t bank = 0;
};

template <class Device>
struct Register : RegisterRow {
  // The value that a read gives, with its side effects. Null: what is stored.
  uint64_t (Device::*on_read)() = nullptr;
  // Called with the value as it was written, after the stored bits have changed.
  void (Device::*on_write)(uint64_t value) = nullptr;
};

// Stored values, and the rules of access. Lookup by offset and bank is one step.
template <class Device>
class RegisterFile {
 public:
  static constexpr size_t kNone = ~size_t{0};

  explicit RegisterFile(std::span<const Register<Device>> rows) : rows_(rows), values_(rows.size()) {
    uint32_t end = 0;
    for (const auto& row : rows) {
      end = std::max(end, row.offset + row.width);
      banks_ = std::max(banks_, row.bank + 1u);
    }
    span_ = end;
    index_.assign(static_cast<size_t>(end) * banks_, -1);
    for (size_t i = 0; i < rows.size(); ++i) {
      index_[rows[i].bank * static_cast<size_t>(span_) + rows[i].offset] = static_cast<int32_t>(i);
    }
    reset();
  }

  void reset() {
    for (size_t i = 0; i < rows_.size(); ++i) values_[i] = rows_[i].reset;
  }
  // The register that starts at this offset, or kNone.
  size_t find(uint64_t offset, unsigned bank = 0) const {
    if (offset >= span_ || bank >= banks_) return kNone;
    const int32_t found = index_[bank * static_cast<size_t>(span_) + offset];
    return found < 0 ? kNone : static_cast<size_t>(found);
  }
  const Register<Device>& row(size_t index) const { return rows_[index]; }
  uint64_t& value(size_t index) { return values_[index]; }
  uint64_t value(size_t index) const { return values_[index]; }
  std::span<const Register<Device>> rows() const { return rows_; }

  uint64_t read(Device& device, size_t index) {
    const Register<Device>& row = rows_[index];
    if (row.on_read != nullptr) return (device.*row.on_read)();
    if (row.access == RegisterAccess::write_only) return 0;
    const uint64_t value = values_[index];
    if (row.access == RegisterAccess::read_clear) values_[index] = 0;
    return value;
  }
  void write(Device& device, size_t index, uint64_t value) {
    const Register<Device>& row = rows_[index];
    switch (row.access) {
      case RegisterAccess::read_only:
      case RegisterAccess::read_clear: break;
      case RegisterAccess::write_one_clear: values_[index] &= ~(value & row.writable); break;
      case RegisterAccess::read_write:
      case RegisterAccess::write_only:
        values_[index] = (values_[index] & ~row.writable) | (value & row.writable);
        break;
    }
    if (row.on_write != nullptr) (device.*row.on_write)(value);
  }

 private:
  std::span<const Register<Device>> rows_;
  std::vector<uint64_t> values_;
  std::vector<int32_t> index_;
  uint32_t span_ = 0;
  unsigned banks_ = 1;
};

}  // namespace ringside
