// What a fuzz target provides, and what the driver makes of it. A target is a .cpp in this folder with
//
//   extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);   // libFuzzer's entry
//   std::vector<std::vector<uint8_t>> ringside::fuzz_seeds();                  // inputs to begin with
//
// and a line `ringside_fuzz(name LINKS target... RUNS n)` in CMakeLists.txt. g++ has no libFuzzer, so the
// driver mutates the seeds itself: always the same inputs for the same seed, on every machine. It does not
// measure coverage, so what it cannot reach from the seeds by a few changes it will not reach.
//
//   fuzz_name                        runs the registered number of inputs with seed 1
//   fuzz_name --runs N --seed S      runs N inputs
//   fuzz_name FILE...                runs these files, one after the other
//
// A crash leaves the input in crash-<target> in the current folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace ringside {

std::vector<std::vector<uint8_t>> fuzz_seeds();

}  // namespace ringside
