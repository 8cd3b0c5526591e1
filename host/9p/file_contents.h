// The bytes of a regular file: a source that is read lazily, and over it the blocks that were written, in
// memory. What neither has reads as zero, so a file may be as sparse as its client likes. A file that is cut
// forgets what the source had behind the cut.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "host/9p/content_source.h"

namespace ringside {

class FileContents {
 public:
  static constexpr uint64_t kBlockBytes = 4096;

  void set_source(std::shared_ptr<ContentSource> source);

  uint64_t size() const { return size_; }
  uint64_t blocks_kept() const { return blocks_.size(); }
  // What stat(2) says: of 512 bytes, here and in the source.
  uint64_t sectors() const { return (source_blocks() + blocks_outside_) * (kBlockBytes / 512); }

  // At or behind the end: 0.
  FileResult<size_t> read(uint64_t offset, std::span<uint8_t> into) const;
  // Writes as much as fits into `room` more blocks; ENOSPC when that is nothing. The range must not pass
  // 2^63.
  FileResult<size_t> write(uint64_t offset, std::span<const uint8_t> from, uint64_t room);
  void resize(uint64_t size);

 private:
  using Block = std::array<uint8_t, kBlockBytes>;
  uint64_t source_blocks() const { return (source_bytes_ + kBlockBytes - 1) / kBlockBytes; }
  // From the source, with zeros behind its end.
  FileResult<> read_below(uint64_t offset, std::span<uint8_t> into) const;

  uint64_t size_ = 0;
  std::shared_ptr<ContentSource> source_;
  uint64_t source_bytes_ = 0;  // of the source that still count
  std::map<uint64_t, std::unique_ptr<Block>> blocks_;
  uint64_t blocks_outside_ = 0;  // of them, those behind the source
};

}  // namespace ringside
