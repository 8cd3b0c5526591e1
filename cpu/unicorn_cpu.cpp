#include "cpu/unicorn_cpu.h"
#include "cpu/listing.h"
#include "cpu/unicorn_layout.h"
#include "cpu/virtual_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace ringside {
namespace {

constexpr uint64_t kFlagResume = 1 << 16;

// SVM exit codes, APM volume 2, appendix C.
constexpr uint32_t kExitException = 0x40;  // 32 of them
constexpr uint32_t kExitSoftwareInterrupt = 0x75;

constexpr uint8_t kVectorDebug = 1, kVectorBreakpoint = 3, kVectorUndefined = 6, kVectorDoubleFault = 8,
                  kVectorTss = 10, kVectorNotPresent = 11, kVectorStack = 12, kVectorGeneral = 13,
                  kVectorPage = 14, kVectorAlignment = 17;
constexpr uint64_t kLastPageOfLowerHalf = 0x7fff'ffff'f000;

}  // namespace

const char* to_string(ExitReason reason) {
  switch (reason) {
    case ExitReason::deadline: return "deadline";
    case ExitReason::hypercall: return "hypercall";
    case ExitReason::exception: return "exception";
    case ExitReason::invalid_opcode: return "invalid opcode";
    case ExitReason::halt: return "halt";
    case ExitReason::port_io: return "port I/O";
    case ExitReason::stop_requested: return "stop requested";
    case ExitReason::breakpoint: return "breakpoint";
    case ExitReason::stepped: return "stepped";
    case ExitReason::shutdown: return "shutdown";
    case ExitReason::broken: return "broken";
  }
  return "?";
}

// --- Running ---

Exit UnicornCpu::run(Tick deadline) {
  if (stop_requested_) {
    stop_requested_ = false;
    return {.reason = ExitReason::stop_requested};
  }
  if (clock_.now >= deadline) return {.reason = ExitReason::deadline};
  deadline_ = deadline;
  if (watch_is_stale_) place_watch();
  for (;;) {
    const uint64_t instructions_before = clock_.instructions;
    const uint64_t rip_before = rip();
    pending_ = {};
    current_ = {};
    check_at_ps_ = next_look();
    const uc_err error = run_emulator(rip_before);
    // PAUSE leaves the emulator without a reason.
    const bool left_alone = error == UC_ERR_OK && pending_.cause == Cause::none;
    if (!left_alone) return exit_for(error);
    settle_at(rip());
    if (rip() == rip_before && clock_.instructions == instructions_before) {
      return broken(fmt::format("the emulator makes no progress at {:#x}", rip_before));
    }
    if (clock_.now >= deadline_) return {.reason = ExitReason::deadline};
  }
}

void UnicornCpu::request_stop() {
  stop_requested_ = true;
  check_at_ps_ = 0;
}

void UnicornCpu::charge(Tick cost) { clock_.now = saturating_add(clock_.now, cost); }

Tick UnicornCpu::exit_cost(ExitReason reason) const { return costs_.cost(cycles_of(reason)); }

Exit UnicornCpu::exit_for(uc_err error) {
  switch (pending_.cause) {
    case Cause::boundary: {
      const bool asked = stop_requested_;
      stop_requested_ = false;
      return {.reason = asked ? ExitReason::stop_requested : ExitReason::deadline};
    }
    case Cause::syscall:
      // AMD64 APM volume 3, SYSCALL: RCX is the next RIP, R11 the flags without RF. Where it leads to, and
      // the new flags, are the hypervisor's.
      write(UC_X86_REG_RCX, rip());
      write(UC_X86_REG_R11, read(UC_X86_REG_RFLAGS) & ~kFlagResume);
      if (clock_.now - judged_at_ > CodePages::kForgotten) judge_frames();
      return {.reason = ExitReason::hypercall};
    case Cause::sysenter:
      // Undefined in long mode on this vendor's processors (APM volume 3, SYSENTER). The emulator has stepped
      // over its two bytes.
      set_rip(rip() - 2);
      settle_at(rip());
      return {.reason = ExitReason::invalid_opcode, .vector = kVectorUndefined};
    case Cause::port: return port_exit(pending_.page);
    case Cause::intercept: return intercepted(pending_.vector);
    case Cause::page_fault: return page_fault_exit();
    case Cause::general_fault: return general_fault_exit();
    case Cause::unknown:
      return broken(fmt::format("the emulator raised interrupt {:#x} at {:#x}", pending_.vector, rip()));
    case Cause::none: break;
  }
  settle_at(rip());
  return broken(fmt::format("the emulator refused at {:#x}: {}", rip(), uc_strerror(error)));
}

Exit UnicornCpu::broken(std::string detail) const {
  Exit exit;
  exit.reason = ExitReason::broken;
  exit.detail = std::move(detail);
  return exit;
}

