// How fast the core runs, and what one trip out of it and back costs over the emulator's own.
#include <benchmark/benchmark.h>
#include <unicorn/unicorn.h>

#include <cstring>
#include <memory>
#include <vector>

#include "cpu/cpu.h"
#include "cpu/page_walker.h"
#include "sim/memory.h"

namespace {

using namespace ringside;

constexpr uint64_t kBase = 0x1'0000'0000;
constexpr uint64_t kBytes = 4 << 20;
constexpr uint64_t kCode = 0x40'0000;
constexpr uint64_t kData = 0x50'0000;

class Environment : public CpuEnvironment {
 public:
  CpuidLeaf cpuid(uint32_t, uint32_t) override { return {}; }
  uint64_t time_stamp_counter(Tick now) override { return now.ps; }
  uint32_t port_in(uint16_t, unsigned) override { return 0; }
  void port_out(uint16_t, unsigned, uint32_t) override {}
};

struct Guest {
  explicit Guest(std::vector<uint8_t> program) : memory(std::move(Memory::create({kBase}, kBytes).value())) {
    // One table of each level: 4 KiB pages from 4 MiB on.
    for (uint64_t level = 0; level < 3; ++level) {
      const uint64_t index = level == 2 ? kCode >> 21 : 0;
      memory->store<uint64_t>({kBase + (level << 12) + index * 8}, (kBase + ((level + 1) << 12)) | 7);
    }
    for (uint64_t page = 0; page < 512; ++page) {
      memory->store<uint64_t>({kBase + 0x3000 + page * 8}, (kBase + 0x10'0000 + (page << 12)) | 7);
    }
    memory->write({kBase + 0x10'0000}, program.data(), program.size());
    cpu = std::move(make_unicorn_cpu({}, *memory, clock, environment).value());
    cpu->set_page_table_root({kBase});
    cpu->set_rip(kCode);
    cpu->set_general(Registers::rdi, kData);
    cpu->set_general(Registers::rsp, kData + 0x8000);
  }
  std::unique_ptr<Memory> memory;
  Clock clock;
  Environment environment;
  std::unique_ptr<Cpu> cpu;
};

void run_for_a_millisecond(benchmark::State& state, Guest& guest) {
  const uint64_t before = guest.clock.instructions;
  for (auto _ : state) guest.cpu->run(guest.clock.now + milliseconds(1));
  state.counters["instructions"] =
      benchmark::Counter(static_cast<double>(guest.clock.instructions - before), benchmark::Counter::kIsRate);
}

// 1: inc eax; add rbx, rax; dec ecx; jmp 1b
void cpu_loop_arithmetic(benchmark::State& state) {
  Guest guest({0xff, 0xc0, 0x48, 0x01, 0xc3, 0xff, 0xc9, 0xeb, 0xf7});
  run_for_a_millisecond(state, guest);
}
BENCHMARK(cpu_loop_arithmetic);

// 1: mov [rdi], rax; mov rbx, [rdi]; add rax, rbx; jmp 1b
void cpu_loop_memory(benchmark::State& state) {
  Guest guest({0x48, 0x89, 0x07, 0x48, 0x8b, 0x1f, 0x48, 0x01, 0xd8, 0xeb, 0xf5});
  run_for_a_millisecond(state, guest);
}
BENCHMARK(cpu_loop_memory);

// 1: jmp 1b: nothing but blocks.
void cpu_loop_blocks(benchmark::State& state) {
  Guest guest({0xeb, 0xfe});
  run_for_a_millisecond(state, guest);
}
BENCHMARK(cpu_loop_blocks);

// 1: syscall; jmp 1b. With the hypervisor's minimum: one register read and one written.
void cpu_hypercall_round_trip(benchmark::State& state) {
  Guest guest({0x0f, 0x05, 0xeb, 0xfc});
  for (auto _ : state) {
    if (guest.cpu->run(Tick::never()).reason != ExitReason::hypercall) state.SkipWithError("not a hypercall");
    guest.cpu->set_general(Registers::rax, guest.cpu->general(Registers::rax) + 1);
  }
}
BENCHMARK(cpu_hypercall_round_trip);

void stop_emulator(uc_engine* uc, void*) { uc_emu_stop(uc); }

// The yardstick: the same two instructions on the emulator alone, stopped by its own hook and resumed.
void emulator_stop_and_start(benchmark::State& state) {
  uc_engine* uc = nullptr;
  uc_open(UC_ARCH_X86, UC_MODE_64, &uc);
  const uint8_t code[] = {0x0f, 0x05, 0xeb, 0xfc};
  uc_mem_map(uc, kCode, 0x1000, UC_PROT_ALL);
  uc_mem_write(uc, kCode, code, sizeof code);
  uc_hook hook;
  uc_hook_add(uc, &hook, UC_HOOK_INSN, reinterpret_cast<void*>(stop_emulator), nullptr, 1, 0,
              UC_X86_INS_SYSCALL);
  uc_ctl_exits_enable(uc);
  uint64_t rip = kCode;
  for (auto _ : state) {
    if (uc_emu_start(uc, rip, 0, 0, 0) != UC_ERR_OK) state.SkipWithError("the emulator refused");
    uc_reg_read(uc, UC_X86_REG_RIP, &rip);
  }
  uc_close(uc);
}
BENCHMARK(emulator_stop_and_start);

// A fault, with its exact address: mov eax, [rbx], not mapped.
void cpu_page_fault(benchmark::State& state) {
  Guest guest({0x8b, 0x03});
  guest.cpu->set_general(Registers::rbx, 0x1234'5678);
  for (auto _ : state) {
    if (guest.cpu->run(Tick::never()).reason != ExitReason::exception) state.SkipWithError("no fault");
  }
}
BENCHMARK(cpu_page_fault);

void cpu_translate(benchmark::State& state) {
  Guest guest({0x90});
  uint64_t page = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(guest.cpu->translate({kCode + ((page++ & 511) << 12)}, Access::read));
  }
}
BENCHMARK(cpu_translate);

void cpu_translate_after_flush(benchmark::State& state) {
  Guest guest({0x90});
  for (auto _ : state) {
    guest.cpu->flush_translations();
    benchmark::DoNotOptimize(guest.cpu->translate({kData}, Access::read));
  }
}
BENCHMARK(cpu_translate_after_flush);

void cpu_start(benchmark::State& state) {
  auto memory = std::move(Memory::create({kBase}, 64 << 20).value());
  Clock clock;
  Environment environment;
  for (auto _ : state) benchmark::DoNotOptimize(make_unicorn_cpu({}, *memory, clock, environment));
}
BENCHMARK(cpu_start);

}  // namespace
