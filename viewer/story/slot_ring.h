// A ring of blkif or netif (public/io/ring.h) as its crossings show it. The backend samples the indices, so
// that what the frontend does shows when the backend looks: at that crossing its requests are published.
//
// Slots are those of the shared page. A response lies where rsp_prod stands, whichever request it answers: of
// requests that are answered out of order, a slot's request and its response are not each other's.
#pragma once

#include <cstdint>

#include "viewer/story/device_facts.h"
#include "viewer/story/story_parts.h"

namespace ringside::viewer {

// What indices of both protocols begin with.
struct SlotIndices {
  uint32_t req_prod, req_event, rsp_prod, rsp_event, req_cons;
};
static_assert(sizeof(SlotIndices) == 20);

class SlotRing {
 public:
  explicit SlotRing(uint32_t ring) : ring_(ring) {}

  void apply(RingState& shown, const StoryParts& parts, Row row, WirePart part);

 private:
  static constexpr uint32_t kSlotsMax = 4096, kNetSlots = 256, kBlkSlots = 32, kLooksMax = 64;

  void on_indices(RingState& shown, const StoryParts& parts, const SlotIndices& now, Row row);
  void on_request(RingState& shown, const StoryParts& parts, uint32_t slot, uint32_t req_prod, uint32_t index,
                  Row row);
  void on_response(RingState& shown, const StoryParts& parts, uint32_t slot, Row row);
  // A connection begins, or the session's part of it.
  void open(RingState& shown, const StoryParts& parts, uint32_t req_cons, uint32_t rsp_prod, Row row);
  void grow(RingState& shown, uint32_t slots);
  void publish(RingState& shown, uint32_t req_prod, Row row);
  void take(RingState& shown, uint32_t req_cons);
  void answer(RingState& shown, uint32_t rsp_prod);
  void consume(RingState& shown, uint32_t rsp_cons);

  uint32_t ring_;
  bool is_open_ = false;
  bool is_size_known_ = false;
  uint32_t published_ = 0;  // req_prod, as far as it was possible
  uint32_t looks_ = 0;      // how often the size was looked up
};

}  // namespace ringside::viewer
