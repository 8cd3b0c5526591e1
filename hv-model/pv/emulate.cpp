#include "hv-model/pv/emulate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "hv-model/pv/bounce.h"
#include "hv-model/pv/cpuid.h"
#include "hv-model/pv/descriptors.h"
#include "hv-model/xen_abi.h"

namespace ringside {
namespace {

constexpr size_t kInstructionMax = 15;
constexpr uint8_t kPageFault = 14;

// CR0 as Xen shows it: PE, MP, ET, NE, WP, AM, PG; and TS as the guest set it.
constexpr uint64_t kCr0 = 0x80050033;
constexpr uint64_t kTaskSwitched = 8;
constexpr uint64_t kCr4 = 0x620;  // PAE, OSFXSR, OSXMMEXCPT
constexpr uint64_t kTimeStampDisable = 4, kDebugExtensions = 8;

struct Instruction {
  std::array<uint8_t, kInstructionMax> bytes{};
  size_t available = 0;
  size_t length = 0;  // of what has been decoded so far
  uint8_t rex = 0;
  bool operand_16 = false;
  bool ended = false;  // more was wanted than can be read

  uint8_t next() {
    if (length >= available) {
      ended = true;
      return 0;
    }
    return bytes[length++];
  }
};

// As many bytes as can be fetched; an instruction may end just before a page that is not mapped.
Instruction fetch(Cpu& cpu) {
  Instruction instruction;
  const GuestVirt rip{cpu.rip()};
  const size_t in_page = std::min<size_t>(kInstructionMax, kPageSize - rip.page_offset());
  if (!cpu.read_virtual(rip, instruction.bytes.data(), in_page)) return instruction;
  instruction.available = in_page;
  if (in_page < kInstructionMax &&
      cpu.read_virtual(rip + in_page, instruction.bytes.data() + in_page, kInstructionMax - in_page)) {
    instruction.available = kInstructionMax;
  }
  return instruction;
}

// Skips prefixes; gives the first byte of the opcode.
uint8_t decode_prefixes(Instruction& instruction) {
  for (;;) {
    const uint8_t byte = instruction.next();
    switch (byte) {
      case 0x66: instruction.operand_16 = true; break;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
      case 0x67:
      case 0xf2:
      case 0xf3: break;
      default:
        if ((byte & 0xf0) != 0x40) return byte;
        instruction.rex = byte;
        return instruction.next();
    }
    if (instruction.ended) return 0;
  }
}

class Emulation {
 public:
  Emulation(Hypervisor& hypervisor, Domain& domain)
      : hypervisor_(hypervisor),
        domain_(domain),
        cpu_(*domain.cpu),
        registers_(cpu_.registers()),
        instruction_(fetch(cpu_)) {}

  bool run() {
    const uint8_t opcode = decode_prefixes(instruction_);
    const bool done = opcode == 0x0f ? two_byte(instruction_.next()) : one_byte(opcode);
    if (!done || instruction_.ended) return false;
    registers_.rip += instruction_.length;
    cpu_.set_registers(registers_);
    return true;
  }

 private:
  bool kernel() const { return domain_.vcpu.kernel_mode; }

  // Xen's iopl_ok(): the guest's kernel counts as ring 1, unless it asked to be told the truth.
  bool io_privileged() const {
    const bool architectural = domain_.vm_assist >> VMASST_TYPE_architectural_iopl & 1;
    const unsigned level = kernel() ? (architectural ? 0 : 1) : 3;
    return domain_.vcpu.iopl >= level;
  }

  bool port_allowed(uint32_t port, unsigned size) const {
    if (io_privileged()) return true;
    const Vcpu& vcpu = domain_.vcpu;
    if (!vcpu.io_bitmap || port + size > vcpu.io_bitmap_ports) return false;
    uint16_t bits = 0xffff;
    // The bitmap is the kernel's: the page tables of user mode need not have it (guest_io_okay).
    const bool from_user = !kernel();
    if (from_user) toggle_guest_mode(hypervisor_, domain_);
    const bool known = domain_.copy_from_guest(&bits, *vcpu.io_bitmap + port / 8, port / 8 < 8191 ? 2 : 1);
    if (from_user) toggle_guest_mode(hypervisor_, domain_);
    return known && (bits >> port % 8 & ((1u << size) - 1)) == 0;
  }

