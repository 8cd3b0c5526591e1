// The backend's end of a shared ring (public/io/ring.h): one page with four indices and as many slots as fit,
// each holding a request until its response takes the place. This is the semantics of Xen's BACK_RING macros
// over guest memory, for any pair of request and response types.
//
// Indices run freely over 32 bits and are reduced only to find a slot. The frontend can write to the page at
// any time: what is shared is read once and judged as a copy, and the private indices never come from it
// after attach().
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "sim/ids.h"
#include "sim/memory.h"

namespace ringside {

struct RingIndices {
  uint32_t req_prod = 0, req_event = 0, rsp_prod = 0, rsp_event = 0;
  bool operator==(const RingIndices&) const = default;
};

template <class Request, class Response>
class BackRing {
  static_assert(std::is_trivially_copyable_v<Request> && std::is_trivially_copyable_v<Response>);
  union Slot {
    Request request;
    Response response;
  };

 public:
  static constexpr uint64_t kSlotsOffset = 64;  // struct __name##_sring: four indices, private bytes, padding
  // __RING_SIZE: the largest power of two that fits.
  static constexpr uint32_t kSlots =
      std::bit_floor(static_cast<uint32_t>((kPageSize - kSlotsOffset) / sizeof(Slot)));

  // The page must lie in memory; a mapped grant's does. Starts where the responses stand (BACK_RING_ATTACH).
  BackRing(Memory& memory, GuestPhys page) : memory_(memory), page_(page) {
    rsp_prod_private_ = req_cons_ = indices().rsp_prod;
  }

  RingIndices indices() const { return memory_.load<RingIndices>(page_); }
  uint32_t req_cons() const { return req_cons_; }
  uint32_t rsp_prod_private() const { return rsp_prod_private_; }
  static constexpr uint32_t slot_of(uint32_t index) { return index & (kSlots - 1); }

  // RING_REQUEST_PROD_OVERFLOW: more requests than the ring can hold. The frontend is broken or hostile.
  bool producer_overflows(uint32_t req_prod) const { return req_prod - rsp_prod_private_ > kSlots; }
  // RING_REQUEST_CONS_OVERFLOW: the next slot still waits for a response.
  bool consumer_overflows() const { return req_cons_ - rsp_prod_private_ >= kSlots; }

  // RING_COPY_REQUEST, and moves on.
  Request take() { return memory_.load<Request>(slot_address(req_cons_++)); }

  // Puts a response into the next slot; the frontend sees it after push().
  void put(const Response& response) { memory_.store(slot_address(rsp_prod_private_++), response); }

  // RING_PUSH_RESPONSES_AND_CHECK_NOTIFY: true when the frontend wants an event.
  bool push() {
    const RingIndices shared = indices();
    memory_.store(page_ + offsetof(RingIndices, rsp_prod), rsp_prod_private_);
    return rsp_prod_private_ - shared.rsp_event < rsp_prod_private_ - shared.rsp_prod;
  }

  // RING_FINAL_CHECK_FOR_REQUESTS: true when there are more; otherwise asks for an event with the next one.
  bool final_check() {
    if (unconsumed() != 0) return true;
    memory_.store(page_ + offsetof(RingIndices, req_event), req_cons_ + 1);
    return unconsumed() != 0;
  }

  // RING_HAS_UNCONSUMED_REQUESTS.
  uint32_t unconsumed() const {
    return std::min(indices().req_prod - req_cons_, kSlots - (req_cons_ - rsp_prod_private_));
  }

 private:
  GuestPhys slot_address(uint32_t index) const {
    return page_ + kSlotsOffset + slot_of(index) * sizeof(Slot);
  }

  Memory& memory_;
  const GuestPhys page_;
  uint32_t req_cons_ = 0;
  uint32_t rsp_prod_private_ = 0;
};

}  // namespace ringside
