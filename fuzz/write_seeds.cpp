// libFuzzer takes inputs to begin with from folders only. With RINGSIDE_SEEDS_TO set, a target writes its
// seeds into that folder and ends (scripts/fuzz).
#include <cstdio>
#include <cstdlib>
#include <string>

#include "fuzz/driver.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* folder = std::getenv("RINGSIDE_SEEDS_TO");
  if (folder == nullptr) return 0;
  unsigned number = 0;
  for (const auto& seed : ringside::fuzz_seeds()) {
    const std::string path = std::string(folder) + "/seed-" + std::to_string(number++);
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr || std::fwrite(seed.data(), 1, seed.size(), file) != seed.size()) {
      std::perror(path.c_str());
      std::exit(2);
    }
    std::fclose(file);
  }
  std::exit(0);
}
