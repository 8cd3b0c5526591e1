// Writes the scenario's disk image: make_disk FILE.
#include <array>
#include <cstdio>
#include <cstdlib>

#include "scenarios/blk-read/pattern.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_disk FILE\n");
    return EXIT_FAILURE;
  }
  std::FILE* file = std::fopen(arguments[1], "wb");
  bool good = file != nullptr;
  for (uint64_t sector = 0; good && sector < kDiskSectors; ++sector) {
    std::array<uint64_t, kPatternWords> words;
    uint64_t word = pattern_start(sector, 0);
    for (uint64_t& each : words) {
      each = word;
      word += kPatternStep;
    }
    good = std::fwrite(words.data(), sizeof words, 1, file) == 1;
  }
  if (file != nullptr && std::fclose(file) != 0) good = false;
  if (!good) std::perror(arguments[1]);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
