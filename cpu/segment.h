// Segment descriptors in memory, and what a segment register holds of one. AMD64 Architecture Programmer's
// Manual volume 2 (revision 3.38), 4.7 "Legacy segment descriptors" and 4.8 "Long-mode segment descriptors".
#pragma once

#include <cstdint>

namespace ringside {

// Eight bytes of a descriptor table. A gate or system descriptor of long mode has eight more.
struct Descriptor {
  uint64_t bits = 0;

  uint32_t base() const {
    return static_cast<uint32_t>((bits >> 16 & 0xff'ffff) | (bits >> 32 & 0xff00'0000));
  }
  uint32_t limit() const {
    const auto limit = static_cast<uint32_t>((bits & 0xffff) | (bits >> 32 & 0xf'0000));
    return bits >> 55 & 1 ? limit << 12 | 0xfff : limit;
  }
  unsigned type() const { return bits >> 40 & 15; }
  bool is_system() const { return !(bits >> 44 & 1); }
  unsigned privilege() const { return bits >> 45 & 3; }
  bool is_present() const { return bits >> 47 & 1; }
  bool is_long() const { return bits >> 53 & 1; }
  bool is_big() const { return bits >> 54 & 1; }
  bool is_code() const { return !is_system() && (type() & 8); }
  bool is_conforming() const { return type() & 4; }
  bool is_writable_data() const { return !is_system() && (type() & 10) == 2; }
  // The packed form of the VMCB: type, S, DPL, P, then AVL, L, D, G.
  uint16_t attributes() const { return static_cast<uint16_t>((bits >> 40 & 0xff) | (bits >> 44 & 0xf00)); }
};

// A segment register with its hidden part; GDTR and IDTR use base and limit only.
struct Segment {
  uint16_t selector = 0;
  uint16_t attributes = 0;
  uint32_t limit = 0;
  uint64_t base = 0;

  static Segment from(uint16_t selector, Descriptor descriptor) {
    return {selector, descriptor.attributes(), descriptor.limit(), descriptor.base()};
  }
  // Of real mode and of virtual-8086 mode (with privilege 3).
  static Segment real(uint16_t selector, uint16_t attributes = 0x93) {
    return {selector, attributes, 0xffff, uint64_t{selector} << 4};
  }
  bool is_long() const { return attributes & 0x200; }
  bool is_big() const { return attributes & 0x400; }
  unsigned privilege() const { return attributes >> 5 & 3; }
};

}  // namespace ringside
