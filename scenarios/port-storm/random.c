// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled").
#include "scenarios/port-storm/storm.h"

static uint64_t state;

void random_start(uint64_t seed) { state = seed * 0x9e3779b97f4a7c15ull + 1; }

uint64_t random64(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1dull;
}

uint64_t random_below(uint64_t bound) { return (random64() >> 11) % bound; }

uint64_t random_value(void) {
  switch (random_below(8)) {
    case 0: return 0;
    case 1: return ~0ull;
    case 2: return 1ull << random_below(64);
    case 3: return random_below(16);
    case 4: return random64() & random64() & random64();
    case 5: return (1ull << random_below(33)) - 1;
    default: return random64();
  }
}
