// The machine's answers to what the runtime of hosted programs asks for: each goes to the core whose fiber
// runs. And a PC's core, for that is all that it is: accesses to the board, and interrupts.
#include "machine/hosted/native_calls.h"

#include "machine/hosted/hosted_cpu.h"
#include "sim/assert.h"

namespace ringside {

namespace {

HostedCpu& core() {
  HostedCpu* current = HostedCpu::current();
  SIM_ASSERT(current != nullptr);
  return *current;
}

constexpr uint64_t kAccessCycles = 40;
constexpr uint64_t kFlagCycles = 20;
constexpr uint64_t kRelaxCycles = 100;

uint64_t low_bytes(uint64_t value, unsigned size) {
  return size >= 8 ? value : value & ((uint64_t{1} << (8 * size)) - 1);
}

}  // namespace

// An access takes its instruction, then happens, then takes the bus's time, as on an emulated core.
uint64_t HostedCpu::port_in(uint16_t port, unsigned size) {
  if (board_ == nullptr) return ~uint64_t{0};
  pass_time(kAccessCycles);
  const uint64_t value = board_->port_in(port, size);
  charge(kPortAccess);
  return low_bytes(value, size);
}

void HostedCpu::port_out(uint16_t port, unsigned size, uint64_t value) {
  if (board_ == nullptr) return;
  pass_time(kAccessCycles);
  board_->port_out(port, size, static_cast<uint32_t>(low_bytes(value, size)));
  charge(kPortAccess);
  // A write may have ended the machine: nothing comes behind it.
  if (stop_requested_) pass_time(0);
}

uint64_t HostedCpu::memory_read(uint64_t address, unsigned size) {
  if (board_ == nullptr) return ~uint64_t{0};
  pass_time(kAccessCycles);
  uint64_t value = 0;
  if (memory_.contains(GuestPhys{address}, size)) {
    memory_.read(GuestPhys{address}, &value, size);
    return value;
  }
  value = board_->memory_read(GuestPhys{address}, size);
  charge(kDeviceAccess);
  return low_bytes(value, size);
}

void HostedCpu::memory_write(uint64_t address, unsigned size, uint64_t value) {
  if (board_ == nullptr) return;
  pass_time(kAccessCycles);
  value = low_bytes(value, size);
  if (memory_.contains(GuestPhys{address}, size)) {
    memory_.write(GuestPhys{address}, &value, size);
    return;
  }
  board_->memory_write(GuestPhys{address}, size, value);
  charge(kDeviceAccess);
  if (stop_requested_) pass_time(0);
}

void HostedCpu::set_interrupts(bool on) {
  interrupts_on_ = on;
  pass_time(kFlagCycles);
}

void HostedCpu::halt() {
  interrupts_on_ = true;
  halted_ = true;
  pass_time(kFlagCycles);
  while (halted_) {
    if (interrupt_line_) {
      halted_ = false;
      break;
    }
    leave({.reason = ExitReason::halt});
  }
  take_interrupts();
}

uint64_t HostedCpu::read_msr(uint32_t index) {
  if (board_ == nullptr) return 0;
  pass_time(kFlagCycles);
  return board_->read_msr(index).value_or(0);
}

void HostedCpu::take_interrupts() {
  while (interrupt_line_ && interrupts_on_) {
    const std::optional<uint8_t> vector = board_->acknowledge_interrupt();
    if (!vector) return;
    halted_ = false;
    charge(costs_.cost(kDeliveryCycles));
    interrupts_on_ = false;
    hosted_interrupt(*vector);
    interrupts_on_ = true;
  }
}

extern "C" {

static long call_hypercall(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, int runtime) {
  return core().hypercall(number, {a, b, c, d}, runtime != 0);
}
static uint64_t call_port_in(uint16_t port, unsigned size) { return core().port_in(port, size); }
static void call_port_out(uint16_t port, unsigned size, uint64_t value) {
  core().port_out(port, size, value);
}
static uint64_t call_memory_read(uint64_t address, unsigned size) {
  return core().memory_read(address, size);
}
static void call_memory_write(uint64_t address, unsigned size, uint64_t value) {
  core().memory_write(address, size, value);
}
static void call_set_interrupts(int on) { core().set_interrupts(on != 0); }
static int call_interrupts(void) { return core().interrupts(); }
static void call_halt(void) { core().halt(); }
static uint64_t call_read_msr(uint32_t index) { return core().read_msr(index); }
static uint64_t call_read_counter(void) { return core().read_counter(); }
static void call_relax(void) { core().pass_time(kRelaxCycles); }
static void call_pages_given(const void* pages, unsigned count) { core().pages_given(pages, count); }
static void call_pages_taken(const void* pages, unsigned count) { core().pages_taken(pages, count); }
static void call_violation(const char* rule, const char* text) { core().report(rule, text); }
static void call_crash(const char* text) { core().crash(text); }
static void call_run_program(void) { core().config().program(); }

extern const native_calls kNativeCalls = {
    .hypercall = call_hypercall,
    .port_in = call_port_in,
    .port_out = call_port_out,
    .memory_read = call_memory_read,
    .memory_write = call_memory_write,
    .set_interrupts = call_set_interrupts,
    .interrupts = call_interrupts,
    .halt = call_halt,
    .read_msr = call_read_msr,
    .read_counter = call_read_counter,
    .relax = call_relax,
    .pages_given = call_pages_given,
    .pages_taken = call_pages_taken,
    .violation = call_violation,
    .crash = call_crash,
    .run_program = call_run_program,
};

}  // extern "C"

}  // namespace ringside
