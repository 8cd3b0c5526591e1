#include "host/9p/file_contents.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringside {

void FileContents::set_source(std::shared_ptr<ContentSource> source) {
  source_ = std::move(source);
  source_bytes_ = size_ = source_->size();
}

FileResult<> FileContents::read_below(uint64_t offset, std::span<uint8_t> into) const {
  size_t filled = 0;
  if (offset < source_bytes_) {
    const size_t there = static_cast<size_t>(std::min<uint64_t>(into.size(), source_bytes_ - offset));
    const FileResult<size_t> got = source_->read(offset, into.first(there));
    if (!got) return file_error(got.error());
    filled = std::min(*got, there);
  }
  std::fill(into.begin() + static_cast<ptrdiff_t>(filled), into.end(), uint8_t{0});
  return {};
}

FileResult<size_t> FileContents::read(uint64_t offset, std::span<uint8_t> into) const {
  if (offset >= size_) return 0;
  into = into.first(static_cast<size_t>(std::min<uint64_t>(into.size(), size_ - offset)));
  auto block = blocks_.lower_bound(offset / kBlockBytes);
  size_t done = 0;
  while (done < into.size()) {
    const uint64_t at = offset + done;
    const std::span<uint8_t> rest = into.subspan(done);
    size_t length = rest.size();
    if (block != blocks_.end() && block->first == at / kBlockBytes) {
      const size_t within = static_cast<size_t>(at % kBlockBytes);
      length = std::min<size_t>(length, kBlockBytes - within);
      std::memcpy(rest.data(), block->second->data() + within, length);
      ++block;
    } else {
      if (block != blocks_.end()) {
        length = static_cast<size_t>(std::min<uint64_t>(length, block->first * kBlockBytes - at));
      }
      const FileResult<> below = read_below(at, rest.first(length));
      if (!below) return file_error(below.error());
    }
    done += length;
  }
  return done;
}

FileResult<size_t> FileContents::write(uint64_t offset, std::span<const uint8_t> from, uint64_t room) {
  size_t done = 0;
  int error = ENOSPC;
  while (done < from.size()) {
    const uint64_t at = offset + done, number = at / kBlockBytes;
    const size_t within = static_cast<size_t>(at % kBlockBytes);
    const size_t length = std::min<size_t>(from.size() - done, kBlockBytes - within);
    auto place = blocks_.lower_bound(number);
    if (place == blocks_.end() || place->first != number) {
      if (room == 0) break;
      auto fresh = std::make_unique<Block>();
      if (length < kBlockBytes) {
        const FileResult<> below = read_below(number * kBlockBytes, *fresh);
        if (!below) {
          error = below.error();
          break;
        }
      }
      --room;
      if (number >= source_blocks()) ++blocks_outside_;
      place = blocks_.emplace_hint(place, number, std::move(fresh));
    }
    std::memcpy(place->second->data() + within, from.data() + done, length);
    done += length;
  }
  if (done == 0 && !from.empty()) return file_error(error);
  if (done != 0) size_ = std::max(size_, offset + done);
  return done;
}

void FileContents::resize(uint64_t size) {
  if (size < size_) {
    const uint64_t outside_from = source_blocks();
    const auto first = blocks_.lower_bound((size + kBlockBytes - 1) / kBlockBytes);
    for (auto block = first; block != blocks_.end(); ++block) {
      if (block->first >= outside_from) --blocks_outside_;
    }
    blocks_.erase(first, blocks_.end());
    source_bytes_ = std::min(source_bytes_, size);
    // What is cut off must not come back when the file grows again.
    const auto last = blocks_.find(size / kBlockBytes);
    if (last != blocks_.end()) {
      std::fill(last->second->begin() + static_cast<ptrdiff_t>(size % kBlockBytes), last->second->end(),
                uint8_t{0});
    }
  }
  size_ = size;
}

}  // namespace ringside
