#include "checkers/xen/ring_view.h"

#include <algorithm>
#include <cstddef>

#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

uint32_t bytes_of_slot(const OfferedRing& ring) {
  switch (ring.kind) {
    // A slot is as large as a request: 112 bytes on x86-64, 108 in the layout of x86-32.
    case RingKind::blk: return ring.native ? sizeof(blkif_request) : sizeof(blkif_request) - 4;
    case RingKind::net_tx: return sizeof(netif_tx_request);
    default: return sizeof(netif_rx_request);
  }
}

}  // namespace

bool RequestIds::add_to_list(uint64_t id) {
  if (std::find(list_.begin(), list_.end(), id) != list_.end()) return false;
  list_.push_back(id);
  ++count_;
  return true;
}

bool RequestIds::remove_from_list(uint64_t id) {
  const auto found = std::find(list_.begin(), list_.end(), id);
  if (found == list_.end()) return false;
  *found = list_.back();
  list_.pop_back();
  note_removed(id);
  return true;
}

bool RequestIds::was_removed(uint64_t id) const {
  const auto end = removed_.begin() + static_cast<ptrdiff_t>(std::min(removals_, removed_.size()));
  return std::find(removed_.begin(), end, id) != end;
}

SlotRing::SlotRing(const OfferedRing& offered, DomainId the_domain, std::string the_frontend,
                   std::vector<const uint8_t*> the_pages)
    : kind(offered.kind),
      domain(the_domain),
      frontend(std::move(the_frontend)),
      queue(offered.queue),
      port(offered.port),
      pages(std::move(the_pages)),
      first_page(pages[0]),
      only_slots(pages.size() == 1 ? first_page + BackRingIndices::kSlotsOffset : nullptr),
      slot_bytes(bytes_of_slot(offered)),
      slots(BackRingIndices::slots_in(pages.size() * kPageSize, slot_bytes)),
      noted_slots(size_t{slots} * slot_bytes),
      ids(offered.kind != RingKind::blk) {
  const RingIndices now = indices();
  rsp_prod = rsp_written = now.rsp_prod;
  // What was published before the backend came, it will find without being told.
  req_prod = told = now.req_prod;
  noted = fresh = now.rsp_prod;
  rsp_event_before = now.rsp_event;
}

void SlotRing::copy_slot(size_t place, void* into, size_t length) const {
  const size_t offset = BackRingIndices::kSlotsOffset + place;
  const size_t here = std::min(length, kPageSize - offset % kPageSize);
  std::memcpy(into, pages[offset / kPageSize] + offset % kPageSize, here);
  if (here != length)
    std::memcpy(static_cast<uint8_t*>(into) + here, pages[offset / kPageSize + 1], length - here);
}

bool SlotRing::is_same_across_pages(size_t place, const uint8_t* as) const {
  const size_t offset = BackRingIndices::kSlotsOffset + place;
  const size_t here = std::min<size_t>(slot_bytes, kPageSize - offset % kPageSize);
  if (std::memcmp(pages[offset / kPageSize] + offset % kPageSize, as, here) != 0) return false;
  return here == slot_bytes || std::memcmp(pages[offset / kPageSize + 1], as + here, slot_bytes - here) == 0;
}

// struct xen_9pfs_data_intf and XEN_FLEX_RING_SIZE of io/9pfs.h: half of the pages for each direction.
ByteRing::Layout p9_layout(const uint8_t* page) {
  constexpr uint16_t kInCons = 0, kInProd = 4, kOutCons = 64, kOutProd = 68, kRingOrder = 128;
  uint32_t order = 0;
  std::memcpy(&order, page + kRingOrder, sizeof order);
  const uint32_t size = 1u << (std::min(order, 9u) + kPageShift - 1);
  return {kOutProd, kOutCons, kInProd, kInCons, size, size};
}

ByteRing::Layout console_layout() {
  return {offsetof(xencons_interface, out_prod), offsetof(xencons_interface, out_cons),
          offsetof(xencons_interface, in_prod),  offsetof(xencons_interface, in_cons),
          sizeof(xencons_interface::out),        sizeof(xencons_interface::in)};
}

ByteRing::Layout xenstore_layout() {
  return {offsetof(xenstore_domain_interface, req_prod),
          offsetof(xenstore_domain_interface, req_cons),
          offsetof(xenstore_domain_interface, rsp_prod),
          offsetof(xenstore_domain_interface, rsp_cons),
          XENSTORE_RING_SIZE,
          XENSTORE_RING_SIZE};
}

}  // namespace ringside
