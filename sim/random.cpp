#include "sim/random.h"

#include <bit>

#include "sim/assert.h"
#include "sim/hash.h"

namespace ringside {

namespace {

// SplitMix64 (Steele, Lea and Flood 2014), which xoshiro's authors recommend for seeding.
uint64_t split_mix(uint64_t& x) {
  x += 0x9e3779b97f4a7c15ull;
  uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

}  // namespace

Random::Random(uint64_t seed) : seed_(seed), state_{} {
  for (uint64_t& word : state_) word = split_mix(seed);
}

Random Random::fork(std::string_view component) const { return Random(hash64(component, seed_)); }

uint64_t Random::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Random::below(uint64_t bound) {
  SIM_ASSERT(bound != 0);
  // Lemire's method: the high half of a product, with the few values rejected that would be too frequent.
  unsigned __int128 product = static_cast<unsigned __int128>(next()) * bound;
  if (static_cast<uint64_t>(product) < bound) {
    const uint64_t threshold = (0 - bound) % bound;
    while (static_cast<uint64_t>(product) < threshold) {
      product = static_cast<unsigned __int128>(next()) * bound;
    }
  }
  return static_cast<uint64_t>(product >> 64);
}

}  // namespace ringside
