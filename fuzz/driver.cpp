#include "fuzz/driver.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "sim/random.h"
#include "sim/sanitizer.h"

#if defined(RINGSIDE_ADDRESS_SANITIZER)
#include <sanitizer/common_interface_defs.h>
#endif

namespace ringside {

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kSizeMax = 1u << 20;

// The input that is being tried, for the report of a crash.
const Bytes* current_input = nullptr;
std::string crash_path;

void save_current_input() {
  if (current_input == nullptr) return;
  const int file = ::open(crash_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0) return;
  if (::write(file, current_input->data(), current_input->size()) < 0) std::perror("crash file");
  ::close(file);
  std::fprintf(stderr, "the input is in %s: run the target with it\n", crash_path.c_str());
  current_input = nullptr;
}

void on_signal(int signal) {
  save_current_input();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(const Bytes& input) {
  current_input = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
  current_input = nullptr;
}

// One change of the kinds that find bugs in parsers: bits, bytes, numbers at their limits, pieces removed,
// repeated, moved, or taken from another input.
void mutate(Bytes& input, const std::vector<Bytes>& seeds, Random& random) {
  static constexpr uint64_t kInteresting[] = {0,
                                              1,
                                              0x7f,
                                              0x80,
                                              0xff,
                                              0x7fff,
                                              0x8000,
                                              0xffff,
                                              0x7fffffff,
                                              0x80000000,
                                              0xffffffff,
                                              0x7fffffffffffffff,
                                              0xffffffffffffffff};
  if (input.empty()) input.push_back(0);
  const size_t at = random.below(input.size());
  const size_t count = std::min<size_t>(1 + random.below(random.one_in(4) ? 256 : 8), input.size() - at);
  const auto place = input.begin() + static_cast<ptrdiff_t>(at);
  switch (random.below(8)) {
    case 0: input[at] ^= static_cast<uint8_t>(1u << random.below(8)); break;
    case 1: input[at] = static_cast<uint8_t>(random.next()); break;
    case 2: {
      const uint64_t number = kInteresting[random.below(std::size(kInteresting))];
      std::memcpy(&input[at], &number, std::min(size_t{1} << random.below(4), input.size() - at));
      break;
    }
    case 3: input[at] = static_cast<uint8_t>(input[at] + random.below(9) - 4); break;
    case 4: input.erase(place, place + static_cast<ptrdiff_t>(count)); break;
    case 5: {
      const Bytes piece(place, place + static_cast<ptrdiff_t>(count));
      const size_t to = random.below(input.size() + 1);
      input.insert(input.begin() + static_cast<ptrdiff_t>(to), piece.begin(), piece.end());
      break;
    }
    case 6: input.resize(at); break;
    case 7: {
      const Bytes& other = seeds[random.below(seeds.size())];
      if (other.empty()) break;
      const size_t from = random.below(other.size());
      const size_t length = std::min({count, other.size() - from, input.size() - at});
      std::copy_n(other.begin() + static_cast<ptrdiff_t>(from), length, place);
      break;
    }
  }
  if (input.size() > kSizeMax) input.resize(kSizeMax);
}

void run_mutations(uint64_t runs, uint64_t seed) {
  const std::vector<Bytes> seeds = fuzz_seeds();
  for (const Bytes& input : seeds) run(input);
  const Random root(seed);
  for (uint64_t i = 0; i < runs; ++i) {
    Random random = root.fork(std::to_string(i));
    Bytes input = seeds[random.below(seeds.size())];
    for (uint64_t changes = 1 + random.below(6); changes > 0; --changes) mutate(input, seeds, random);
    run(input);
  }
  std::printf("%zu seeds and %llu mutations of them: no finding\n", seeds.size(),
              static_cast<unsigned long long>(runs));
}

}  // namespace

}  // namespace ringside

int main(int argc, char** argv) {
  using namespace ringside;
  const std::string name = std::string(argv[0]).substr(std::string(argv[0]).rfind('/') + 1);
  crash_path = "crash-" + name;
#if defined(RINGSIDE_ADDRESS_SANITIZER)
  __sanitizer_set_death_callback(save_current_input);
#endif
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS}) {
#if defined(RINGSIDE_ADDRESS_SANITIZER)
    if (signal != SIGABRT) continue;  // the sanitizer reports the others
#endif
    std::signal(signal, on_signal);
  }
  uint64_t runs = RINGSIDE_FUZZ_RUNS, seed = 1;
  bool files = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if ((argument == "--runs" || argument == "--seed") && i + 1 < argc) {
      (argument == "--runs" ? runs : seed) = std::strtoull(argv[++i], nullptr, 0);
      continue;
    }
    std::ifstream file(argument, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "%s: cannot read '%s'\n", name.c_str(), argument.c_str());
      return 2;
    }
    files = true;
    run(Bytes(std::istreambuf_iterator<char>(file), {}));
  }
  if (!files) run_mutations(runs, seed);
  return 0;
}