  uint64_t& general(size_t index) { return registers_.general[index]; }
  void set_low32(size_t index, uint32_t value) { general(index) = value; }

  bool one_byte(uint8_t opcode) {
    switch (opcode) {
      case 0xe4:
      case 0xe5:
      case 0xe6:
      case 0xe7: return port_io(opcode, instruction_.next());
      case 0xec:
      case 0xed:
      case 0xee:
      case 0xef: return port_io(opcode, static_cast<uint16_t>(general(Registers::rdx)));
      case 0xfa:
      case 0xfb: return io_privileged();  // CLI and STI do nothing, as Xen explains at length
      default: return false;
    }
  }

  // A domU has access to no port: reads give ones, writes are lost.
  bool port_io(uint8_t opcode, uint16_t port) {
    const unsigned size = (opcode & 1) == 0 ? 1 : instruction_.operand_16 ? 2 : 4;
    if (!port_allowed(port, size)) return false;
    if (opcode & 2) return true;
    uint64_t& rax = general(Registers::rax);
    if (size == 1) rax |= 0xff;
    if (size == 2) rax |= 0xffff;
    if (size == 4) rax = 0xffffffff;
    return true;
  }

  bool two_byte(uint8_t opcode) {
    switch (opcode) {
      case 0x06:  // CLTS
        if (!kernel()) return false;
        set_task_switched(false);
        return true;
      case 0x09: return kernel();  // WBINVD: the caches are coherent
      case 0x20:
      case 0x22: return kernel() && control_register(opcode == 0x22);
      case 0x21:
      case 0x23: return kernel() && debug_register_move(opcode == 0x23);
      case 0x30:
      case 0x32: return kernel() && msr(opcode == 0x30);
      case 0x31: return time_stamp();
      case 0xa2: return cpuid();
      default: return false;
    }
  }

  void set_task_switched(bool on) {
    domain_.vcpu.task_switched = on;
    cpu_.set_task_switched(on);
  }

  bool time_stamp() {
    const uint64_t value = time_stamp_counter_at(hypervisor_.clock.now, hypervisor_.config.cpu_frequency_hz);
    set_low32(Registers::rax, static_cast<uint32_t>(value));
    set_low32(Registers::rdx, static_cast<uint32_t>(value >> 32));
    return true;
  }

  bool cpuid() {
    const auto leaf =
        pv_cpuid(static_cast<uint32_t>(general(Registers::rax)),
                 static_cast<uint32_t>(general(Registers::rcx)), hypervisor_.config.cpu_frequency_hz);
    set_low32(Registers::rax, leaf.eax);
    set_low32(Registers::rbx, leaf.ebx);
    set_low32(Registers::rcx, leaf.ecx);
    set_low32(Registers::rdx, leaf.edx);
    return true;
  }

  bool msr(bool write) {
    const auto number = static_cast<uint32_t>(general(Registers::rcx));
    if (write) {
      const uint64_t value = general(Registers::rdx) << 32 | static_cast<uint32_t>(general(Registers::rax));
      if (!write_msr(hypervisor_, domain_, number, value)) return false;
      // The bases of FS and GS may have changed in the core.
      const Registers now = cpu_.registers();
      registers_.fs_base = now.fs_base;
      registers_.gs_base = now.gs_base;
      return true;
    }
    const auto value = read_msr(hypervisor_, domain_, number);
    if (!value) return false;
    set_low32(Registers::rax, static_cast<uint32_t>(*value));
    set_low32(Registers::rdx, static_cast<uint32_t>(*value >> 32));
    return true;
  }

