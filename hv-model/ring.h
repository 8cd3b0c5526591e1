// The backend's end of a shared ring (public/io/ring.h): four indices and as many slots as fit, each holding
// a request until its response takes the place. This is the semantics of Xen's BACK_RING macros over guest
// memory.
//
// Indices run freely over 32 bits and are reduced only to find a slot. The frontend can write to the page at
// any time: what is shared is read once and judged as a copy, and the private indices never come from it
// after attach().
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "sim/ids.h"
#include "sim/memory.h"

namespace ringside {

struct RingIndices {
  uint32_t req_prod = 0, req_event = 0, rsp_prod = 0, rsp_event = 0;
  bool operator==(const RingIndices&) const = default;
};

// The indices alone, for rings whose slots lie anywhere and have any size (several pages, layouts of other
// architectures).
class BackRingIndices {
 public:
  static constexpr uint64_t kSlotsOffset = 64;  // struct __name##_sring: four indices, private bytes, padding
  // __RING_SIZE: the largest power of two that fits.
  static constexpr uint32_t slots_in(uint64_t ring_bytes, uint64_t slot_bytes) {
    return std::bit_floor(static_cast<uint32_t>((ring_bytes - kSlotsOffset) / slot_bytes));
  }

  // The header must lie in memory; a mapped grant's page does. Starts where the responses stand
  // (BACK_RING_ATTACH).
  BackRingIndices(Memory& memory, GuestPhys header, uint32_t slots)
      : memory_(memory), header_(header), slots_(slots) {
    rsp_prod_private_ = req_cons_ = indices().rsp_prod;
  }

  RingIndices indices() const { return memory_.load<RingIndices>(header_); }
  uint32_t slots() const { return slots_; }
  uint32_t slot(uint32_t index) const { return index & (slots_ - 1); }
  uint32_t req_cons() const { return req_cons_; }
  uint32_t rsp_prod_private() const { return rsp_prod_private_; }

  // RING_REQUEST_PROD_OVERFLOW: more requests than the ring can hold. The frontend is broken or hostile.
  // DEVIATES: public/io/ring.h - so is one whose index has run back behind what was taken: the macro lets it
  // pass, and a backend that answers at once would take the same slots four billion times.
  bool producer_overflows(uint32_t req_prod) const {
    return req_prod - rsp_prod_private_ > slots_ || req_prod - req_cons_ > slots_;
  }
  // RING_REQUEST_CONS_OVERFLOW: the next slot still waits for a response.
  bool consumer_overflows() const { return in_flight() >= slots_; }

  // The slot of the next request, or of the next response, and moves on. The frontend sees a response after
  // push().
  uint32_t consume() { return slot(req_cons_++); }
  uint32_t produce() { return slot(rsp_prod_private_++); }

  // Whether the next response would lie on a request that was not taken yet: a fault has made more responses
  // than there were requests.
  bool response_overwrites() const {
    const uint32_t ahead = rsp_prod_private_ - req_cons_;
    return ahead < slots_ && ahead < indices().req_prod - req_cons_;
  }

  // RING_PUSH_RESPONSES_AND_CHECK_NOTIFY: true when the frontend wants an event.
  bool push() {
    const RingIndices shared = indices();
    memory_.store(header_ + offsetof(RingIndices, rsp_prod), rsp_prod_private_);
    return rsp_prod_private_ - shared.rsp_event < rsp_prod_private_ - shared.rsp_prod;
  }

  // RING_FINAL_CHECK_FOR_REQUESTS: true when there are more; otherwise asks for an event with the next one.
  bool final_check() {
    if (unconsumed() != 0) return true;
    memory_.store(header_ + offsetof(RingIndices, req_event), req_cons_ + 1);
    return unconsumed() != 0;
  }

  // Asks for an event when the frontend's producer index gets there.
  void ask_event_at(uint32_t req_event) {
    memory_.store(header_ + offsetof(RingIndices, req_event), req_event);
  }

  // RING_HAS_UNCONSUMED_REQUESTS.
  uint32_t unconsumed() const { return std::min(indices().req_prod - req_cons_, slots_ - in_flight()); }

 protected:
  Memory& memory_;
  const GuestPhys header_;

 private:
  // Taken and not answered. A fault that doubles a response makes more responses than requests: none, then.
  uint32_t in_flight() const {
    const uint32_t taken = req_cons_ - rsp_prod_private_;
    return taken > slots_ ? 0 : taken;
  }

  const uint32_t slots_;
  uint32_t req_cons_ = 0;
  uint32_t rsp_prod_private_ = 0;
};

// A ring of one page, for any pair of request and response types.
template <class Request, class Response>
class BackRing : public BackRingIndices {
  static_assert(std::is_trivially_copyable_v<Request> && std::is_trivially_copyable_v<Response>);
  union Slot {
    Request request;
    Response response;
  };

 public:
  static constexpr uint32_t kSlots = slots_in(kPageSize, sizeof(Slot));

  BackRing(Memory& memory, GuestPhys page) : BackRingIndices(memory, page, kSlots) {}

  static constexpr uint32_t slot_of(uint32_t index) { return index & (kSlots - 1); }

  // RING_COPY_REQUEST of the next request. The frontend may change it afterwards: who has judged the copy
  // goes on with that, by skip().
  Request peek() const { return memory_.load<Request>(slot_address(slot_of(req_cons()))); }
  void skip() { consume(); }
  // RING_COPY_REQUEST, and moves on.
  Request take() { return memory_.load<Request>(slot_address(consume())); }

  // For faults: a slot changes while it lies in shared memory. What the other kind has beyond stays.
  void overwrite(uint32_t slot, const Request& request) {
    memory_.store(slot_address(slot_of(slot)), request);
  }
  void overwrite(uint32_t slot, const Response& response) {
    memory_.store(slot_address(slot_of(slot)), response);
  }

  // Puts a response into the next slot.
  void put(const Response& response) { memory_.store(slot_address(produce()), response); }

 private:
  GuestPhys slot_address(uint32_t slot) const { return header_ + kSlotsOffset + slot * sizeof(Slot); }
};

}  // namespace ringside
