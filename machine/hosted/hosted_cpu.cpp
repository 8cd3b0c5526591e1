#include "machine/hosted/hosted_cpu.h"

#include <fmt/format.h>

#include <cstring>

#include "checkers/driver/driver_report.h"
#include "hv-model/hypercalls/table.h"
#include "sim/assert.h"

namespace ringside {

namespace {

// A call of hosted.h, and the driver's code up to it: what a dozen or two lines of C take on average.
constexpr uint64_t kCallCycles = 40;
constexpr uint64_t kCallInstructions = 20;

// The kernel stack that Xen is told of.
constexpr uint64_t kKernelStack = 0xffff'd000'0000'0000;
constexpr uint64_t kProgram = 0xffff'c000'0000'0000;  // RIP outside of upcalls
constexpr uint64_t kIret = 23;                        // __HYPERVISOR_iret
constexpr long kNoSuchCall = -38;                     // ENOSYS

// What Xen leaves on the stack for an upcall, and what iret wants there (public/arch-x86/xen-x86_64.h).
struct UpcallFrame {
  uint64_t rcx, r11, rip, cs, rflags, rsp, ss;
};
struct IretFrame {
  uint64_t rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};

HostedCpu* running = nullptr;
// Whose the runtime's variables are, and what they are at power on.
HostedCpu* runtime_owner = nullptr;
std::vector<uint8_t>* runtime_at_start = nullptr;

}  // namespace

extern "C" const native_calls kNativeCalls;

HostedCpu::HostedCpu(HostedCpuConfig config, Memory& memory, Clock& clock, CpuEnvironment& environment,
                     NativeCpuEnvironment* board)
    : config_(std::move(config)),
      costs_(config_.frequency_hz),
      memory_(memory),
      clock_(clock),
      environment_(environment),
      board_(board),
      names_(memory, fiber_),
      drivers_pages_(memory.frames()) {}

HostedCpu::~HostedCpu() {
  if (running == this) running = nullptr;
  if (runtime_owner == this) runtime_owner = nullptr;
}

HostedCpu* HostedCpu::current() { return running; }

Result<> HostedCpu::start(const native_domain& domain) {
  domain_ = domain;
  domain_.calls = &kNativeCalls;
  domain_.memory = memory_.data();
  domain_.memory_base = memory_.base().value;
  registers_.rip = kProgram;
  registers_.general[Registers::rsp] = kKernelStack + kernel_stack_.size();
  return fiber_.create([this] {
    hosted_run(&domain_);
    // Both runtimes end by powering off, and nobody comes back from that.
    leave({.reason = ExitReason::broken, .detail = "the program went on after it had powered off"});
  });
}

// The runtime's variables are this domain's from here on.
void HostedCpu::own_runtime() {
  if (runtime_owner == this) return;
  uint64_t bytes = 0;
  auto* variables = static_cast<uint8_t*>(hosted_state(&bytes));
  // Never freed: a test may make machines until the process ends.
  if (runtime_at_start == nullptr) runtime_at_start = new std::vector<uint8_t>(variables, variables + bytes);
  if (runtime_owner != nullptr) runtime_owner->runtime_.assign(variables, variables + bytes);
  const std::vector<uint8_t>& mine = runtime_.empty() ? *runtime_at_start : runtime_;
  std::memcpy(variables, mine.data(), bytes);
  runtime_owner = this;
}

Exit HostedCpu::run(Tick deadline) {
  if (fiber_.done()) return {.reason = ExitReason::broken, .detail = "the program has ended by an exception"};
  if (stop_requested_) {
    stop_requested_ = false;
    return {.reason = ExitReason::stop_requested};
  }
  deadline_ = deadline;
  if (halted_ && !halted()) halted_ = false;
  if (halted_) return {.reason = ExitReason::halt};
  own_runtime();
  running = this;
  exit_ = {};
  fiber_.resume();
  running = nullptr;
  if (fiber_.done()) {
    std::string what = "the program has thrown something that is no std::exception";
    try {
      std::rethrow_exception(fiber_.failure());
    } catch (const std::exception& thrown) {
      what = fmt::format("the program has thrown: {}", thrown.what());
    } catch (...) {
    }
    return {.reason = ExitReason::broken, .detail = what};
  }
  return exit_;
}

void HostedCpu::leave(Exit exit) {
  leave_uninterrupted(std::move(exit));
  while (registers_.rip == HOSTED_EVENT_ENTRY) take_upcall();
}

void HostedCpu::leave_uninterrupted(Exit exit) {
  exit_ = std::move(exit);
  fiber_.suspend();
}

// The frame is turned into what the iret hypercall wants, as a guest's entry code does it.
void HostedCpu::take_upcall() {
  UpcallFrame frame{};
  const uint64_t at = registers_.general[Registers::rsp];
  const uint64_t rax = registers_.general[Registers::rax];
  if (!read_virtual({at}, &frame, sizeof frame)) return;
  registers_.rip = kProgram;
  hosted_upcall();
  const IretFrame iret{rax, frame.r11, frame.rcx, 0, frame.rip, frame.cs, frame.rflags, frame.rsp, frame.ss};
  const uint64_t bottom = at + sizeof frame - sizeof iret;
  if (!write_virtual({bottom}, &iret, sizeof iret)) return;
  pass_time(kCallCycles);
  set_call(kIret, {});
  registers_.general[Registers::rsp] = bottom;
  // Another upcall may follow at once: leave() looks.
  leave_uninterrupted({.reason = ExitReason::hypercall});
}

void HostedCpu::pass_time(uint64_t cycles) {
  ++calls_;
  clock_.instructions += kCallInstructions;
  charge(costs_.cost(std::max(cycles, kCallInstructions)));
  while (clock_.now >= deadline_ || stop_requested_) {
    leave({.reason = stop_requested_ ? ExitReason::stop_requested : ExitReason::deadline});
  }
  if (board_ != nullptr) take_interrupts();
}

long HostedCpu::hypercall(unsigned number, const std::array<uint64_t, 4>& arguments, bool runtime) {
  if (!runtime && is_about_processor(number)) return kNoSuchCall;
  pass_time(kCallCycles);
  std::array<uint64_t, 4> named = arguments;
  const unsigned addresses = address_arguments(number);
  for (size_t i = 0; i < named.size(); ++i) {
    if (addresses >> i & 1) named[i] = names_.name(named[i]);
  }
  set_call(number, named);
  leave({.reason = ExitReason::hypercall});
  return static_cast<long>(registers_.general[Registers::rax]);
}

void HostedCpu::set_call(uint64_t number, const std::array<uint64_t, 4>& arguments) {
  auto& general = registers_.general;
  general[Registers::rax] = number;
  general[Registers::rdi] = arguments[0];
  general[Registers::rsi] = arguments[1];
  general[Registers::rdx] = arguments[2];
  general[Registers::r10] = arguments[3];
  general[Registers::r8] = general[Registers::r9] = 0;
}

uint64_t HostedCpu::read_counter() {
  pass_time(kCallCycles);
  return environment_.time_stamp_counter(clock_.now);
}

tl::expected<GuestPhys, PageFault> HostedCpu::translate(GuestVirt address, Access) {
  return tl::unexpected(PageFault{address, 0});
}

tl::expected<void, PageFault> HostedCpu::read_virtual(GuestVirt address, void* into, uint64_t length) {
  const uint64_t offset = address.value - kKernelStack;
  if (address.value >= kKernelStack && offset < kernel_stack_.size()) {
    if (length > kernel_stack_.size() - offset) return tl::unexpected(PageFault{address, 0});
    std::memcpy(into, kernel_stack_.data() + offset, length);
    return {};
  }
  if (!names_.read(address.value, into, length)) return tl::unexpected(PageFault{address, 0});
  return {};
}

tl::expected<void, PageFault> HostedCpu::write_virtual(GuestVirt address, const void* from, uint64_t length) {
  const uint64_t offset = address.value - kKernelStack;
  if (address.value >= kKernelStack && offset < kernel_stack_.size()) {
    if (length > kernel_stack_.size() - offset) return tl::unexpected(PageFault{address, 2});
    std::memcpy(kernel_stack_.data() + offset, from, length);
    return {};
  }
  if (!names_.write(address.value, from, length)) return tl::unexpected(PageFault{address, 2});
  return {};
}

void HostedCpu::pages_given(const void* pages, unsigned count) {
  const auto offset = static_cast<uint64_t>(static_cast<const uint8_t*>(pages) - memory_.data());
  for (uint64_t frame = offset >> kPageShift; count != 0; --count, ++frame) {
    drivers_pages_[frame] = true;
    // The program stores into it, and tells nobody.
    memory_.set_frame_flags({memory_.first_frame().value + frame}, Memory::touched);
  }
}

void HostedCpu::pages_taken(const void* pages, unsigned count) {
  const auto offset = static_cast<uint64_t>(static_cast<const uint8_t*>(pages) - memory_.data());
  for (uint64_t frame = offset >> kPageShift; count != 0; --count, ++frame) drivers_pages_[frame] = false;
}

bool HostedCpu::in_drivers_pages(GuestPhys address, uint64_t length) const {
  if (length == 0 || !memory_.contains(address, length)) return length == 0;
  const uint64_t offset = address.value - memory_.base().value;
  for (uint64_t frame = offset >> kPageShift; frame <= (offset + length - 1) >> kPageShift; ++frame) {
    if (!drivers_pages_[frame]) return false;
  }
  return true;
}

std::string HostedCpu::place() const {
  int line = 0;
  const char* file = runtime_owner == this ? hosted_place(&line) : nullptr;
  return file != nullptr ? fmt::format("{}:{}", file, line) : "before the driver's first call";
}

// The driver is in the middle of a call; the checkers say what becomes of it.
void HostedCpu::report(std::string_view rule, std::string_view text) {
  DriverReport report{};
  std::memcpy(report.rule, rule.data(), std::min(rule.size(), sizeof report.rule - 1));
  config_.reports->show(Direction::out, report, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

// What the program itself has in its variables is the host's; the calls that it has made stand for it.
void HostedCpu::visit_state(StateVisitor& visitor) const {
  visitor.number("calls", calls_);
  visitor.number("rip", registers_.rip);
  for (size_t i = 0; i < registers_.general.size(); ++i) {
    visitor.number("general", registers_.general[i]);
  }
  visitor.number("flags", uint64_t{interrupt_line_} | uint64_t{interrupts_on_} << 1 | uint64_t{halted_} << 2 |
                              uint64_t{stop_requested_} << 3);
  uint64_t pages = 0;
  for (const bool given : drivers_pages_) pages += given;
  visitor.number("pages", pages);
}

}  // namespace ringside