// --- Exceptions ---

Exit UnicornCpu::exception(uint8_t vector, std::optional<uint32_t> error_code) {
  Exit exit;
  exit.reason = ExitReason::exception;
  exit.vector = vector;
  exit.error_code = error_code;
  return exit;
}

Exit UnicornCpu::intercepted(uint32_t code) {
  const uint64_t at = rip();
  if (code == kExitSoftwareInterrupt) return software_interrupt(at);
  if (code < kExitException || code >= kExitException + 32) {
    return broken(fmt::format("the emulator left by SVM exit code {:#x} at {:#x}", code, at));
  }
  const auto vector = static_cast<uint8_t>(code - kExitException);
  if (vector == kVectorUndefined && is_icebp(at)) return software_debug(at);
  if (vector == kVectorUndefined && is_rdpmc(at)) {
    settle_at(at);
    return exception(kVectorGeneral, 0);
  }
  // A debug trap comes behind its instruction, which is a block of its own.
  if (vector != kVectorDebug) settle_at(at);
  switch (vector) {
    case kVectorUndefined: return {.reason = ExitReason::invalid_opcode, .vector = vector};
    case kVectorTss:
    case kVectorNotPresent:
    case kVectorStack:
    case kVectorGeneral: return exception(vector, selector_error_code());
    case kVectorDoubleFault:
    case kVectorAlignment: return exception(vector, 0);
    default: return exception(vector, std::nullopt);
  }
}

bool UnicornCpu::is_icebp(uint64_t address) const {
  uint8_t byte = 0;
  return peek(address, &byte, 1) == 1 && byte == 0xf1;
}

// RDPMC (0F 33) is undefined to the emulator; with CR4.PCE clear it gives #GP at CPL 3.
bool UnicornCpu::is_rdpmc(uint64_t address) const {
  std::array<uint8_t, 2> bytes{};
  return peek(address, bytes.data(), 2) == 2 && bytes[0] == 0x0f && bytes[1] == 0x33;
}

// ICEBP (F1), which the emulator does not know: a #DB trap.
Exit UnicornCpu::software_debug(uint64_t at) {
  set_rip(at + 1);
  settle_at(at + 1);
  Exit exit = exception(kVectorDebug, std::nullopt);
  exit.software = true;
  return exit;
}

// INT n (CD n) or INT3 (CC), perhaps behind prefixes. RIP goes behind it, and it counts as executed.
Exit UnicornCpu::software_interrupt(uint64_t at) {
  std::array<uint8_t, 15> bytes{};
  const size_t length = peek(at, bytes.data(), bytes.size());
  Instruction instruction;
  size_t end = 1;
  if (disassembler_.decode({bytes.data(), length}, at, instruction)) end = instruction.length;
  const bool has_number = end >= 2 && bytes[end - 2] == 0xcd;
  set_rip(at + end);
  settle_at(at + end);
  Exit exit = exception(has_number ? bytes[end - 1] : kVectorBreakpoint, std::nullopt);
  exit.software = true;
  return exit;
}

Exit UnicornCpu::port_exit(uint64_t address) {
  if (rip() != address) {
    if (auto other = run_up_to(address)) return *other;
  }
  settle_at(address);
  return exception(kVectorGeneral, 0);
}

// --- Exact stops within a block ---

// Runs from RIP, straight on, to `address`, in a block that has been charged. Returns an exit when something
// else comes first. Exit addresses are looked at when a block is made, so the block that is cached goes, and
// the short one that this makes goes as well.
std::optional<Exit> UnicornCpu::run_up_to(uint64_t address) {
  const Current charged = current_;
  const auto forget_block = [&](uint64_t at) {
    if (const auto page = peek_page(at)) drop_blocks(*page + (at & (kPageSize - 1)), 1);
  };
  const uint64_t from = rip();
  forget_block(from);
  uint64_t unused = address;
  uc_ctl_set_exits(uc_, &unused, 1);
  pending_ = {};
  stepping_ = true;
  check_at_ps_ = 0;
  const uc_err error = run_emulator(from);
  stepping_ = false;
  uc_ctl_set_exits(uc_, &unused, 0);
  forget_block(from);
  current_ = charged;
  if (pending_.cause == Cause::none && error == UC_ERR_OK && rip() == address) return std::nullopt;
  return exit_for(error);
}

