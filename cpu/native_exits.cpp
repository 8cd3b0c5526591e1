// Instructions that the emulator hands over: HLT, INT n, control registers, MSRs, INVLPG, ports without the
// right to use them. The emulator has checked the privilege already. AMD64 Architecture Programmer's Manual
// volume 2 (revision 3.38), 3.1 "System-control registers" and 3.2 "Model-specific registers".
#include <fmt/format.h>

#include <array>

#include "cpu/native_layout.h"
#include "cpu/unicorn_native.h"

namespace ringside {
namespace {

// SVM exit codes, APM volume 2, appendix C.
constexpr uint32_t kReadCr3 = 0x03, kReadCr8 = 0x08, kWriteCr0 = 0x10, kWriteCr8 = 0x18, kReadDr7 = 0x27,
                   kWriteDr7 = 0x37, kException = 0x40, kSoftwareInterrupt = 0x75, kHalt = 0x78,
                   kInvalidatePage = 0x79, kMsr = 0x7c;
constexpr uint8_t kGeneral = 13, kUndefined = 6;

constexpr uint64_t kCr0Protection = 1 << 0, kCr0NotWriteThrough = 1 << 29, kCr0CacheDisable = 1 << 30,
                   kCr0Paging = 1ull << 31, kCr0WriteProtect = 1 << 16, kCr0TaskSwitched = 1 << 3;
constexpr uint64_t kCr0Kept = 0xe005'003f, kCr0Extension = 1 << 4;
// PVI and VME, UMIP and what comes with larger features are not there.
constexpr uint64_t kCr4Kept = 0x7fc, kCr4LargePages = 1 << 4, kCr4Wide = 1 << 5, kCr4Global = 1 << 7;
constexpr uint64_t kEferSyscall = 1 << 0, kEferLong = 1 << 8, kEferLongActive = 1 << 10,
                   kEferNoExecute = 1 << 11, kEferSvm = 1 << 12;

constexpr std::array<int, 16> kGeneralRegisters = {
    UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP, UC_X86_REG_RBP,
    UC_X86_REG_RSI, UC_X86_REG_RDI, UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
    UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};

// The prefixes of an instruction with a two-byte opcode, as far as they matter here.
struct Prefixes {
  size_t length = 0;
  uint8_t rex = 0;
  bool lock = false;
  explicit Prefixes(std::span<const uint8_t> bytes, bool wide) {
    for (; length < bytes.size(); ++length) {
      const uint8_t byte = bytes[length];
      const bool is_legacy = byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
                             byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x26 || byte == 0x64 ||
                             byte == 0x65;
      const bool is_rex = wide && (byte & 0xf0) == 0x40;
      if (!is_legacy && !is_rex) break;
      rex = is_rex ? byte : 0;
      lock = lock || byte == 0xf0;
    }
  }
};

}  // namespace

std::optional<Exit> NativeUnicornCpu::intercepted(uint32_t code) {
  if (code >= kException && code < kException + 32) {
    return exception_intercepted(static_cast<uint8_t>(code - kException));
  }
  switch (code) {
    case kSoftwareInterrupt: return software_interrupt();
    case kHalt: return halt();
    case kInvalidatePage: return invalidate_page();
    case kMsr: return access_msr();
    case kReadCr3:
    case kReadCr8: return move_from_control_register();
    case kReadDr7:
    case kWriteDr7: return access_dr7();
    default: break;
  }
  if (code >= kWriteCr0 && code <= kWriteCr8) return move_to_control_register();
  return broken(fmt::format("the emulator left by SVM exit code {:#x} at {:#x}", code, rip()));
}

// The instruction has been executed: RIP goes behind it, and the rest of the block is not charged.
void NativeUnicornCpu::finish_instruction(unsigned length) {
  const uint64_t before = rip();
  const uint64_t at = linear(before);
  uint64_t next = before + length;
  if (!paging_.long_mode) next = static_cast<uint32_t>(next);
  write(UC_X86_REG_RIP, next);
  settle_at(at + length);
  current_ = {};
}

std::optional<Exit> NativeUnicornCpu::halt() {
  std::array<uint8_t, 15> bytes{};
  const size_t length = peek(linear(rip()), bytes.data(), bytes.size());
  const Prefixes prefixes({bytes.data(), length}, code_mode().width == CodeWidth::bits_64);
  finish_instruction(static_cast<unsigned>(prefixes.length) + 1);
  halted_ = true;
  return std::nullopt;
}

// INT n (CD n), INT3 (CC), INTO (CE), perhaps behind prefixes.
std::optional<Exit> NativeUnicornCpu::software_interrupt() {
  std::array<uint8_t, 15> bytes{};
  const size_t length = peek(linear(rip()), bytes.data(), bytes.size());
  const Prefixes prefixes({bytes.data(), length}, code_mode().width == CodeWidth::bits_64);
  const uint8_t opcode = bytes[prefixes.length];
  Event event{.kind = EventKind::software, .vector = 3};
  if (opcode == 0xcd) event.vector = bytes[prefixes.length + 1];
  if (opcode == 0xce) event.vector = 4;
  const uint64_t instruction = rip();
  finish_instruction(static_cast<unsigned>(prefixes.length) + (opcode == 0xcd ? 2 : 1));
  // INT n in virtual-8086 mode wants IOPL 3 (APM volume 2, 8.10.2).
  const bool allowed = opcode != 0xcd || !in_virtual_8086() || (read(UC_X86_REG_RFLAGS) >> 12 & 3) == 3;
  if (!allowed) {
    write(UC_X86_REG_RIP, instruction);
    --clock_.instructions;
    return deliver({.kind = EventKind::exception, .vector = kGeneral, .error_code = 0});
  }
  software_return_ = rip();
  software_start_ = instruction;
  return deliver(event);
}

// --- Control registers ---

std::optional<Exit> NativeUnicornCpu::move_to_control_register() {
  std::array<uint8_t, 15> bytes{};
  const uint64_t at = linear(rip());
  const size_t length = peek(at, bytes.data(), bytes.size());
  const bool wide = code_mode().width == CodeWidth::bits_64;
  const Prefixes prefixes({bytes.data(), length}, wide);
  const uint8_t* opcode = bytes.data() + prefixes.length + 1;  // behind 0F
  bool done = false;
  unsigned used = static_cast<unsigned>(prefixes.length) + 3;
  if (opcode[0] == 0x06) {  // CLTS
    used = static_cast<unsigned>(prefixes.length) + 2;
    done = write_cr0(cr0_ & ~kCr0TaskSwitched);
  } else if (opcode[0] == 0x01) {  // LMSW
    Instruction instruction;
    if (!disassembler_.decode({bytes.data(), length}, at, instruction, code_mode().width)) {
      return fault(kUndefined, std::nullopt);
    }
    used = instruction.length;
    uint16_t value = 0;
    if ((opcode[1] & 0xc0) == 0xc0) {
      value = static_cast<uint16_t>(read(kGeneralRegisters[(opcode[1] & 7) | (prefixes.rex & 1) << 3]));
    } else if (instruction.operand_count > 0) {
      const uint64_t from = linear_address(instruction.operands[0], registers(), rip() + used);
      if (auto failed = load(from, &value, 2); !failed) {
        settle_at(at);
        return deliver(
            {EventKind::exception, failed.error().vector, failed.error().error_code, failed.error().cr2});
      }
    }
    // PE can be set by it, but not cleared.
    done = write_cr0((cr0_ & ~0xeull) | (value & 0xf));
  } else {
    unsigned number = (opcode[1] >> 3 & 7) | (prefixes.rex & 4) << 1;
    if (prefixes.lock && number == 0) number = 8;
    uint64_t value = read(kGeneralRegisters[(opcode[1] & 7) | (prefixes.rex & 1) << 3]);
    if (!wide) value = static_cast<uint32_t>(value);
    if (number == 0) done = write_cr0(value);
    if (number == 3) done = write_cr3(value);
    if (number == 4) done = write_cr4(value);
    if (number == 8) {
      done = value < 16;
      if (done) {
        at_time(now_at_instruction(), {}, [&] {
          environment_.set_task_priority(static_cast<uint8_t>(value));
          return 0;
        });
      }
    }
  }
  if (!done) return fault(kGeneral, 0);
  finish_instruction(used);
  return std::nullopt;
}

bool NativeUnicornCpu::write_cr0(uint64_t value) {
  if (value >> 32 || ((value & kCr0Paging) && !(value & kCr0Protection)) ||
      ((value & kCr0NotWriteThrough) && !(value & kCr0CacheDisable))) {
    return false;
  }
  const bool turns_on = (value & kCr0Paging) && !(cr0_ & kCr0Paging);
  const bool turns_off = !(value & kCr0Paging) && (cr0_ & kCr0Paging);
  const CodeMode mode = code_mode();
  if (turns_on && (efer_ & kEferLong) && (!(cr4_ & kCr4Wide) || mode.width == CodeWidth::bits_64))
    return false;
  if (turns_off && mode.width == CodeWidth::bits_64) return false;
  // CS stays what it is until a far transfer, whatever its selector would mean in the new mode.
  known_selector_ = static_cast<uint16_t>(read(UC_X86_REG_CS));
  known_base_ = mode.base;
  const uint64_t before = cr0_;
  write(UC_X86_REG_CR0, (value & kCr0Kept) | kCr0Extension);
  take_over_control_registers();
  if ((before ^ cr0_) & (kCr0Paging | kCr0WriteProtect | kCr0Protection)) flush_translations();
  return true;
}

bool NativeUnicornCpu::write_cr3(uint64_t value) {
  if (paging_.long_mode && (value & (page_entry::frame_mask & ~kPhysicalMask))) return false;
  if (paging_.long_mode && value >> 52) return false;
  // The emulator does not walk, so it need not know. Its TLB is flushed only where it holds what CR3 changes.
  paging_.root = {value};
  translations_.flush();
  flush_changeable();
  blocks_.new_mapping_of_changeable();
  if (clock_.now - judged_at_ > CodePages::kForgotten) judge_frames();
  return true;
}

bool NativeUnicornCpu::write_cr4(uint64_t value) {
  if (value & ~kCr4Kept) return false;
  if (paging_.long_mode && !(value & kCr4Wide)) return false;
  const uint64_t before = cr4_;
  write(UC_X86_REG_CR4, value);
  take_over_control_registers();
  if ((before ^ value) & (kCr4LargePages | kCr4Wide | kCr4Global)) flush_translations();
  return true;
}

// CR3 and CR8, which the emulator does not have.
std::optional<Exit> NativeUnicornCpu::move_from_control_register() {
  std::array<uint8_t, 15> bytes{};
  const size_t length = peek(linear(rip()), bytes.data(), bytes.size());
  const Prefixes prefixes({bytes.data(), length}, code_mode().width == CodeWidth::bits_64);
  const uint8_t modrm = bytes[prefixes.length + 2];
  const bool is_cr3 = (modrm >> 3 & 7) == 3;
  uint64_t value = paging_.root.value;
  if (!is_cr3) value = at_time(now_at_instruction(), {}, [&] { return environment_.task_priority() & 15u; });
  write(kGeneralRegisters[(modrm & 7) | (prefixes.rex & 1) << 3], value);
  finish_instruction(static_cast<unsigned>(prefixes.length) + 3);
  return std::nullopt;
}

// DEVIATES: APM volume 2, 13.1 - breakpoints in DR0 to DR3 are kept, but never hit. The emulator's own would
// stop it in ways that nobody can tell from others.
std::optional<Exit> NativeUnicornCpu::access_dr7() {
  std::array<uint8_t, 15> bytes{};
  const size_t length = peek(linear(rip()), bytes.data(), bytes.size());
  const bool wide = code_mode().width == CodeWidth::bits_64;
  const Prefixes prefixes({bytes.data(), length}, wide);
  const uint8_t opcode = bytes[prefixes.length + 1], modrm = bytes[prefixes.length + 2];
  const int reg = kGeneralRegisters[(modrm & 7) | (prefixes.rex & 1) << 3];
  if (opcode == 0x21) {
    write(reg, dr7_);
  } else {
    const uint64_t value = wide ? read(reg) : static_cast<uint32_t>(read(reg));
    if (value >> 32) return fault(kGeneral, 0);
    dr7_ = (value & 0xffff'2bff) | 0x400;
    if (value & 0xff) environment_.notice("hardware breakpoints (DR7) are not modelled: none will be hit");
  }
  finish_instruction(static_cast<unsigned>(prefixes.length) + 3);
  return std::nullopt;
}

// What the emulator holds now, and what follows for walks.
void NativeUnicornCpu::take_over_control_registers() {
  cr0_ = read(UC_X86_REG_CR0);
  cr4_ = read(UC_X86_REG_CR4);
  efer_ = host_read_msr(msr::efer) & ~kEferSvm;
  paging_.paging = cr0_ & kCr0Paging;
  paging_.write_protect = cr0_ & kCr0WriteProtect;
  paging_.large_pages = cr4_ & kCr4LargePages;
  paging_.wide = cr4_ & kCr4Wide;
  paging_.global = cr4_ & kCr4Global;
  paging_.long_mode = efer_ & kEferLongActive;
  paging_.no_execute = efer_ & kEferNoExecute;
}

std::optional<Exit> NativeUnicornCpu::invalidate_page() {
  Instruction instruction;
  const uint64_t at = linear(rip());
  if (!decode_at(at, instruction) || instruction.operand_count == 0) return fault(kUndefined, std::nullopt);
  const uint64_t page = linear_address(instruction.operands[0], registers(), rip() + instruction.length);
  if (is_canonical(page)) flush_translation({page});
  finish_instruction(instruction.length);
  return std::nullopt;
}

// --- MSRs ---

std::optional<Exit> NativeUnicornCpu::access_msr() {
  std::array<uint8_t, 15> bytes{};
  const size_t length = peek(linear(rip()), bytes.data(), bytes.size());
  const Prefixes prefixes({bytes.data(), length}, code_mode().width == CodeWidth::bits_64);
  const auto index = static_cast<uint32_t>(read(UC_X86_REG_RCX));
  const Tick now = now_at_instruction();
  if (bytes[prefixes.length + 1] == 0x32) {
    const auto value = at_time(now, {}, [&] { return read_msr(index); });
    if (!value) {
      environment_.notice(
          fmt::format("RDMSR of {:#x}, which this processor has not, at {:#x}", index, rip()));
      return fault(kGeneral, 0);
    }
    write(UC_X86_REG_RAX, static_cast<uint32_t>(*value));
    write(UC_X86_REG_RDX, *value >> 32);
  } else {
    const uint64_t value = static_cast<uint32_t>(read(UC_X86_REG_RAX)) | read(UC_X86_REG_RDX) << 32;
    if (!at_time(now, {}, [&] { return write_msr(index, value); })) {
      environment_.notice(fmt::format("WRMSR of {:#x} to {:#x}, which this processor refuses, at {:#x}",
                                      value, index, rip()));
      return fault(kGeneral, 0);
    }
  }
  finish_instruction(static_cast<unsigned>(prefixes.length) + 2);
  return std::nullopt;
}

std::optional<uint64_t> NativeUnicornCpu::read_msr(uint32_t index) {
  switch (index) {
    case msr::tsc: return environment_.time_stamp_counter(clock_.now);
    case msr::sysenter_cs: return sysenter_cs_;
    case msr::sysenter_esp: return sysenter_esp_;
    case msr::sysenter_eip: return sysenter_eip_;
    case msr::pat: return pat_;
    case msr::efer: return efer_;
    case msr::star: return star_;
    case msr::lstar: return lstar_;
    case msr::cstar: return cstar_;
    case msr::sfmask: return sfmask_;
    case msr::fs_base: return read(UC_X86_REG_FS_BASE);
    case msr::gs_base: return read(UC_X86_REG_GS_BASE);
    case msr::kernel_gs_base: return host_read_msr(index);
    case msr::tsc_aux: return tsc_aux_;
    default: break;
  }
  if (const auto value = msrs_.read(index)) return value;
  return environment_.read_msr(index);
}

namespace {
// Each of the eight types is one of 0, 1, 4, 5, 6, 7 (APM volume 2, 7.8.2).
bool is_attribute_table(uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned type = value >> (8 * i) & 0xff;
    if (type > 7 || type == 2 || type == 3) return false;
  }
  return true;
}
}  // namespace

bool NativeUnicornCpu::write_msr(uint32_t index, uint64_t value) {
  const auto keep = [&](uint64_t& where, bool allowed = true) {
    if (!allowed) return false;
    where = value;
    host_write_msr(index, value);
    return true;
  };
  switch (index) {
    case msr::sysenter_cs: return keep(sysenter_cs_);
    case msr::sysenter_esp: return keep(sysenter_esp_, is_canonical(value));
    case msr::sysenter_eip: return keep(sysenter_eip_, is_canonical(value));
    case msr::pat:
      if (!is_attribute_table(value)) return false;
      pat_ = value;
      return true;
    case msr::efer: return write_efer(value);
    case msr::star: return keep(star_);
    case msr::lstar: return keep(lstar_, is_canonical(value));
    case msr::cstar: return keep(cstar_, is_canonical(value));
    case msr::sfmask: value &= 0xffff'ffff; return keep(sfmask_);
    case msr::fs_base:
      if (is_canonical(value)) write(UC_X86_REG_FS_BASE, value);
      return is_canonical(value);
    case msr::gs_base:
      if (is_canonical(value)) write(UC_X86_REG_GS_BASE, value);
      return is_canonical(value);
    case msr::kernel_gs_base:
      if (is_canonical(value)) host_write_msr(index, value);
      return is_canonical(value);
    case msr::tsc_aux: tsc_aux_ = value & 0xffff'ffff; return true;
    default: break;
  }
  if (msrs_.read(index)) return msrs_.write(index, value);
  return environment_.write_msr(index, value);
}

bool NativeUnicornCpu::write_efer(uint64_t value) {
  constexpr uint64_t kWritable = kEferSyscall | kEferLong | kEferNoExecute;
  if (value & ~(kWritable | kEferLongActive)) return false;
  // Long mode cannot be left or entered while paging is on.
  if (paging_.paging && ((value ^ efer_) & kEferLong)) return false;
  host_write_msr(msr::efer, (value & kWritable) | (efer_ & kEferLongActive));
  const bool flush = (value ^ efer_) & kEferNoExecute;
  take_over_control_registers();
  if (flush) flush_translations();
  return true;
}

// The emulator does not survive a host that touches an MSR which is intercepted: so it is let through, for
// the moment. Two bits for each, in three ranges (APM volume 2, 15.11).
namespace {
class MsrPassage {
 public:
  MsrPassage(uint8_t* map, uint32_t index) {
    uint32_t range = 0;
    if (index >= 0xc001'0000)
      range = 0x1000;
    else if (index >= 0xc000'0000)
      range = 0x800;
    byte_ = map + range + (index & 0x1fff) / 4;
    kept_ = *byte_;
    *byte_ = 0;
  }
  ~MsrPassage() { *byte_ = kept_; }

 private:
  uint8_t* byte_;
  uint8_t kept_;
};
}  // namespace

uint64_t NativeUnicornCpu::host_read_msr(uint32_t index) const {
  const MsrPassage open(private_pages_ + native_layout::kMsrPage * kPageSize, index);
  uc_x86_msr value{index, 0};
  uc_reg_read(uc_, UC_X86_REG_MSR, &value);
  return value.value;
}

void NativeUnicornCpu::host_write_msr(uint32_t index, uint64_t value) {
  const MsrPassage open(private_pages_ + native_layout::kMsrPage * kPageSize, index);
  uc_x86_msr pair{index, value};
  uc_reg_write(uc_, UC_X86_REG_MSR, &pair);
}

// --- Ports without the right ---

// The emulator would execute the instruction: so its block runs up to it only. With the bitmap's leave it
// goes on.
std::optional<Exit> NativeUnicornCpu::access_port(uint64_t at) {
  if (linear(rip()) != at) {
    if (auto other = run_up_to(at)) return other;
    if (pending_.cause != Cause::none || linear(rip()) != at) return std::nullopt;
  }
  Instruction instruction;
  std::array<uint8_t, 15> bytes{};
  const size_t length = peek(at, bytes.data(), bytes.size());
  if (!decode_at(at, instruction)) return fault(kUndefined, std::nullopt);
  const bool wide = code_mode().width == CodeWidth::bits_64;
  const Prefixes prefixes({bytes.data(), length}, wide);
  const uint8_t opcode = bytes[prefixes.length];
  const bool immediate = (opcode & 0xf8) == 0xe0;
  const auto port = immediate ? bytes[prefixes.length + 1] : static_cast<uint16_t>(read(UC_X86_REG_RDX));
  unsigned size = 1;
  if (opcode & 1) {
    bool small = code_mode().width == CodeWidth::bits_16;
    for (size_t i = 0; i < prefixes.length; ++i) small = small != (bytes[i] == 0x66);
    size = small ? 2 : 4;
  }
  if (!port_is_allowed(port, size)) return fault(kGeneral, 0);
  const uint64_t behind = at + instruction.length;
  if (auto other = run_up_to(behind)) return other;
  if (pending_.cause == Cause::none) settle_at(behind);
  return std::nullopt;
}

}  // namespace ringside
