// Seeded randomness (xoshiro256**, Blackman and Vigna 2018). Every component forks its own stream by its
// name, so that a component that draws more numbers does not change what another one sees.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ringside {

class Random {
 public:
  explicit Random(uint64_t seed);

  // An independent stream that depends on this stream's seed and on the name only.
  Random fork(std::string_view component) const;

  uint64_t next();
  // A number from 0 to bound - 1 without bias; bound must not be 0.
  uint64_t below(uint64_t bound);
  // True once in `n` on average.
  bool one_in(uint64_t n) { return below(n) == 0; }

  uint64_t seed() const { return seed_; }

 private:
  uint64_t seed_;
  std::array<uint64_t, 4> state_;
};

}  // namespace ringside