// A block that runs on into a page that cannot be fetched is refused as a whole, at its first instruction.
// The processor would execute what lies before that page: so do that now. Returns an exit when something
// else comes first.
std::optional<Exit> UnicornCpu::advance_to_page_end(uint64_t page) {
  const uint64_t from = rip();
  if ((from & ~(kPageSize - 1)) == page || page - from >= kPageSize) return std::nullopt;
  uint64_t to = from;
  Instruction instruction;
  std::array<uint8_t, kPageSize> bytes{};
  const size_t length = peek(from, bytes.data(), page - from);
  while (to < page &&
         disassembler_.decode(std::span(bytes).first(length).subspan(to - from), to, instruction)) {
    to += instruction.length;
  }
  if (to == from) return std::nullopt;
  const GuestPhys at = peek_page(from).value_or(GuestPhys{}) + (from & (kPageSize - 1));
  const BlockTable::Cached& cached = blocks_.look_up(from, at, std::span(bytes).first(to - from), false);
  clock_.now.ps += cached.cost_ps;
  clock_.instructions += cached.instructions;
  current_ = {from, cached.size, cached.block, false};
  return run_up_to(to);
}

// The emulator does not tell error codes. They are 0 but for the load of a segment, where the code is the
// selector (SDM volume 3, 6.13).
uint32_t UnicornCpu::selector_error_code() {
  const Registers now = registers();
  std::array<uint8_t, 16> bytes{};
  const size_t length = peek(now.rip, bytes.data(), bytes.size());
  Instruction instruction;
  if (!disassembler_.decode({bytes.data(), length}, now.rip, instruction)) return 0;
  size_t opcode = 0;
  while (opcode + 2 < length &&
         (bytes[opcode] == 0x66 || bytes[opcode] == 0x67 || (bytes[opcode] & 0xf0) == 0x40 ||
          bytes[opcode] == 0x64 || bytes[opcode] == 0x65)) {
    ++opcode;
  }
  const auto word_at = [&](uint64_t address) {
    uint16_t value = 0;
    return peek(address, reinterpret_cast<uint8_t*>(&value), 2) == 2 ? value & 0xfffcu : 0u;
  };
  const bool is_move = bytes[opcode] == 0x8e;
  const bool is_pop = bytes[opcode] == 0x0f && (bytes[opcode + 1] == 0xa1 || bytes[opcode + 1] == 0xa9);
  const bool is_return = bytes[opcode] == 0xcf;
  if (is_move && (bytes[opcode + 1] & 0xc0) == 0xc0) {
    const bool extended = opcode > 0 && (bytes[opcode - 1] & 0xf1) == 0x41;
    return now.general[(bytes[opcode + 1] & 7) + (extended ? 8 : 0)] & 0xfffc;
  }
  if (is_move && instruction.operand_count > 0) {
    return word_at(effective_address(instruction.operands[0], now, now.rip + instruction.length));
  }
  if (is_pop) return word_at(now.general[Registers::rsp]);
  if (is_return) {
    const bool wide = opcode > 0 && (bytes[opcode - 1] & 0xf8) == 0x48;
    return word_at(now.general[Registers::rsp] + (wide ? 8 : 4));
  }
  return 0;
}

Exit UnicornCpu::page_fault_exit() {
  const Pending fault = pending_;
  Exit exit = exception(kVectorPage, fault.error_code);
  if (fault.access == Access::fetch) {
    // Fetches fault while a block is made, before any of it is charged.
    current_ = {};
    if (auto other = advance_to_page_end(fault.page)) return *other;
    const bool same_page = (rip() & ~(kPageSize - 1)) == fault.page;
    exit.fault_address = {same_page ? rip() : fault.page};
    return exit;
  }
  const Registers now = registers();
  settle_at(now.rip);
  exit.fault_address = {fault.page};
  Instruction instruction;
  if (!decode_at(now.rip, instruction)) return exit;
  const auto operand = find_faulting_operand(instruction, now, fault.page, fault.access);
  if (!operand) return exit;
  // An operand that reaches over the end of the lower half is refused before any page is looked at.
  if (fault.page == kLastPageOfLowerHalf && operand->reaches_next_page) return general_fault_for(*operand);
  exit.fault_address = {operand->address};
  // The emulator reads before it writes; the processor asks for the right to write at once.
  if (operand->writes) exit.error_code = fault.error_code | page_fault_code::write;
  return exit;
}

Exit UnicornCpu::general_fault_exit() {
  const Pending fault = pending_;
  if (fault.access == Access::fetch) {
    current_ = {};
    if (auto other = advance_to_page_end(fault.page)) return *other;
    return exception(kVectorGeneral, 0);
  }
  const Registers now = registers();
  settle_at(now.rip);
  Instruction instruction;
  if (!decode_at(now.rip, instruction)) return exception(kVectorGeneral, 0);
  const auto operand = find_faulting_operand(instruction, now, fault.page, fault.access);
  return operand ? general_fault_for(*operand) : exception(kVectorGeneral, 0);
}

Exit UnicornCpu::general_fault_for(const FaultingOperand& operand) {
  return exception(operand.stack ? kVectorStack : kVectorGeneral, 0);
}