  // The register fields of ModRM, extended by REX.R and REX.B.
  struct Operands {
    unsigned special, general;
  };
  Operands operands() {
    const uint8_t modrm = instruction_.next();
    return {(modrm >> 3 & 7u) | (instruction_.rex & 4u) << 1, (modrm & 7u) | (instruction_.rex & 1u) << 3};
  }

  bool control_register(bool write) {
    const auto [number, source] = operands();
    return write ? write_control(number, general(source)) : read_control(number, general(source));
  }

  bool read_control(unsigned number, uint64_t& value) {
    const Vcpu& vcpu = domain_.vcpu;
    switch (number) {
      case 0: value = kCr0 | (vcpu.task_switched ? kTaskSwitched : 0); return true;
      case 2: value = vcpu.page_fault_address; return true;
      case 3: value = vcpu.kernel_root.address().value; return true;
      case 4: value = kCr4 | vcpu.control_4; return true;
      default: return false;
    }
  }

  bool write_control(unsigned number, uint64_t value) {
    switch (number) {
      case 0:
        // Only TS is the guest's to change.
        if (((value ^ kCr0) & ~kTaskSwitched) != 0) return false;
        set_task_switched((value & kTaskSwitched) != 0);
        return true;
      case 2: set_page_fault_address(hypervisor_, domain_, value); return true;
      case 3: return hypervisor_.page_tables.set_kernel_root(domain_, frame_of(GuestPhys{value})) == 0;
      case 4:
        // Xen's pv_fixup_guest_cr4: what is not the guest's to choose is passed over silently.
        domain_.vcpu.control_4 = value & (kTimeStampDisable | kDebugExtensions);
        // DEVIATES: Xen - user mode may read the time stamp counter all the same.
        if (value & kTimeStampDisable)
          domain_.notices.emit(NoticeKind::unimplemented, "CR4", "TSD has no effect");
        return true;
      default: return false;
    }
  }

  bool debug_register_move(bool write) {
    const auto [number, source] = operands();
    if (write) return set_debug_register(domain_, number, general(source)) == 0;
    const auto value = debug_register(domain_, number);
    if (value) general(source) = *value;
    return value.has_value();
  }

  Hypervisor& hypervisor_;
  Domain& domain_;
  Cpu& cpu_;
  Registers registers_;
  Instruction instruction_;
};

}  // namespace

bool emulate_privileged(Hypervisor& hypervisor, Domain& domain) {
  return Emulation(hypervisor, domain).run();
}

bool emulate_forced_prefix(Hypervisor& hypervisor, Domain& domain) {
  constexpr std::array<uint8_t, 7> forced = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
  Cpu& cpu = *domain.cpu;
  std::array<uint8_t, 7> found{};
  const GuestVirt rip{cpu.rip()};
  if (const auto read = cpu.read_virtual(rip, found.data(), 5); !read) {
    // As Xen: the guest gets the fault of the fetch.
    inject_exception(hypervisor, domain, kPageFault, 0, read.error().address);
    return true;
  }
  if (std::memcmp(found.data(), forced.data(), 5) != 0) return false;
  if (const auto read = cpu.read_virtual(rip + 5, found.data() + 5, 2); !read) {
    inject_exception(hypervisor, domain, kPageFault, 0, read.error().address);
    return true;
  }
  if (found != forced) return false;
  const auto leaf =
      pv_cpuid(static_cast<uint32_t>(cpu.general(Registers::rax)),
               static_cast<uint32_t>(cpu.general(Registers::rcx)), hypervisor.config.cpu_frequency_hz);
  cpu.set_general(Registers::rax, leaf.eax);
  cpu.set_general(Registers::rbx, leaf.ebx);
  cpu.set_general(Registers::rcx, leaf.ecx);
  cpu.set_general(Registers::rdx, leaf.edx);
  cpu.set_rip(rip.value + forced.size());
  return true;
}

}  // namespace ringside
