/* What the disk of this scenario holds: each 64-bit word depends on its sector, its place and the generation
   (0: as made; 1: as written by the guest). Used by the guest and by the tool that makes the image. */
#pragma once

#include <stdint.h>

enum { kPatternWords = 512 / 8, kDiskSectors = 4096 };

/* The first word of a sector: the finaliser of SplitMix64. */
static inline uint64_t pattern_start(uint64_t sector, unsigned generation) {
  uint64_t x = sector + 1 + ((uint64_t)generation << 48);
  x *= 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/* From one word of a sector to the next: one addition, since the guest checks every word. */
static const uint64_t kPatternStep = 0x9e3779b97f4a7c15ull;
