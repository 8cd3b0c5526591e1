// The whole command, as a user runs it, from the start of the process to its end: CPU time by wait4().
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ringside::bench {
namespace {

struct CpuUse {
  double user = 0, system = 0;
};

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// Nothing: the command did not end with 0.
std::optional<CpuUse> run_quietly(std::vector<std::string> words) {
  const pid_t child = fork();
  if (child == 0) {
    const int nowhere = open("/dev/null", O_RDWR);
    for (int descriptor = 0; descriptor < 3; ++descriptor) dup2(nowhere, descriptor);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) return std::nullopt;
  return CpuUse{seconds_of(usage.ru_utime), seconds_of(usage.ru_stime)};
}

// A folder of our own, because several may run at once.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "ringside-bench-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

enum class Measured { user_time, cpu_time };

void grub(benchmark::State& state, bool recorded, Measured measured) {
  Folder folder;
  std::vector<std::string> command{RINGSIDE_COMMAND, "run", RINGSIDE_GRUB_SCENARIO};
  if (recorded) command.insert(command.end(), {"-o", folder.file("grub.pcapng")});
  for (auto _ : state) {
    const std::optional<CpuUse> use = run_quietly(command);
    if (!use) return state.SkipWithError("the GRUB scenario did not end with 0");
    state.SetIterationTime(use->user + (measured == Measured::cpu_time ? use->system : 0));
  }
}

#define GRUB_BENCHMARK(name, ...)            \
  BENCHMARK_CAPTURE(grub, name, __VA_ARGS__) \
      ->UseManualTime()                      \
      ->Unit(benchmark::kMillisecond)        \
      ->Iterations(1)                        \
      ->Repetitions(9)
GRUB_BENCHMARK(recorded_user, true, Measured::user_time);
GRUB_BENCHMARK(recorded_cpu, true, Measured::cpu_time);
GRUB_BENCHMARK(unrecorded_cpu, false, Measured::cpu_time);

}  // namespace
}  // namespace ringside::bench

BENCHMARK_MAIN();
