#include "sim/hash.h"

#include <xxhash.h>
// The same hash by the widest vectors that the host has: four times as fast over a page.
#if __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#endif

#include <algorithm>

namespace ringside {

uint64_t hash64(std::span<const uint8_t> bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t hash64(std::string_view text, uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

uint64_t file_hash(std::span<const uint8_t> contents) {
  uint64_t running = hash_mix(0, contents.size());
  for (size_t at = 0; at < contents.size(); at += kFileHashChunkBytes) {
    const size_t length = std::min<size_t>(kFileHashChunkBytes, contents.size() - at);
    running = hash_mix(running, hash64(contents.subspan(at, length)));
  }
  return running;
}

}  // namespace ringside
