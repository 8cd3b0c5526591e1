#include "hv-model/pv/descriptors.h"

#include "hv-model/hypercalls/call.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

// Intel SDM volume 3, 3.4.5: bits of a descriptor.
constexpr uint64_t kTypeShift = 40;
constexpr uint64_t kSegment = uint64_t{1} << 44;  // S: code or data, not a system descriptor
constexpr uint64_t kPrivilege = uint64_t{3} << 45;
constexpr uint64_t kPresent = uint64_t{1} << 47;
constexpr uint64_t kLong = uint64_t{1} << 53;
constexpr uint64_t kDefaultBig = uint64_t{1} << 54;
constexpr uint64_t kCallGate = 0xc;

uint64_t type_of(uint64_t descriptor) { return descriptor >> kTypeShift & 0xf; }

// Xen's guest_gate_selector_okay: Xen's own selectors are not to be called, but for its flat code for guests.
bool gate_selector_is_fine(uint16_t selector) {
  constexpr uint16_t first_reserved = 14 * 4096;
  if (selector == FLAT_KERNEL_CS32 || selector == FLAT_KERNEL_CS64) return true;
  return (selector & 4) != 0 || selector < first_reserved;
}

}  // namespace

std::optional<uint64_t> checked_descriptor(uint64_t descriptor) {
  if ((descriptor & kPresent) == 0) return descriptor;
  descriptor |= kPrivilege;
  if (descriptor & kSegment) return descriptor;
  const uint64_t type = type_of(descriptor);
  if (type == 0) return descriptor;  // the second half of a call gate
  if (type != kCallGate) return std::nullopt;
  if (!gate_selector_is_fine(static_cast<uint16_t>(descriptor >> 16))) return std::nullopt;
  if (descriptor >> 32 & 0xff) return std::nullopt;  // reserved
  return descriptor;
}

std::optional<uint64_t> find_descriptor(Hypervisor& hypervisor, Domain& domain, uint16_t selector) {
  const uint16_t wanted = selector | 3;
  if (wanted == FLAT_RING3_CS64) return 0x00affb000000ffff;
  if (wanted == FLAT_RING3_CS32) return 0x00cffb000000ffff;
  if (wanted == FLAT_RING3_DS32) return 0x00cff3000000ffff;
  const uint32_t index = selector >> 3;
  if (selector & 4) {
    uint64_t descriptor = 0;
    if (index >= domain.vcpu.ldt_entries) return std::nullopt;
    if (!domain.copy_from_guest(descriptor, GuestVirt{domain.vcpu.ldt_address + uint64_t{index} * 8})) {
      return std::nullopt;
    }
    return descriptor;
  }
  if (index == 0 || index / 512 >= domain.vcpu.gdt_frames.size()) return std::nullopt;
  const GuestPhys address = domain.vcpu.gdt_frames[index / 512].address() + uint64_t{index % 512} * 8;
  if (!hypervisor.memory.contains(address, 8)) return std::nullopt;
  return hypervisor.memory.load<uint64_t>(address);
}

bool is_data_segment(uint64_t descriptor) {
  if ((descriptor & (kPresent | kSegment)) != (kPresent | kSegment)) return false;
  const uint64_t type = type_of(descriptor);
  return (type & 8) == 0 || (type & 2) != 0;
}

bool is_writable_data_segment(uint64_t descriptor) {
  return (descriptor & (kPresent | kSegment)) == (kPresent | kSegment) && (type_of(descriptor) & 0xa) == 2;
}

bool is_long_code_segment(uint64_t descriptor) {
  return (descriptor & (kPresent | kSegment)) == (kPresent | kSegment) && (type_of(descriptor) & 8) != 0 &&
         (descriptor & (kLong | kDefaultBig)) == kLong;
}

uint64_t segment_base(uint64_t descriptor) {
  return (descriptor >> 16 & 0xffffff) | (descriptor >> 56 & 0xff) << 24;
}

// The processor here has no breakpoints: the values are kept and given back. Xen refuses what would let a
// guest watch Xen, or use what its CPUID does not offer.
int64_t set_debug_register(Domain& domain, uint32_t number, uint64_t value) {
  auto& registers = domain.vcpu.debug_registers;
  switch (number) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (!Domain::accessible({value}, 1)) return -XEN_EPERM;
      registers[number] = value;
      return 0;
    case 4:
    case 6: registers[6] = (value & 0xe00f) | 0xffff0ff0; return 0;
    case 5:
    case 7: {
      if (value >> 32) return -XEN_EINVAL;
      const uint64_t fixed = (value & ~uint64_t{0xd800}) | 0x400;
      if (fixed & 0x2000) return -XEN_EPERM;  // general detect
      // A breakpoint on I/O (10b), or a length that its kind cannot have, is refused.
      for (unsigned slot = 0; slot < 4; ++slot) {
        const uint64_t kind = fixed >> (16 + slot * 4) & 3;
        if (kind == 2 && (fixed >> (slot * 2) & 3) != 0) return -XEN_EPERM;
      }
      registers[7] = fixed;
      if ((fixed & 0xff) != 0) {
        domain.notices.emit(NoticeKind::unimplemented, "debug registers",
                            "hardware breakpoints do not trigger");
      }
      return 0;
    }
    default: return -XEN_ENODEV;
  }
}

std::optional<uint64_t> debug_register(const Domain& domain, uint32_t number) {
  if (number > 7) return std::nullopt;
  const uint32_t index = number == 4 || number == 5 ? number + 2 : number;
  const uint64_t value = domain.vcpu.debug_registers[index];
  if (index == 6) return value | 0xffff0ff0;
  if (index == 7) return value | 0x400;
  return value;
}

}  // namespace ringside
