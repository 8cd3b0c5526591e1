// What a guest has written to an image that is opened copy-on-write: blocks of 4 KiB in memory, and ranges
// that were discarded and read as zero. It is ordinary private memory, so a fork has its own.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace ringside {

class BlockOverlay {
 public:
  static constexpr uint64_t kBlockBytes = 4096;
  using Block = std::array<uint8_t, kBlockBytes>;

  // Blocks that may be kept; a guest that writes more gets errors rather than the host's last memory.
  explicit BlockOverlay(uint64_t blocks_max) : blocks_max_(blocks_max) {}

  // Null: the overlay has no such block, and `discarded` says whether it reads as zero.
  const Block* find(uint64_t block) const;
  bool discarded(uint64_t block) const;

  // A block to write to, zeroed when it is new: the caller fills in what the image holds. Null when there is
  // no room.
  Block* find_or_add(uint64_t block);

  // Blocks [first, end) read as zero from now on.
  void discard(uint64_t first, uint64_t end);

  uint64_t blocks() const { return blocks_.size(); }
  bool untouched() const { return blocks_.empty() && zeroed_.empty(); }

 private:
  const uint64_t blocks_max_;
  std::map<uint64_t, std::unique_ptr<Block>> blocks_;
  std::map<uint64_t, uint64_t> zeroed_;  // disjoint, not adjacent: first -> end
};

}  // namespace ringside
