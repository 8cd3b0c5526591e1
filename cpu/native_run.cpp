// The run loop: boundaries, interrupts, and the debugger's steps and breakpoints.
//
// A boundary is where the guest's own control flow begins a block, or where the core took over from the
// emulator for the guest's sake (an exception, an MSR). Only there a deadline, a request or an interrupt
// takes effect. A debugger cuts blocks elsewhere: `partial_` then remembers the block whose boundary has been
// passed, and the rest of it is run up to its own end, so that no boundary comes or goes.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cpu/unicorn_native.h"

namespace ringside {
namespace {
constexpr uint64_t kInterruptFlag = 1 << 9;
}  // namespace

Exit NativeUnicornCpu::run(Tick deadline) { return run_or_step(deadline, false); }
Exit NativeUnicornCpu::step(Tick deadline) { return run_or_step(deadline, true); }

Exit NativeUnicornCpu::run_or_step(Tick deadline, bool single) {
  if (!shutdown_.empty()) return {.reason = ExitReason::shutdown, .detail = shutdown_};
  deadline_ = deadline;
  single_ = single;
  const Exit stepped{.reason = ExitReason::stepped, .canonical = false};
  for (;;) {
    if (!partial_.active) {
      bool interrupted = false;
      if (auto exit = at_boundary(interrupted)) return *exit;
      if (single && interrupted) return stepped;
    }
    if (stopped_at_breakpoint(single)) return {.reason = ExitReason::breakpoint, .canonical = false};
    if (partial_.active) {
      if (auto exit = run_partial()) return *exit;
      if (single) return stepped;
      continue;
    }
    const uint64_t from = rip(), instructions_before = clock_.instructions;
    pending_ = {};
    current_ = {};
    const bool look = single || shadow_ || interrupt_line_ || nmi_pending_ || request_has_gone_;
    check_at_ps_ = look ? 0 : deadline_.ps;
    const uc_err error = run_emulator(from);
    const bool left_alone = error == UC_ERR_OK && pending_.cause == Cause::none;
    if (auto exit = handle_exit(error)) return *exit;
    if (left_alone && rip() == from && clock_.instructions == instructions_before) {
      return broken(fmt::format("the emulator makes no progress at {:#x}", from));
    }
    if (single && !partial_.active && pending_.cause != Cause::boundary) return stepped;
  }
}

std::optional<Exit> NativeUnicornCpu::at_boundary(bool& interrupted) {
  if (stop_requested_) {
    stop_requested_ = false;
    return Exit{.reason = ExitReason::stop_requested};
  }
  if (halted_ && halted()) return Exit{.reason = ExitReason::halt};
  if (clock_.now >= deadline_) return Exit{.reason = ExitReason::deadline};
  halted_ = false;
  if (!interrupt_is_due()) return std::nullopt;
  interrupted = true;
  if (nmi_pending_ && !nmi_blocked_) {
    nmi_pending_ = false;
    nmi_blocked_ = true;
    return deliver({.kind = EventKind::nmi, .vector = 2});
  }
  const auto vector = environment_.acknowledge_interrupt();
  if (vector) {
    judge_frames();
    return deliver({.kind = EventKind::interrupt, .vector = *vector});
  }
  interrupted = false;
  request_has_gone_ = true;
  return std::nullopt;
}

bool NativeUnicornCpu::halted() const {
  if (!halted_) return false;
  const bool nmi = nmi_pending_ && !nmi_blocked_;
  const bool interrupt = interrupt_line_ && !request_has_gone_ && (read(UC_X86_REG_RFLAGS) & kInterruptFlag);
  return !nmi && !interrupt;
}

void NativeUnicornCpu::request_stop() {
  stop_requested_ = true;
  check_at_ps_ = 0;
}

void NativeUnicornCpu::bring_deadline_forward(Tick deadline) {
  deadline_ = std::min(deadline_, deadline);
  check_at_ps_ = std::min(check_at_ps_, deadline_.ps);
}

void NativeUnicornCpu::set_interrupt_line(bool level) {
  if (level != interrupt_line_) request_has_gone_ = false;
  interrupt_line_ = level;
  if (level) check_at_ps_ = 0;
}

void NativeUnicornCpu::raise_nmi() {
  nmi_pending_ = true;
  check_at_ps_ = 0;
}

std::optional<Exit> NativeUnicornCpu::handle_exit(uc_err error) {
  switch (pending_.cause) {
    case Cause::boundary: current_ = {}; return std::nullopt;
    case Cause::debugger:
      partial_ = {.active = true, .address = pending_.page, .size = pending_.vector, .at = pending_.page};
      current_ = {};
      return std::nullopt;
    case Cause::port: return access_port(pending_.page);
    case Cause::syscall: return enter_syscall();
    case Cause::sysenter: return enter_sysenter();
    case Cause::intercept: return intercepted(pending_.vector);
    case Cause::page_fault: return page_fault();
    case Cause::general_fault: return general_fault();
    case Cause::unknown:
      return broken(fmt::format("the emulator raised interrupt {:#x} at {:#x}", pending_.vector, rip()));
    case Cause::none: break;
  }
  if (error != UC_ERR_OK) {
    settle_at(linear(rip()));
    return broken(fmt::format("the emulator refused at {:#x}: {}", rip(), uc_strerror(error)));
  }
  // PAUSE leaves the emulator without a reason.
  settle_at(linear(rip()));
  current_ = {};
  return std::nullopt;
}

// A loop that only waits waits longer each time, by a part of what it has waited: neither the guest nor the
// host gains by looking more often. A device that is looked at, or much code between, begins anew. The time
// is that of the PAUSE before, and told when its block begins once more.
void NativeUnicornCpu::wait_longer(uint64_t address) {
  constexpr uint64_t kLoopInstructions = 64, kPart = 32;
  constexpr Tick kLongest = microseconds(5);
  const bool again =
      spin_.address == address && clock_.instructions - spin_.instructions <= kLoopInstructions;
  if (!again) spin_ = {address, clock_.now, 0};
  const Tick spun = clock_.now - spin_.since;
  clock_.now = saturating_add(clock_.now, std::min(Tick{spun.ps / kPart}, kLongest));
  spin_.instructions = clock_.instructions;
}

Exit NativeUnicornCpu::broken(std::string detail) const {
  Exit exit;
  exit.reason = ExitReason::broken;
  exit.detail = std::move(detail);
  return exit;
}

// --- The debugger ---

void NativeUnicornCpu::set_breakpoints(std::vector<GuestVirt> addresses) {
  breakpoints_.clear();
  for (GuestVirt address : addresses) breakpoints_.push_back(address.value);
  std::sort(breakpoints_.begin(), breakpoints_.end());
  // Blocks that hold one must not be answered for by the cache.
  blocks_.new_epoch();
}

// Before the instruction at RIP. A run that begins at a breakpoint which the last one reported passes it; so
// does a step.
bool NativeUnicornCpu::stopped_at_breakpoint(bool single) {
  if (breakpoints_.empty()) return false;
  const uint64_t at = linear(rip());
  if (single || reported_breakpoint_ == at) {
    reported_breakpoint_.reset();
    return false;
  }
  if (!std::binary_search(breakpoints_.begin(), breakpoints_.end(), at)) return false;
  // A block that has not begun: only the emulator knows where it ends.
  reported_breakpoint_ = at;
  return true;
}

// Runs on in a block that the debugger has cut: one instruction when stepping, else up to the next breakpoint
// in it or to its end.
std::optional<Exit> NativeUnicornCpu::run_partial() {
  const Partial cut = partial_;
  partial_ = {};
  std::array<uint8_t, 2 * kPageSize> bytes;
  const size_t length = peek(cut.address, bytes.data(), std::min<size_t>(cut.size, bytes.size()));
  const CodeMode mode = code_mode();
  const GuestPhys page = peek_page(cut.address).value_or(GuestPhys{});
  const BlockTable::Cached& cached =
      blocks_.look_up_watched(cut.address, page + (cut.address & (kPageSize - 1)), {bytes.data(), length},
                              BlockTable::Kept::never, mode.width);
  blocks_.set_base(*cached.block, mode.width == CodeWidth::bits_64 ? 0 : cut.at - rip());
  const Block& block = *cached.block;
  const uint64_t offset = cut.at - cut.address, end = cut.address + cut.size;
  const Block::Part done = block.before(offset);
  if (offset == 0 && block.pauses) wait_longer(cut.address);
  clock_.now.ps += block.cost_ps - done.cost_ps;
  clock_.instructions += block.instructions - done.instructions;
  current_ = {cut.address, cut.size, cut.io_offset, &block};
  current_.mixed = block.string.width != 0;  // as far as is_restarted() asks
  current_.left = read(UC_X86_REG_RCX);
  if (offset == 0) {
    shadow_ = false;
    request_has_gone_ = false;
  }
  uint64_t target = end;
  for (const Block::Start& start : block.starts) {
    const uint64_t at = cut.address + start.offset;
    if (at <= cut.at) continue;
    const bool wanted = single_ || std::binary_search(breakpoints_.begin(), breakpoints_.end(), at);
    if (wanted) target = std::min(target, at);
  }
  if (block.port_offset && !ports_are_free()) {
    const uint64_t port = cut.address + *block.port_offset;
    if (port == cut.at) return access_port(port);
    if (port > cut.at) target = std::min(target, port);
  }
  if (auto exit = run_up_to(target)) return exit;
  const bool arrived = pending_.cause == Cause::none && current_.block != nullptr && linear(rip()) == target;
  if (arrived && target != end) {
    partial_ = {true, cut.address, cut.size, current_.io_offset, target};
    settle_at(target);
  } else if (arrived) {
    note_end_of_last_block(end);
  }
  current_ = {};
  return std::nullopt;
}

}  // namespace ringside
