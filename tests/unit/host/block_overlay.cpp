// Proves that the overlay agrees with a plain array of blocks, over random operations.
#include "host/block_overlay.h"

#include <catch2/catch.hpp>
#include <map>

#include "sim/random.h"

using namespace ringside;

TEST_CASE("overlay: random writes and discards agree with a model") {
  constexpr uint64_t kBlocks = 64;
  const uint64_t seed = 20240102;
  CAPTURE(seed);
  Random random(seed);
  BlockOverlay overlay(kBlocks);
  CHECK(overlay.untouched());
  std::map<uint64_t, int> model;  // -1: discarded, otherwise the byte that was written
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t block = random.below(kBlocks);
    if (random.one_in(4)) {
      const uint64_t end = block + random.below(kBlocks - block + 1);
      overlay.discard(block, end);
      for (uint64_t i = block; i < end; ++i) model[i] = -1;
    } else {
      const int byte = static_cast<int>(random.below(256));
      overlay.find_or_add(block)->fill(static_cast<uint8_t>(byte));
      model[block] = byte;
    }
    const uint64_t looked_at = random.below(kBlocks);
    const auto expected = model.find(looked_at);
    const BlockOverlay::Block* found = overlay.find(looked_at);
    if (expected == model.end()) {
      REQUIRE(found == nullptr);
      REQUIRE_FALSE(overlay.discarded(looked_at));
    } else if (expected->second < 0) {
      REQUIRE(found == nullptr);
      REQUIRE(overlay.discarded(looked_at));
    } else {
      REQUIRE(found != nullptr);
      REQUIRE(found->back() == expected->second);
    }
  }
}

TEST_CASE("overlay: a full one gives no more blocks, but what it has stays usable") {
  BlockOverlay overlay(2);
  CHECK(overlay.find_or_add(1) != nullptr);
  CHECK(overlay.find_or_add(5) != nullptr);
  CHECK(overlay.find_or_add(6) == nullptr);
  CHECK(overlay.find_or_add(5) != nullptr);
  overlay.discard(1, 2);
  CHECK(overlay.find_or_add(6) != nullptr);
}
