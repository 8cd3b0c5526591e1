// The shared memory of one ring of a 9P share (public/io/9pfs.h, docs/misc/9pfs.pandoc "Ring Setup"): a page
// with indices and the references of the data pages, and two rings of bytes in these. Requests of the
// frontend go through `out`, responses through `in`; each has half of the data pages.
//
// Indices run freely over 32 bits and are reduced only to find a byte. The frontend can write to all of it at
// any time: references and order are read once, and whoever uses this judges a copy of the indices and keeps
// its own two.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "hv-model/backends/granted_pages.h"
#include "hv-model/hypervisor.h"

namespace ringside {

class FlexRing {
 public:
  struct Indices {
    uint32_t in_cons = 0, in_prod = 0, out_cons = 0, out_prod = 0;
    bool operator==(const Indices&) const = default;
  };

  // Maps the interface page, then the data pages that it names. The error says what is wrong.
  static tl::expected<FlexRing, std::string> map(Hypervisor& hypervisor, DomainId frontend,
                                                 GrantRef interface, uint32_t order_max);

  // Bytes of either direction.
  uint32_t size() const { return size_; }
  Mfn interface_frame() const { return interface_.frame(0); }
  Indices indices() const;

  // `index` is any that a byte of the ring has; the length is at most size().
  void read_out(uint32_t index, std::span<uint8_t> into) const;
  void write_in(uint32_t index, std::span<const uint8_t> from);
  void publish_out_cons(uint32_t value);
  void publish_in_prod(uint32_t value);

 private:
  FlexRing(Memory& memory, GrantedPages interface, GrantedPages data, uint32_t size);
  // Calls `move(address, at, length)` for each run of bytes that lies in one page.
  template <class Move>
  void for_each_run(uint64_t base, uint32_t index, size_t length, const Move& move) const;

  Memory* memory_;
  GrantedPages interface_, data_;
  uint32_t size_;
};

}  // namespace ringside
