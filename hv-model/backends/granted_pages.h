// Pages that a frontend has granted to a backend, mapped together: a shared ring of several pages, or the
// pages of a request. They are given back when the object goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <tl/expected.hpp>
#include <vector>

#include "hv-model/grant_table.h"
#include "sim/ids.h"
#include "sim/memory.h"

namespace ringside {

class GrantedPages {
 public:
  // All of them, in that order, or none. The error says which could not be mapped, and its GNTST_* status; a
  // grant of something that is no memory (a frame of Xen's I/O space) counts as a bad page.
  struct Refusal {
    size_t index = 0;
    int16_t status = 0;
  };
  static tl::expected<GrantedPages, Refusal> map(Grants& grants, const Memory& memory, DomainId frontend,
                                                 std::span<const GrantRef> references, bool read_only);

  GrantedPages() = default;
  GrantedPages(GrantedPages&& other) noexcept;
  GrantedPages& operator=(GrantedPages&& other) noexcept;
  ~GrantedPages() { unmap(); }

  void unmap();
  size_t size() const { return pages_.size(); }
  Mfn frame(size_t index) const { return pages_[index].frame; }
  // Of one byte of the pages in a row.
  GuestPhys address(uint64_t offset) const {
    return pages_[offset / kPageSize].frame.address() + offset % kPageSize;
  }

 private:
  Grants* grants_ = nullptr;
  std::vector<Grants::Mapped> pages_;
};

}  // namespace ringside
