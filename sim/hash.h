// The one hash of the house: XXH3 with 64 bits, for digests, checksums and forked seeds.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ringside {

uint64_t hash64(std::span<const uint8_t> bytes, uint64_t seed = 0);
uint64_t hash64(std::string_view text, uint64_t seed = 0);

// The hash of a file's contents, in chunks, so that a reader can leave out the holes of a sparse file: begins
// with hash_mix(0, size), then mixes in hash64 of each chunk.
inline constexpr uint64_t kFileHashChunkBytes = 1 << 20;
uint64_t file_hash(std::span<const uint8_t> contents);

// Mixes a number into a running hash. Cheap enough for every crossing; order matters.
constexpr uint64_t hash_mix(uint64_t running, uint64_t value) {
  uint64_t x = running ^ (value + 0x9e3779b97f4a7c15ull + (running << 6) + (running >> 2));
  x *= 0xff51afd7ed558ccdull;
  return x ^ (x >> 32);
}

}  // namespace ringside
