// Decoded fields of many rows, packed: a field takes about ten bytes. Texts that come again and again (names,
// paths) are kept once; numbers that print as they are have no text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/field_table.h"

namespace ringside::viewer {

class KeptFields {
 public:
  // Returns the number of what was added, from 0.
  size_t add(const std::vector<DecodedField>& fields);
  std::vector<DecodedField> get(size_t number) const;
  size_t size() const { return places_.size(); }
  void clear();
  size_t bytes() const;

 private:
  // Texts beyond so many are kept where they stand.
  static constexpr size_t kSharedMax = 65536;
  // A message of a few bytes may name a file by a path of thousands: once so much is kept, long texts are
  // cut.
  static constexpr size_t kWholeTextsMax = size_t{256} << 20;
  static constexpr size_t kCutTextBytes = 64;

  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  void put(uint64_t number);
  void put_text(std::string_view text);
  void put_whole_text(std::string_view text);
  void put_fields(const std::vector<DecodedField>& fields);
  uint64_t take(size_t& at) const;
  std::string take_text(size_t& at) const;
  std::vector<DecodedField> take_fields(size_t& at) const;

  std::vector<uint8_t> packed_;
  std::vector<uint64_t> places_;
  std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> shared_;
  std::vector<const std::string*> shared_by_number_;
  size_t shared_bytes_ = 0;
};

}  // namespace ringside::viewer
