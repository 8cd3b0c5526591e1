// Where the contents of a file come from that nobody has written to yet: a file of the host, a generator.
// Read lazily, when a client reads, so a tree of gigabytes costs its names only. What is written stays in the
// tree's memory (host/9p/file_contents.h), so a source is never written to.
#pragma once

#include <cstdint>
#include <span>

#include "host/9p/file_attributes.h"

namespace ringside {

class ContentSource {
 public:
  virtual ~ContentSource() = default;

  // Of the whole file; the same as long as the source lives, whatever happens to the file behind it.
  virtual uint64_t size() const = 0;

  // Fills `into` from `offset`; the range lies within size(). Returns the bytes that were read: the rest,
  // where the file has got shorter, reads as zero. An error is a positive errno value and goes to the client.
  virtual FileResult<size_t> read(uint64_t offset, std::span<uint8_t> into) = 0;
};

}  // namespace ringside
