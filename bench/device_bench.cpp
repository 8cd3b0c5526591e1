// What one access to a device costs, from the guest's instruction through the core, the bus, an untapped wire
// and the device's register, and back: CPU time of a loop of two million in a whole machine (device_loop.c).
// And what a test without a processor costs (ringside/device.h), as it is by default: crossings are kept and
// checkers watch.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/cpu_time.h"
#include "machine/machine.h"
#include "ringside/device.h"

namespace ringside::bench {
namespace {

constexpr double kAccesses = 2'000'000;

void device_loop(benchmark::State& state, const char* kind) {
  const std::string text =
      std::string("name = \"device-loop\"\n[[domain]]\npersonality = \"bare\"\nmemory = \"16M\"\n") +
      "kernel = \"" RINGSIDE_DEVICE_LOOP "\"\ncmdline = \"" + kind + "\"\n[[nic]]\n";
  const auto scenario = parse_scenario(text, "device-loop", {});
  if (!scenario) return state.SkipWithError(scenario.error().message.c_str());
  for (auto _ : state) {
    auto machine = Machine::create(*scenario, {});
    if (!machine) return state.SkipWithError(machine.error().message.c_str());
    const double before = cpu_seconds();
    const auto report = (*machine)->run();
    const double took = cpu_seconds() - before;
    if (!report || report->reason != "poweroff")
      return state.SkipWithError("the guest did not come to its end");
    state.SetIterationTime(took / kAccesses);
  }
}

void empty_loop(benchmark::State& state) { device_loop(state, "empty"); }
void port_read(benchmark::State& state) { device_loop(state, "port"); }
void mmio_read(benchmark::State& state) { device_loop(state, "mmio"); }

BENCHMARK(empty_loop)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(7);
BENCHMARK(port_read)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(7);
BENCHMARK(mmio_read)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(7);

// A driver's start: rate, format, FIFOs, interrupts, a character.
void access_ten_times(const test::Uart& uart) {
  uart.write8(3, 0x83);
  uart.write8(0, 1);
  uart.write8(1, 0);
  uart.write8(3, 0x03);
  uart.write8(2, 0x81);
  uart.write8(4, 0x0b);
  uart.write8(1, 0x01);
  benchmark::DoNotOptimize(uart.read8(5));
  benchmark::DoNotOptimize(uart.read8(2));
  uart.write8(0, 'x');
}

// A bench with a UART, ten accesses, and its end.
void device_setup_ten(benchmark::State& state) {
  constexpr int kBenches = 5000;
  for (auto _ : state) {
    const double before = cpu_seconds();
    for (int i = 0; i < kBenches; ++i) {
      test::DeviceBench bench;
      access_ten_times(bench.add_uart());
    }
    state.SetIterationTime((cpu_seconds() - before) / kBenches);
  }
}
BENCHMARK(device_setup_ten)->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(1)->Repetitions(7);

void device_register(benchmark::State& state) {
  constexpr int kPairs = 50'000;
  test::DeviceBench bench;
  const test::Uart& uart = bench.add_uart();
  for (auto _ : state) {
    const double before = cpu_seconds();
    for (int i = 0; i < kPairs; ++i) {
      uart.write8(7, static_cast<uint8_t>(i));
      benchmark::DoNotOptimize(uart.read8(5));
    }
    state.SetIterationTime((cpu_seconds() - before) / (2 * kPairs));
    bench.advance(test::Duration(1));
  }
}
BENCHMARK(device_register)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(7);

}  // namespace
}  // namespace ringside::bench
