// Ranges of addresses, cut where pages end: a range of virtual addresses is one of machine addresses only
// within a page, and frames of code are looked at one by one.
#pragma once

#include <algorithm>

#include "cpu/cpu.h"

namespace ringside {

// Calls piece(address, length) for each part of the range that lies in one page.
template <class Piece>
void for_each_page(GuestPhys address, uint64_t length, Piece piece) {
  while (length != 0) {
    const uint64_t part = std::min(length, kPageSize - address.page_offset());
    piece(address, part);
    address = address + part;
    length -= part;
  }
}

// Translates as an access by the guest would, and calls piece(machine address, length) for each part. On a
// fault, the parts before it have been dealt with.
template <class Piece>
tl::expected<void, PageFault> for_each_translated(Cpu& cpu, GuestVirt address, uint64_t length, Access access,
                                                  Piece piece) {
  while (length != 0) {
    const auto at = cpu.translate(address, access);
    if (!at) return tl::unexpected(at.error());
    const uint64_t part = std::min(length, kPageSize - address.page_offset());
    piece(*at, part);
    address = address + part;
    length -= part;
  }
  return {};
}

}  // namespace ringside
