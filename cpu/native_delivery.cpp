// The way of an exception, an interrupt or a system call into its handler. AMD64 Architecture Programmer's
// Manual volume 2 (revision 3.38), chapter 8 "Exceptions and interrupts": 8.7 protected mode, 8.9 long mode,
// 8.2.9 double fault, 8.2.24 and 8.5 priorities; 6.1 "SYSCALL and SYSRET".
#include <fmt/format.h>

#include <algorithm>

#include "cpu/unicorn_native.h"

namespace ringside {
namespace {

constexpr uint8_t kDoubleFault = 8, kTss = 10, kNotPresent = 11, kStack = 12, kGeneral = 13, kPage = 14,
                  kUndefined = 6;
constexpr uint32_t kExternal = 1, kInIdt = 2;
constexpr uint64_t kTrapFlag = 1 << 8, kInterruptFlag = 1 << 9, kNestedFlag = 1 << 14, kResumeFlag = 1 << 16,
                   kVirtual8086Flag = 1 << 17;
constexpr unsigned kInterruptGate = 14, kTrapGate = 15;
constexpr uint64_t kEferSyscall = 1;

bool is_contributory(uint8_t vector) { return vector == 0 || (vector >= 10 && vector <= 13); }

// APM volume 2, table 8-3: which pair becomes a double fault.
bool makes_double_fault(uint8_t first, uint8_t second) {
  if (is_contributory(first)) return is_contributory(second);
  return first == kPage && (is_contributory(second) || second == kPage);
}

std::string name_of(uint8_t vector) {
  static constexpr const char* kNames[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD",
                                           "#NM", "#DF", "9",   "#TS", "#NP", "#SS", "#GP",
                                           "#PF", "15",  "#MF", "#AC", "#MC", "#XF"};
  return vector < std::size(kNames) ? kNames[vector] : fmt::format("vector {}", vector);
}

}  // namespace

// --- Escalation ---

std::optional<Exit> NativeUnicornCpu::deliver(Event event) {
  current_ = {};
  shadow_ = false;
  clock_.now = saturating_add(clock_.now, costs_.cost(kDeliveryCycles));
  const uint64_t at = rip();
  std::string history;
  for (;;) {
    if (event.vector == kPage && event.kind == EventKind::exception) write(UC_X86_REG_CR2, event.cr2);
    const Delivered delivered = deliver_once(event);
    if (delivered) return std::nullopt;
    const Failure& failure = delivered.error();
    const bool was_exception = event.kind == EventKind::exception;
    history += fmt::format("{}{} ({:#x})", history.empty() ? "" : ", then ", name_of(event.vector),
                           event.error_code.value_or(0));
    if (event.kind == EventKind::software) {
      write(UC_X86_REG_RIP, software_start_);
      if (clock_.instructions != 0) --clock_.instructions;
    }
    if (was_exception && event.vector == kDoubleFault) {
      shutdown_ = fmt::format("{}, then {} ({:#x}), at rip {:#x}, cr2 {:#x}", history,
                              name_of(failure.vector), failure.error_code.value_or(0), at, failure.cr2);
      environment_.notice("the processor has shut down: " + shutdown_);
      return Exit{.reason = ExitReason::shutdown, .detail = shutdown_};
    }
    environment_.notice(fmt::format("{} could not be delivered at rip {:#x}: {} ({:#x})",
                                    name_of(event.vector), at, name_of(failure.vector),
                                    failure.error_code.value_or(0)));
    if (was_exception && makes_double_fault(event.vector, failure.vector)) {
      if (failure.vector == kPage) write(UC_X86_REG_CR2, failure.cr2);
      event = {.kind = EventKind::exception, .vector = kDoubleFault, .error_code = 0};
    } else {
      event = {EventKind::exception, failure.vector, failure.error_code, failure.cr2};
    }
  }
}

NativeUnicornCpu::Delivered NativeUnicornCpu::deliver_once(const Event& event) {
  if (!(cr0_ & 1)) return deliver_real(event);
  return paging_.long_mode ? deliver_long(event) : deliver_protected(event);
}

// --- What the processor reads and writes by itself ---

tl::expected<void, NativeUnicornCpu::Failure> NativeUnicornCpu::transfer(uint64_t linear, uint8_t* bytes,
                                                                         uint64_t length, PageAccess access) {
  while (length != 0) {
    if (!paging_.long_mode) linear = static_cast<uint32_t>(linear);
    const auto page = translation_for({linear}, access);
    if (!page) return tl::unexpected(Failure{kPage, page.error(), linear});
    const GuestPhys at = page->frame.address() + (linear & (kPageSize - 1));
    const uint64_t piece = std::min(length, kPageSize - (linear & (kPageSize - 1)));
    if (access.access == Access::write) {
      map_.write(at, bytes, piece);
    } else {
      map_.read(at, bytes, piece);
    }
    bytes += piece;
    linear += piece;
    length -= piece;
  }
  return {};
}

tl::expected<void, NativeUnicornCpu::Failure> NativeUnicornCpu::load(uint64_t linear, void* into,
                                                                     uint64_t length, bool user) {
  return transfer(linear, static_cast<uint8_t*>(into), length, {Access::read, user});
}

tl::expected<void, NativeUnicornCpu::Failure> NativeUnicornCpu::save(uint64_t linear, const void* from,
                                                                     uint64_t length, bool user) {
  // transfer() only reads the bytes of a store.
  return transfer(linear, static_cast<uint8_t*>(const_cast<void*>(from)), length, {Access::write, user});
}

// --- Long mode ---

namespace {
struct LongGate {
  uint64_t low = 0, high = 0;
  uint64_t target() const { return (low & 0xffff) | (low >> 32 & 0xffff'0000) | high << 32; }
  uint16_t selector() const { return static_cast<uint16_t>(low >> 16); }
  unsigned stack() const { return low >> 32 & 7; }
  unsigned type() const { return low >> 40 & 31; }
  unsigned privilege() const { return low >> 45 & 3; }
  bool is_present() const { return low >> 47 & 1; }
};
}  // namespace

NativeUnicornCpu::Delivered NativeUnicornCpu::deliver_long(const Event& event) {
  const uint32_t external = event.kind == EventKind::software ? 0 : kExternal;
  const auto fails = [](uint8_t vector, uint32_t code) { return tl::unexpected(Failure{vector, code, 0}); };
  const unsigned cpl = privilege();
  const uint32_t gate_code = event.vector * 8u + kInIdt + external;

  const uc_x86_mmr idtr = read_table(UC_X86_REG_IDTR);
  LongGate gate;
  if (event.vector * 16u + 15 > idtr.limit) return fails(kGeneral, gate_code);
  if (auto got = load(idtr.base + event.vector * 16u, &gate, 16); !got) return got;
  if (gate.type() != kInterruptGate && gate.type() != kTrapGate) return fails(kGeneral, gate_code);
  if (event.kind == EventKind::software && gate.privilege() < cpl) return fails(kGeneral, gate_code);
  if (!gate.is_present()) return fails(kNotPresent, gate_code);

  const uint32_t code_error = (gate.selector() & 0xfffcu) + external;
  Descriptor code;
  if ((gate.selector() & 0xfffc) == 0) return fails(kGeneral, external);
  const uc_x86_mmr table = read_table(gate.selector() & 4 ? UC_X86_REG_LDTR : UC_X86_REG_GDTR);
  if ((gate.selector() | 7u) > table.limit) return fails(kGeneral, code_error);
  if (auto got = load(table.base + (gate.selector() & 0xfff8), &code.bits, 8); !got) return got;
  if (!code.is_code() || code.privilege() > cpl || !code.is_long() || code.is_big()) {
    return fails(kGeneral, code_error);
  }
  if (!code.is_present()) return fails(kNotPresent, code_error);
  const unsigned new_cpl = code.is_conforming() ? cpl : code.privilege();

  uint64_t stack = read(UC_X86_REG_RSP);
  const uint64_t old_stack = stack;
  if (gate.stack() != 0 || new_cpl < cpl) {
    const uc_x86_mmr tss = read_table(UC_X86_REG_TR);
    const uint64_t offset = gate.stack() != 0 ? 0x24 + (gate.stack() - 1) * 8 : 4 + new_cpl * 8;
    if (offset + 7 > tss.limit) return fails(kTss, (tss.selector & 0xfffcu) + external);
    if (auto got = load(tss.base + offset, &stack, 8); !got) return got;
  }
  if (!is_canonical(stack)) return fails(kStack, external);
  stack &= ~15ull;

  const uint64_t flags = read(UC_X86_REG_RFLAGS);
  uint64_t frame[6];
  size_t count = 0;
  if (event.error_code) frame[count++] = *event.error_code;
  frame[count++] = rip();
  frame[count++] = read(UC_X86_REG_CS) & 0xffff;
  frame[count++] = event.kind == EventKind::exception && event.vector != 1 ? flags | kResumeFlag : flags;
  frame[count++] = old_stack;
  frame[count++] = read(UC_X86_REG_SS) & 0xffff;
  stack -= count * 8;
  if (auto put = save(stack, frame, count * 8, new_cpl == 3); !put) return put;
  if (!is_canonical(gate.target())) return fails(kGeneral, external);

  const uint64_t cleared = kTrapFlag | kNestedFlag | kResumeFlag | kVirtual8086Flag |
                           (gate.type() == kInterruptGate ? kInterruptFlag : 0);
  const auto new_selector = static_cast<uint16_t>((gate.selector() & 0xfffc) | new_cpl);
  enter_long(new_selector, new_cpl, cpl);
  write(UC_X86_REG_RSP, stack);
  write(UC_X86_REG_RFLAGS, flags & ~cleared);
  write(UC_X86_REG_RIP, gate.target());
  return {};
}

// To 64-bit code. SS becomes null where the privilege changes (APM volume 2, 8.9.3).
void NativeUnicornCpu::enter_long(uint16_t selector, unsigned new_cpl, unsigned old_cpl) {
  const bool changes = new_cpl != old_cpl;
  if (code_mode().width == CodeWidth::bits_64 && (!changes || new_cpl == 0)) {
    if (changes) raise_privilege();
    write(UC_X86_REG_CS, selector);
    if (changes) write(UC_X86_REG_SS, 0);
    return;
  }
  MachineState state = capture_state();
  state.cs = {selector, static_cast<uint16_t>(0xa9b | new_cpl << 5), ~0u, 0};
  if (changes) {
    state.ss = {static_cast<uint16_t>(new_cpl), static_cast<uint16_t>(0xc93 | new_cpl << 5), ~0u, 0};
  }
  load_state(state);
}

// --- System calls ---

// SYSCALL: the emulator has stepped over it. RCX gets the next RIP, R11 the flags (APM volume 3, SYSCALL).
std::optional<Exit> NativeUnicornCpu::enter_syscall() {
  const uint64_t next = rip();
  if (!(efer_ & kEferSyscall)) {
    write(UC_X86_REG_RIP, next - 2);
    return fault(kUndefined, std::nullopt);
  }
  const CodeMode mode = code_mode();
  const uint64_t flags = read(UC_X86_REG_RFLAGS) & ~kResumeFlag;
  const auto selector = static_cast<uint16_t>(star_ >> 32 & 0xfffc);
  const unsigned cpl = privilege();
  current_ = {};
  shadow_ = false;
  write(UC_X86_REG_RCX, next);
  if (!paging_.long_mode) {
    MachineState state = capture_state();
    state.cs = {selector, 0xc9b, ~0u, 0};
    state.ss = {static_cast<uint16_t>(selector + 8), 0xc93, ~0u, 0};
    state.rip = static_cast<uint32_t>(star_);
    state.rflags = flags & ~(kInterruptFlag | kVirtual8086Flag);
    load_state(state);
    return std::nullopt;
  }
  write(UC_X86_REG_R11, flags);
  if (mode.width == CodeWidth::bits_64) {
    if (cpl != 0) raise_privilege();
    write(UC_X86_REG_CS, selector);
    write(UC_X86_REG_SS, static_cast<uint16_t>(selector + 8));
    write(UC_X86_REG_RFLAGS, (flags & ~sfmask_) | 2);
    write(UC_X86_REG_RIP, lstar_);
    return std::nullopt;
  }
  MachineState state = capture_state();
  state.cs = {selector, 0xa9b, ~0u, 0};
  state.ss = {static_cast<uint16_t>(selector + 8), 0xc93, ~0u, 0};
  state.rip = cstar_;
  state.rflags = (flags & ~sfmask_) | 2;
  load_state(state);
  return std::nullopt;
}

// SYSENTER is undefined in long mode on this vendor's processors (APM volume 3, SYSENTER).
std::optional<Exit> NativeUnicornCpu::enter_sysenter() {
  if (paging_.long_mode || !(cr0_ & 1) || (sysenter_cs_ & 0xfffc) == 0) {
    write(UC_X86_REG_RIP, rip() - 2);
    const bool undefined = paging_.long_mode;
    return undefined ? fault(kUndefined, std::nullopt) : fault(kGeneral, 0);
  }
  current_ = {};
  shadow_ = false;
  MachineState state = capture_state();
  const auto selector = static_cast<uint16_t>(sysenter_cs_ & 0xfffc);
  state.cs = {selector, 0xc9b, ~0u, 0};
  state.ss = {static_cast<uint16_t>(selector + 8), 0xc93, ~0u, 0};
  state.rip = static_cast<uint32_t>(sysenter_eip_);
  state.rsp = static_cast<uint32_t>(sysenter_esp_);
  state.rflags &= ~(kInterruptFlag | kResumeFlag | kVirtual8086Flag);
  load_state(state);
  return std::nullopt;
}

}  // namespace ringside
