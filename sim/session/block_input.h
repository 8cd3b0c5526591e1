// Reads a session file block by block, each one judged: sound, cut (the file ends inside it), or damaged.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"

namespace ringside {

class BlockInput {
 public:
  struct Block {
    uint64_t offset = 0;
    uint32_t type = 0;
    std::span<const uint8_t> bytes;  // valid until the next call
    uint64_t end() const { return offset + bytes.size(); }
  };

  BlockInput() = default;
  ~BlockInput();
  BlockInput(const BlockInput&) = delete;
  BlockInput& operator=(const BlockInput&) = delete;

  Result<> open(const std::string& path);
  // The file may have grown. An error where it has become shorter, or is not the one of that name any more.
  Result<> look_again();
  uint64_t size() const { return size_; }
  uint64_t position() const { return position_; }
  void seek(uint64_t offset) { position_ = offset; }

  // The block at the current position, or nothing where the file ends: position() is then where the last
  // complete block ends. Damage is an error that names the offset and the kind of block.
  Result<std::optional<Block>> next();
  // The last block of the file, when the file ends with a sound one of at most `size_max` bytes.
  std::optional<Block> last(uint32_t size_max);

  Error damage(uint64_t offset, std::string_view kind, std::string_view why) const;
  Error error(std::string_view what) const;

 private:
  // Makes up to `count` bytes at `offset` visible; fewer where the file ends. Grows by what is there, never
  // by what a length field claims.
  Result<std::span<uint8_t>> view(uint64_t offset, size_t count);

  std::string path_;
  int file_ = -1;
  uint64_t size_ = 0;
  uint64_t position_ = 0;
  std::vector<uint8_t> window_;
  uint64_t window_offset_ = 0;
  // Blocks of the window that were found to be sound: who reads an epoch after looking for its end, reads
  // them twice.
  uint64_t sound_from_ = 0, sound_to_ = 0;
};

}  // namespace ringside
