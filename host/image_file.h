// The raw file behind a disk image: opened, checked, read and written at absolute places.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "sim/result.h"

namespace ringside {

class ImageFile {
 public:
  // `disk` is the disk's name in the scenario, for messages.
  static Result<ImageFile> open(const std::string& disk, const std::string& path, bool writable);
  ~ImageFile();
  ImageFile(ImageFile&& other) noexcept;
  ImageFile& operator=(ImageFile&&) = delete;

  uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }

  // 0, or the host's errno; a file that has become shorter gives EIO.
  int read(uint64_t offset, std::span<uint8_t> into) const;
  int write(uint64_t offset, std::span<const uint8_t> from) const;
  int sync() const;
  // Makes a range read as zero.
  int punch(uint64_t offset, uint64_t bytes) const;
  // Of a file that was opened writable.
  int resize(uint64_t bytes);

  Result<uint64_t> content_hash() const;

 private:
  ImageFile(int descriptor, std::string path, uint64_t size)
      : descriptor_(descriptor), path_(std::move(path)), size_(size) {}
  // Where the next byte that may not be zero is, at or behind `offset`.
  uint64_t next_data(uint64_t offset) const;

  int descriptor_;
  std::string path_;
  uint64_t size_;
};

}  // namespace ringside
