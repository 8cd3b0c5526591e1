#include "hv-model/backends/9pfs/flex_ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "hv-model/xen_abi.h"

extern "C" {
#include <xen/io/9pfs.h>
}

namespace ringside {

namespace {

using Interface = xen_9pfs_data_intf;
static_assert(offsetof(Interface, out_cons) == 64 && offsetof(Interface, ring_order) == 128 &&
              offsetof(Interface, ref) == 132);

}  // namespace

FlexRing::FlexRing(Memory& memory, GrantedPages interface, GrantedPages data, uint32_t size)
    : memory_(&memory), interface_(std::move(interface)), data_(std::move(data)), size_(size) {}

tl::expected<FlexRing, std::string> FlexRing::map(Hypervisor& hypervisor, DomainId frontend,
                                                  GrantRef interface, uint32_t order_max) {
  Memory& memory = hypervisor.memory;
  auto page =
      GrantedPages::map(hypervisor.grants, memory, frontend, std::span<const GrantRef>(&interface, 1), false);
  if (!page) return tl::unexpected(fmt::format("mapping interface page, status {}", page.error().status));
  const GuestPhys base = page->address(0);
  const auto order = memory.load<uint32_t>(base + offsetof(Interface, ring_order));
  if (order > order_max) return tl::unexpected(fmt::format("ring order {} exceeds max:{}", order, order_max));
  std::vector<GrantRef> references(size_t{1} << order);
  for (size_t i = 0; i < references.size(); ++i) {
    references[i].value = memory.load<grant_ref_t>(base + offsetof(Interface, ref) + i * sizeof(grant_ref_t));
  }
  auto data = GrantedPages::map(hypervisor.grants, memory, frontend, references, false);
  if (!data) {
    const size_t index = data.error().index;
    return tl::unexpected(fmt::format("mapping data page {}, ref {}, status {}", index,
                                      references[index].value, data.error().status));
  }
  return FlexRing(memory, std::move(*page), std::move(*data),
                  static_cast<uint32_t>(XEN_FLEX_RING_SIZE(order)));
}

FlexRing::Indices FlexRing::indices() const {
  const GuestPhys base = interface_.address(0);
  return {memory_->load<uint32_t>(base + offsetof(Interface, in_cons)),
          memory_->load<uint32_t>(base + offsetof(Interface, in_prod)),
          memory_->load<uint32_t>(base + offsetof(Interface, out_cons)),
          memory_->load<uint32_t>(base + offsetof(Interface, out_prod))};
}

template <class Move>
void FlexRing::for_each_run(uint64_t base, uint32_t index, size_t length, const Move& move) const {
  for (size_t at = 0; at < length;) {
    const uint32_t place = (index + static_cast<uint32_t>(at)) & (size_ - 1);
    const size_t to_page_end = kPageSize - (base + place) % kPageSize;
    const size_t run = std::min({length - at, size_t{size_} - place, to_page_end});
    move(data_.address(base + place), at, run);
    at += run;
  }
}

void FlexRing::read_out(uint32_t index, std::span<uint8_t> into) const {
  for_each_run(size_, index, into.size(), [&](GuestPhys from, size_t at, size_t length) {
    (void)memory_->read(from, into.data() + at, length);
  });
}

void FlexRing::write_in(uint32_t index, std::span<const uint8_t> from) {
  for_each_run(0, index, from.size(), [&](GuestPhys into, size_t at, size_t length) {
    (void)memory_->write(into, from.data() + at, length);
  });
}

void FlexRing::publish_out_cons(uint32_t value) {
  memory_->store(interface_.address(0) + offsetof(Interface, out_cons), value);
}

void FlexRing::publish_in_prod(uint32_t value) {
  memory_->store(interface_.address(0) + offsetof(Interface, in_prod), value);
}

}  // namespace ringside
