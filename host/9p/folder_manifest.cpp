#include "host/9p/folder_manifest.h"

#include <bit>
#include <cstring>

namespace ringside {

namespace {

static_assert(std::endian::native == std::endian::little);

enum AnswerKind : uint8_t { manifest_answer = 1, contents_answer = 2, failure_answer = 3 };

class Pack {
 public:
  explicit Pack(AnswerKind kind) { number(static_cast<uint8_t>(kind)); }
  template <class Number>
  void number(Number value) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof value);
  }
  void text(const std::string& text) {
    number(static_cast<uint32_t>(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  void bytes(std::span<const uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

// False, and nothing taken any more, once something does not fit.
class Unpack {
 public:
  explicit Unpack(std::span<const uint8_t> bytes) : rest_(bytes) {}
  template <class Number>
  bool number(Number& into) {
    if (rest_.size() < sizeof into) return give_up();
    std::memcpy(&into, rest_.data(), sizeof into);
    rest_ = rest_.subspan(sizeof into);
    return true;
  }
  bool kind(AnswerKind expected) {
    uint8_t found = 0;
    return number(found) && found == expected;
  }
  bool text(std::string& into) {
    uint32_t size = 0;
    if (!number(size) || rest_.size() < size) return give_up();
    into.assign(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return true;
  }
  std::span<const uint8_t> rest() const { return rest_; }

 private:
  bool give_up() {
    rest_ = {};
    return false;
  }
  std::span<const uint8_t> rest_;
};

bool take(Unpack& from, FolderEntry& entry) {
  return from.number(entry.directory) && from.number(entry.same_as) && from.number(entry.mode) &&
         from.number(entry.uid) && from.number(entry.gid) && from.number(entry.device) &&
         from.number(entry.size) && from.number(entry.modified.seconds) &&
         from.number(entry.modified.nanoseconds) && from.text(entry.name) && from.text(entry.target);
}

uint32_t type_of(const FolderEntry& entry) { return entry.mode & file_mode::type_mask; }

// Whether an entry may stand behind those that are there.
bool possible(const FolderEntry& entry, const std::vector<FolderEntry>& before) {
  if (entry.size > uint64_t{INT64_MAX} || entry.modified.nanoseconds > 999'999'999) return false;
  if (before.empty()) return type_of(entry) == file_mode::directory;
  if (entry.directory >= before.size() || type_of(before[entry.directory]) != file_mode::directory)
    return false;
  if (entry.same_as == FolderEntry::kNone) return true;
  if (entry.same_as >= before.size() || type_of(entry) == file_mode::directory) return false;
  const FolderEntry& first = before[entry.same_as];
  return first.same_as == FolderEntry::kNone && type_of(first) == type_of(entry);
}

}  // namespace

std::vector<uint8_t> encode(const FolderManifest& manifest) {
  Pack pack(manifest_answer);
  pack.number(static_cast<uint32_t>(manifest.entries.size()));
  for (const FolderEntry& entry : manifest.entries) {
    pack.number(entry.directory);
    pack.number(entry.same_as);
    pack.number(entry.mode);
    pack.number(entry.uid);
    pack.number(entry.gid);
    pack.number(entry.device);
    pack.number(entry.size);
    pack.number(entry.modified.seconds);
    pack.number(entry.modified.nanoseconds);
    pack.text(entry.name);
    pack.text(entry.target);
  }
  pack.number(static_cast<uint32_t>(manifest.remarks.size()));
  for (const std::string& remark : manifest.remarks) pack.text(remark);
  return pack.take();
}

std::vector<uint8_t> encode(const FolderBlock& block) {
  Pack pack(block.error == 0 ? contents_answer : failure_answer);
  pack.number(block.entry);
  pack.number(block.block);
  if (block.error == 0) {
    pack.bytes(block.contents);
  } else {
    pack.number(static_cast<uint32_t>(block.error));
    pack.text(block.explanation);
  }
  return pack.take();
}

std::optional<FolderManifest> decode_folder_manifest(std::span<const uint8_t> answer) {
  Unpack from(answer);
  FolderManifest manifest;
  uint32_t entries = 0, remarks = 0;
  if (!from.kind(manifest_answer) || !from.number(entries)) return std::nullopt;
  for (uint32_t i = 0; i < entries; ++i) {
    FolderEntry entry;
    if (!take(from, entry) || !possible(entry, manifest.entries)) return std::nullopt;
    manifest.entries.push_back(std::move(entry));
  }
  if (!from.number(remarks)) return std::nullopt;
  for (uint32_t i = 0; i < remarks; ++i) {
    std::string remark;
    if (!from.text(remark)) return std::nullopt;
    manifest.remarks.push_back(std::move(remark));
  }
  if (manifest.entries.empty() || !from.rest().empty()) return std::nullopt;
  return manifest;
}

std::optional<FolderBlock> decode_folder_block(std::span<const uint8_t> answer) {
  FolderBlock block;
  if (answer.empty()) return std::nullopt;
  Unpack from(answer.subspan(1));
  if (!from.number(block.entry) || !from.number(block.block)) return std::nullopt;
  if (answer[0] == contents_answer) {
    block.contents.assign(from.rest().begin(), from.rest().end());
    return block;
  }
  uint32_t error = 0;
  const bool known_error = answer[0] == failure_answer && from.number(error) && error != 0 && error < 4096;
  if (!known_error || !from.text(block.explanation) || !from.rest().empty()) return std::nullopt;
  block.error = static_cast<int>(error);
  return block;
}

}  // namespace ringside
