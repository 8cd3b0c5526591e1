// Names in filters: what every row has, and the fields of payload types.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sim/field_table.h"

namespace ringside::viewer {

// What every row has.
inline constexpr std::array<std::string_view, 10> kRowNames{
    "wire", "device", "domain", "time", "sequence", "direction", "kind", "type", "size", "text"};
// What a row may be.
inline constexpr std::array<std::string_view, 3> kRowWords{"fault", "notice", "violation"};

bool is_row_name(std::string_view name);
bool is_row_word(std::string_view name);

// How well a word fits a name; larger is better. A table calls what it does "op" or "operation".
enum class NameFit : uint8_t { none, ends, begins, whole };
NameFit fit_of(std::string_view word, std::string_view name);

// Which of these names a word means: the places of the one that fits best, as often as it is there. None
// where two fit equally well.
std::vector<size_t> meant_names(std::string_view word, const std::vector<std::string_view>& names);

// A part of a payload that has a name.
struct NamedPart {
  std::string_view name;
  const Field* field = nullptr;  // null: the tail itself
  bool in_tail = false;          // a field of the tail's records
};
std::vector<NamedPart> parts_of(const PayloadType& type);
std::vector<NamedPart> find_parts(const PayloadType& type, std::string_view word);

// Those that messages of such types have (sim/message_renderer.h): they stand in no table.
const std::vector<std::string_view>& rendered_names();

// Every name that some row may have, by the alphabet.
std::vector<std::string> all_names();

}  // namespace ringside::viewer
