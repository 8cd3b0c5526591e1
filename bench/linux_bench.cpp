// Debian's cloud kernel from power on to the prompt of its shell (scenarios/linux-serial), here and in
// Debian's QEMU on the same files: user CPU time of the process. Here the guest powers off at the prompt, so
// that a recording is whole; QEMU is ended there.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "bench/process.h"

namespace ringside::bench {
namespace {

constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";
constexpr const char* kFiles = RINGSIDE_BUILD_SCENARIOS "/linux-serial/";

bool is_there(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

// Said to check_limits, which then leaves the figure out.
bool can_run(benchmark::State& state, bool qemu) {
  if (!is_there(std::string(kFiles) + "vmlinuz")) {
    state.SkipWithError("not there: the kernel; run scripts/fetch-guests");
    return false;
  }
  if (!qemu || is_there(kQemu)) return true;
  state.SkipWithError("not there: qemu-system-x86_64 (package qemu-system-x86)");
  return false;
}

std::vector<std::string> to_the_prompt() {
  return {RINGSIDE_COMMAND,
          "run",
          RINGSIDE_LINUX_SCENARIO,
          "--set",
          "expect.console=[]",
          "--set",
          "input=[{wire=\"console\", when=\"linux# \", send=\"poweroff -f\\r\"}]"};
}

void ringside_run(benchmark::State& state, bool recorded, bool checked) {
  if (!can_run(state, false)) return;
  Folder folder;
  std::vector<std::string> command = to_the_prompt();
  if (!checked) command.push_back("--no-check");
  if (recorded) command.insert(command.end(), {"-o", folder.file("s.pcapng")});
  for (auto _ : state) {
    const auto use = run_quietly(command);
    if (!use) return state.SkipWithError("linux-serial did not end with 0");
    state.SetIterationTime(use->user);
  }
}

// Debian's kernel as a paravirtual guest, from its ext4 disk to the prompt (scenarios/linux-pv).
void ringside_pv(benchmark::State& state, bool recorded) {
  if (!is_there(RINGSIDE_BUILD_SCENARIOS "/linux-pv/root.img"))
    return state.SkipWithError("not there: the root file system; run scripts/fetch-guests");
  Folder folder;
  std::vector<std::string> command{
      RINGSIDE_COMMAND,
      "run",
      RINGSIDE_LINUX_PV_SCENARIO,
      "--set",
      "expect.console=[]",
      "--set",
      "input=[{wire=\"console\", when=\"linux-pv# \", send=\"poweroff -f\\r\"}]"};
  if (recorded) command.insert(command.end(), {"-o", folder.file("s.pcapng")});
  for (auto _ : state) {
    const auto use = run_quietly(command);
    if (!use) return state.SkipWithError("linux-pv did not end with 0");
    state.SetIterationTime(use->user);
  }
}

void ringside_replay(benchmark::State& state) {
  if (!can_run(state, false)) return;
  Folder folder;
  const std::string session = folder.file("s.pcapng");
  std::vector<std::string> recording = to_the_prompt();
  recording.insert(recording.end(), {"-o", session});
  if (!run_quietly(recording)) return state.SkipWithError("linux-serial did not end with 0");
  for (auto _ : state) {
    const auto use = run_quietly({RINGSIDE_COMMAND, "replay", session});
    if (!use) return state.SkipWithError("the replay did not end with 0");
    state.SetIterationTime(use->user);
  }
}

void qemu(benchmark::State& state, bool record) {
  if (!can_run(state, true)) return;
  Folder folder;
  std::vector<std::string> command{kQemu,
                                   "-accel",
                                   "tcg,thread=single",
                                   "-m",
                                   "128",
                                   "-display",
                                   "none",
                                   "-no-reboot",
                                   "-serial",
                                   "stdio",
                                   "-monitor",
                                   "none",
                                   "-nic",
                                   "none",
                                   "-kernel",
                                   std::string(kFiles) + "vmlinuz",
                                   "-initrd",
                                   std::string(kFiles) + "initramfs.cpio",
                                   "-append",
                                   "console=ttyS0,115200 panic=-1"};
  if (record)
    command.insert(command.end(), {"-icount", "shift=3,rr=record,rrfile=" + folder.file("qemu.rr")});
  for (auto _ : state) {
    const auto use = run_until(command, "linux# ");
    if (!use) return state.SkipWithError("QEMU did not come to the prompt");
    state.SetIterationTime(use->user);
  }
}

#define LINUX_BENCHMARK(function, name, ...)     \
  BENCHMARK_CAPTURE(function, name, __VA_ARGS__) \
      ->UseManualTime()                          \
      ->Unit(benchmark::kMillisecond)            \
      ->Iterations(1)                            \
      ->Repetitions(5)
LINUX_BENCHMARK(ringside_run, linux_recorded, true, true);
LINUX_BENCHMARK(ringside_run, linux_unchecked, true, false);
LINUX_BENCHMARK(ringside_run, linux_unrecorded, false, true);
LINUX_BENCHMARK(qemu, linux_plain, false);
LINUX_BENCHMARK(qemu, linux_record, true);
BENCHMARK_CAPTURE(ringside_pv, recorded, true)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->Repetitions(5);
BENCHMARK_CAPTURE(ringside_pv, unrecorded, false)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->Repetitions(5);
BENCHMARK(ringside_replay)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1)->Repetitions(5);

}  // namespace
}  // namespace ringside::bench
