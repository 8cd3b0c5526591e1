#include "viewer/session/kept_fields.h"

#include <fmt/format.h>

namespace ringside::viewer {

namespace {
enum FieldBits : uint8_t { is_number = 1, prints_as_number = 2, has_number = 4, has_children = 8 };
}

// Seven bits a byte, the lowest first.
void KeptFields::put(uint64_t number) {
  for (; number >= 0x80; number >>= 7) packed_.push_back(static_cast<uint8_t>(number | 0x80));
  packed_.push_back(static_cast<uint8_t>(number));
}

uint64_t KeptFields::take(size_t& at) const {
  uint64_t number = 0;
  for (unsigned shift = 0;; shift += 7) {
    const uint8_t byte = packed_[at++];
    number |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return number;
  }
}

void KeptFields::put_text(std::string_view text) {
  if (text.size() <= kCutTextBytes || packed_.size() + shared_bytes_ < kWholeTextsMax) {
    put_whole_text(text);
  } else {
    put_whole_text(std::string(text.substr(0, kCutTextBytes - 3)) + "...");
  }
}

// A text is the number of a shared one, plus 1; or 0, its size and itself.
void KeptFields::put_whole_text(std::string_view text) {
  auto found = shared_.find(text);
  if (found == shared_.end() && shared_.size() < kSharedMax) {
    found = shared_.emplace(text, static_cast<uint32_t>(shared_.size())).first;
    shared_by_number_.push_back(&found->first);
    shared_bytes_ += 64 + text.size();  // the table's own included
  }
  if (found != shared_.end()) return put(uint64_t{found->second} + 1);
  put(0);
  put(text.size());
  packed_.insert(packed_.end(), text.begin(), text.end());
}

std::string KeptFields::take_text(size_t& at) const {
  const uint64_t shared = take(at);
  if (shared != 0) return *shared_by_number_[shared - 1];
  const uint64_t size = take(at);
  const auto begin = packed_.begin() + static_cast<ptrdiff_t>(at);
  at += size;
  return {begin, begin + static_cast<ptrdiff_t>(size)};
}

void KeptFields::put_fields(const std::vector<DecodedField>& fields) {
  put(fields.size());
  for (const DecodedField& field : fields) {
    const bool plain = field.is_number && field.text == fmt::format_int(field.number).c_str();
    packed_.push_back(static_cast<uint8_t>(
        (field.is_number ? is_number : 0) | (plain ? prints_as_number : 0) |
        (field.number != 0 ? has_number : 0) | (field.children.empty() ? 0 : has_children)));
    put_text(field.name);
    put(field.offset);
    put(field.size);
    if (field.number != 0) put(field.number);
    if (!plain) put_text(field.text);
    if (!field.children.empty()) put_fields(field.children);
  }
}

std::vector<DecodedField> KeptFields::take_fields(size_t& at) const {
  std::vector<DecodedField> fields(take(at));
  for (DecodedField& field : fields) {
    const uint8_t bits = packed_[at++];
    field.is_number = (bits & is_number) != 0;
    field.name = take_text(at);
    field.offset = take(at);
    field.size = take(at);
    if ((bits & has_number) != 0) field.number = take(at);
    field.text = (bits & prints_as_number) != 0 ? fmt::format_int(field.number).str() : take_text(at);
    if ((bits & has_children) != 0) field.children = take_fields(at);
  }
  return fields;
}

size_t KeptFields::add(const std::vector<DecodedField>& fields) {
  places_.push_back(packed_.size());
  put_fields(fields);
  return places_.size() - 1;
}

std::vector<DecodedField> KeptFields::get(size_t number) const {
  size_t at = places_[number];
  return take_fields(at);
}

void KeptFields::clear() { *this = KeptFields(); }

size_t KeptFields::bytes() const {
  return packed_.capacity() + places_.capacity() * sizeof(uint64_t) + shared_bytes_;
}

}  // namespace ringside::viewer