// --- The guest's address space, for the host ---

std::optional<GuestPhys> UnicornCpu::peek_page(uint64_t address) const {
  if (!is_canonical(address)) return std::nullopt;
  if (const Translation* held = translations_.find({address})) return held->frame.address();
  const auto walk = walk_page_tables(memory_, root_, {address}, Access::read, WalkEffect::none);
  if (!walk) return std::nullopt;
  return walk->page;
}

size_t UnicornCpu::peek(uint64_t address, uint8_t* into, size_t length) const {
  size_t done = 0;
  while (done < length) {
    const auto page = peek_page(address + done);
    if (!page) break;
    const uint64_t offset = (address + done) & (kPageSize - 1);
    const size_t piece = std::min<size_t>(length - done, kPageSize - offset);
    if (!memory_.read(*page + offset, into + done, piece)) break;
    done += piece;
  }
  return done;
}

bool UnicornCpu::decode_at(uint64_t address, Instruction& into) {
  std::array<uint8_t, 15> bytes{};
  const size_t length = peek(address, bytes.data(), bytes.size());
  return disassembler_.decode({bytes.data(), length}, address, into);
}

tl::expected<GuestPhys, PageFault> UnicornCpu::translate(GuestVirt address, Access access) {
  const auto fault = [&](uint32_t code) { return tl::unexpected(PageFault{address, code}); };
  // DEVIATES: SDM volume 1, 3.3.7.1 - a non-canonical address is a general protection fault; here it is told
  // as a page that is not present, since the caller is the hypervisor and not the guest.
  if (!is_canonical(address.value)) return fault(page_fault_code::user);
  const auto translation = translation_for(address, access);
  if (!translation) return fault(translation.error());
  return translation->frame.address() + address.page_offset();
}

tl::expected<void, PageFault> UnicornCpu::read_virtual(GuestVirt address, void* into, uint64_t length) {
  auto* bytes = static_cast<uint8_t*>(into);
  return for_each_translated(*this, address, length, Access::read, [&](GuestPhys at, uint64_t part) {
    memory_.read(at, bytes, part);
    bytes += part;
  });
}

tl::expected<void, PageFault> UnicornCpu::write_virtual(GuestVirt address, const void* from,
                                                        uint64_t length) {
  const auto* bytes = static_cast<const uint8_t*>(from);
  return for_each_translated(*this, address, length, Access::write, [&](GuestPhys at, uint64_t part) {
    memory_.write(at, bytes, part);
    bytes += part;
  });
}

std::string UnicornCpu::disassemble(GuestVirt address, unsigned count) {
  const auto bytes = [this](uint64_t at, uint8_t* into, size_t length) { return peek(at, into, length); };
  return list_instructions(disassembler_, bytes, address.value, count);
}

// --- Flushes ---

void UnicornCpu::set_page_table_root(GuestPhys root) {
  root_ = root;
  flush_translations();
}

// A hypervisor flushes many times between two runs, and the emulator's own flush is the dear part: outside of
// a run it waits for the next one.
void UnicornCpu::flush_emulator() {
  if (in_emulator_) {
    uc_ctl_flush_tlb(uc_);
  } else {
    emulator_is_stale_ = true;
  }
  if (++emulator_life_ != 0) return;
  std::fill(written_in_life_.begin(), written_in_life_.end(), 0);
  emulator_life_ = 1;
}

void UnicornCpu::forget_emulator_tlb() {
  blocks_.new_mapping();
  flush_emulator();
}

// Frames of code and data are judged at hypercalls, whose times a debugger cannot move.
void UnicornCpu::judge_frames() {
  judged_at_ = clock_.now;
  if (!code_pages_.reconsider_mixed(judged_at_)) return;
  flush_emulator();
  blocks_.new_epoch();
}

uc_err UnicornCpu::run_emulator(uint64_t from) {
  if (emulator_is_stale_) uc_ctl_flush_tlb(uc_);
  emulator_is_stale_ = false;
  in_emulator_ = true;
  const uc_err error = uc_emu_start(uc_, from, 0, 0, 0);
  in_emulator_ = false;
  return error;
}

void UnicornCpu::flush_translations() {
  translations_.flush();
  forget_emulator_tlb();
}

// The emulator holds nothing that the map does not hold, and blocks only where fetching is allowed.
void UnicornCpu::flush_translation(GuestVirt page) {
  const Translation* held = translations_.find(page);
  if (held == nullptr && !large_seen_) return;
  const bool executable = large_seen_ || held->executable;
  translations_.flush(page);
  if (executable) blocks_.new_mapping();
  flush_emulator();
}

void UnicornCpu::flush_emulator_tlb() { uc_ctl_flush_tlb(uc_); }

}  // namespace ringside
