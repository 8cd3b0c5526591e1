// Devices: accesses to ports and to physical addresses beyond RAM go to the environment at once, with the
// clock at the instruction that makes them.
//
// For a port the emulator knows the instruction. For an access to memory it does not, and finding out (a hook
// on memory) would slow every access to RAM tenfold. So it is found again: the first instruction of the
// block, behind the last one that is known to have reached a device, whose operand leads to the very address.
// The answer depends on the guest's state alone, so it is the same in every run.
// DEVIATES: a load that went to RAM earlier in the block through a register that changed since, and that
// would now lead to the device, is taken for the access; the time is then that of the earlier instruction.
#include <algorithm>
#include <array>

#include "cpu/native_layout.h"
#include "cpu/unicorn_native.h"

namespace ringside {
namespace {

NativeUnicornCpu& core(void* self) { return *static_cast<NativeUnicornCpu*>(self); }

constexpr uint64_t kAcceptedFlagBits = 0x3000;  // IOPL

uint64_t low_bytes(uint64_t value, unsigned size) {
  return size >= 8 ? value : value & ((1ull << (8 * size)) - 1);
}

}  // namespace

Tick NativeUnicornCpu::now_at_offset(uint64_t offset) const {
  if (current_.block == nullptr || offset >= current_.size) return clock_.now;
  return clock_.now - picoseconds(current_.block->cost_ps - current_.block->before(offset).cost_ps);
}

Tick NativeUnicornCpu::now_at_instruction() const { return now_at_offset(linear(rip()) - current_.address); }

// --- Memory beyond RAM ---

uint64_t NativeUnicornCpu::memory_read_hook(uc_engine*, uint64_t offset, unsigned size, void* self) {
  NativeUnicornCpu& cpu = core(self);
  const GuestPhys address{offset};
  uint64_t value = ~0ull;
  // A page of read-only memory that was last stored to is read here, too.
  if (const uint8_t* bytes = cpu.map_.bytes_at(address, size)) {
    value = 0;
    std::copy_n(bytes, size, reinterpret_cast<uint8_t*>(&value));
    return value;
  }
  const Tick now = cpu.now_at_access(address, size, Access::read);
  value = cpu.at_time(now, kDeviceAccess, [&] { return cpu.environment_.memory_read(address, size); });
  return low_bytes(value, size);
}

void NativeUnicornCpu::memory_write_hook(uc_engine*, uint64_t offset, unsigned size, uint64_t value,
                                         void* self) {
  NativeUnicornCpu& cpu = core(self);
  const GuestPhys address{offset};
  if (cpu.map_.place(address).kind != PhysicalMap::Kind::device) return;
  const Tick now = cpu.now_at_access(address, size, Access::write);
  cpu.at_time(now, kDeviceAccess, [&] {
    cpu.environment_.memory_write(address, size, low_bytes(value, size));
    return 0;
  });
}

Tick NativeUnicornCpu::now_at_access(GuestPhys address, unsigned size, Access access) {
  if (current_.block == nullptr) return clock_.now;
  const Block& block = *current_.block;
  const std::vector<Block::MemoryAccess>& accesses = blocks_.accesses(block, current_.address);
  for (const Block::MemoryAccess& candidate : accesses) {
    if (candidate.offset < current_.io_offset) continue;
    const bool fits = access == Access::write ? candidate.operand.write : candidate.operand.read;
    if (!fits) continue;
    const uint64_t at = access_address(candidate);
    // An access is split by the emulator where it is wider than four bytes or crosses a boundary.
    const uint64_t width =
        std::max<uint64_t>(candidate.operand.size == 0 ? 512 : candidate.operand.size, size);
    const uint64_t into = (address.value - at) & (kPageSize - 1);
    if (into >= width) continue;
    const auto page = peek_page(at + into);
    if (!page || *page + ((at + into) & (kPageSize - 1)) != address) continue;
    // The instruction may go on: its last byte, and a store behind a load, come later.
    const bool last = into + size >= width && (access == Access::write || !candidate.operand.write);
    current_.io_offset = last ? candidate.offset + 1 : candidate.offset;
    return now_at_offset(candidate.offset);
  }
  return clock_.now;
}

uint64_t NativeUnicornCpu::access_address(const Block::MemoryAccess& access) const {
  static constexpr std::array<int, 16> kGeneral = {
      UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP, UC_X86_REG_RBP,
      UC_X86_REG_RSI, UC_X86_REG_RDI, UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
      UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};
  const MemoryOperand& operand = access.operand;
  // The plain form, which nearly all are of: [base + index * scale + displacement] in 64-bit code.
  if (current_.block->width == CodeWidth::bits_64 && operand.base < kGeneral.size() &&
      operand.segment == MemoryOperand::Segment::flat && !operand.address_is_32_bit && !operand.index_is_al &&
      operand.bit_offset == MemoryOperand::kNone) {
    uint64_t address = read(kGeneral[operand.base]) + static_cast<uint64_t>(operand.displacement);
    if (operand.index < kGeneral.size()) address += read(kGeneral[operand.index]) * operand.scale;
    return address;
  }
  Registers needed;
  const auto fetch = [&](uint8_t index) {
    if (index < kGeneral.size()) needed.general[index] = read(kGeneral[index]);
  };
  fetch(operand.base);
  fetch(operand.index);
  fetch(operand.bit_offset);
  if (operand.index_is_al) fetch(Registers::rax);
  const uint64_t next = current_.address + access.offset + access.length - current_.block->base;
  return linear_address(operand, needed, next);
}

// --- Ports ---

uint32_t NativeUnicornCpu::port_in_hook(uc_engine*, uint32_t port, int size, void* self) {
  NativeUnicornCpu& cpu = core(self);
  const auto bytes = static_cast<unsigned>(size);
  const uint32_t value = cpu.at_time(cpu.now_at_instruction(), kPortAccess, [&] {
    return cpu.environment_.port_in(static_cast<uint16_t>(port), bytes);
  });
  return static_cast<uint32_t>(low_bytes(value, bytes));
}

void NativeUnicornCpu::port_out_hook(uc_engine*, uint32_t port, int size, uint32_t value, void* self) {
  NativeUnicornCpu& cpu = core(self);
  const auto bytes = static_cast<unsigned>(size);
  cpu.at_time(cpu.now_at_instruction(), kPortAccess, [&] {
    if (cpu.clock_.now - cpu.judged_at_ > CodePages::kForgotten) cpu.judge_frames();
    cpu.environment_.port_out(static_cast<uint16_t>(port), bytes,
                              static_cast<uint32_t>(low_bytes(value, bytes)));
    return 0;
  });
}

// No check of the I/O bitmap is due: the emulator itself makes none.
bool NativeUnicornCpu::ports_are_free() const {
  if (!(cr0_ & 1)) return true;
  if (in_virtual_8086()) return false;
  return privilege() <= (read(UC_X86_REG_RFLAGS) & kAcceptedFlagBits) >> 12;
}

// APM volume 2, 12.2.4 "I/O-permission bitmap": two bytes are read, so that the access may cross.
bool NativeUnicornCpu::port_is_allowed(uint16_t port, unsigned size) {
  const uc_x86_mmr tss = read_table(UC_X86_REG_TR);
  uint16_t map = 0, bits = 0;
  if (tss.limit < 0x67 || !load(tss.base + 0x66, &map, 2)) return false;
  const uint32_t at = map + port / 8u;
  if (at + 1 > tss.limit || !load(tss.base + at, &bits, 2)) return false;
  return (bits >> (port & 7) & ((1u << size) - 1)) == 0;
}

// --- Instructions that are answered ---

int NativeUnicornCpu::cpuid_hook(uc_engine*, void* self) {
  NativeUnicornCpu& cpu = core(self);
  const auto leaf = cpu.at_time(cpu.now_at_instruction(), {}, [&] {
    return cpu.environment_.cpuid(static_cast<uint32_t>(cpu.read(UC_X86_REG_RAX)),
                                  static_cast<uint32_t>(cpu.read(UC_X86_REG_RCX)));
  });
  cpu.write(UC_X86_REG_RAX, leaf.eax);
  cpu.write(UC_X86_REG_RBX, leaf.ebx);
  cpu.write(UC_X86_REG_RCX, leaf.ecx);
  cpu.write(UC_X86_REG_RDX, leaf.edx);
  return 1;
}

int NativeUnicornCpu::rdtsc_hook(uc_engine*, void* self) {
  NativeUnicornCpu& cpu = core(self);
  const uint64_t counter = cpu.at_time(cpu.now_at_instruction(), {},
                                       [&] { return cpu.environment_.time_stamp_counter(cpu.clock_.now); });
  cpu.write(UC_X86_REG_RAX, static_cast<uint32_t>(counter));
  cpu.write(UC_X86_REG_RDX, counter >> 32);
  return 1;
}

int NativeUnicornCpu::rdtscp_hook(uc_engine* uc, void* self) {
  rdtsc_hook(uc, self);
  core(self).write(UC_X86_REG_RCX, core(self).tsc_aux_);
  return 1;
}

}  // namespace ringside
