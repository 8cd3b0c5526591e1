// A frontend's end of a shared ring (public/io/ring.h, the FRONT_RING macros) on a page that the test sees.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv-model/ring.h"
#include "ringside/ring.h"

namespace ringside::test::house {

inline test::RingIndices indices_of(const Buffer& page) { return page.load<test::RingIndices>(); }

template <class Request, class Response>
class FrontRing {
  union Slot {
    Request request;
    Response response;
  };

 public:
  static constexpr uint32_t kSlots = ringside::BackRingIndices::slots_in(kPageSize, sizeof(Slot));

  // SHARED_RING_INIT and FRONT_RING_INIT, with the indices beginning anywhere.
  void init(const Buffer& page, uint32_t first_index) {
    page_ = page;
    page_.fill(0);
    page_.store(0, test::RingIndices{first_index, first_index + 1, first_index, first_index + 1});
    produced_ = consumed_ = first_index;
  }
  bool made() const { return page_.size() != 0; }
  const Buffer& page() const { return page_; }
  // RING_FULL.
  bool full() const { return produced_ - consumed_ >= kSlots; }

  void put(const Request& request) { page_.store(slot_offset(produced_++), request); }
  // RING_PUSH_REQUESTS_AND_CHECK_NOTIFY.
  bool publish() {
    const test::RingIndices shared = indices_of(page_);
    page_.store(offsetof(test::RingIndices, req_prod), produced_);
    return produced_ - shared.req_event < produced_ - shared.req_prod;
  }
  // The next response; with the last one an event is asked for (RING_FINAL_CHECK_FOR_RESPONSES).
  std::optional<Response> take() {
    if (indices_of(page_).rsp_prod == consumed_) return std::nullopt;
    const auto response = page_.load<Response>(slot_offset(consumed_++));
    page_.store(offsetof(test::RingIndices, rsp_event), consumed_ + 1);
    return response;
  }
  bool has_responses() const { return indices_of(page_).rsp_prod != consumed_; }

 private:
  static size_t slot_offset(uint32_t index) {
    return ringside::BackRingIndices::kSlotsOffset + (index & (kSlots - 1)) * sizeof(Slot);
  }
  Buffer page_;
  uint32_t produced_ = 0, consumed_ = 0;
};

}  // namespace ringside::test::house
