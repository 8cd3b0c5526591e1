// Numbers that mean different things get different types, so that the compiler keeps them apart.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace ringside {

// The tag makes each instance a type of its own.
template <class Tag, class Number>
struct Id {
  Number value = 0;
  constexpr auto operator<=>(const Id&) const = default;
};

using DomainId = Id<struct DomainTag, uint16_t>;      // Xen's domid_t
using EventPort = Id<struct EventPortTag, uint32_t>;  // evtchn_port_t
using GrantRef = Id<struct GrantRefTag, uint32_t>;    // grant_ref_t

inline constexpr uint64_t kPageSize = 4096;
inline constexpr unsigned kPageShift = 12;

// An address as the guest's instructions use it.
struct GuestVirt {
  uint64_t value = 0;
  constexpr auto operator<=>(const GuestVirt&) const = default;
  constexpr GuestVirt operator+(uint64_t n) const { return {value + n}; }
  constexpr uint64_t page_offset() const { return value & (kPageSize - 1); }
};

// An address on the memory bus: what page tables hold. Xen calls it a machine address.
struct GuestPhys {
  uint64_t value = 0;
  constexpr auto operator<=>(const GuestPhys&) const = default;
  constexpr GuestPhys operator+(uint64_t n) const { return {value + n}; }
  constexpr uint64_t page_offset() const { return value & (kPageSize - 1); }
};

// A machine frame number (Xen's mfn), and a domain's own idea of its frames (pfn).
struct Mfn {
  uint64_t value = 0;
  constexpr auto operator<=>(const Mfn&) const = default;
  constexpr GuestPhys address() const { return {value << kPageShift}; }
};
struct Pfn {
  uint64_t value = 0;
  constexpr auto operator<=>(const Pfn&) const = default;
};

constexpr Mfn frame_of(GuestPhys address) { return {address.value >> kPageShift}; }

}  // namespace ringside
