// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled").
#include "storm.h"

static uint64_t state;

void random_seed(uint64_t seed) { state = seed * 0x9e3779b97f4a7c15ul | 1; }

uint64_t random_word(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1dul;
}

uint64_t random_below(uint64_t bound) { return (random_word() >> 16) % bound; }

uint64_t bend(uint64_t value) {
  switch (random_below(8)) {
    case 0: return value + 1;
    case 1: return value - 1;
    case 2: return 0;
    case 3: return ~0ul;
    case 4: return random_word();
    case 5: return random_word() >> random_below(64);
    default: return value ^ 1ul << random_below(64);
  }
}
