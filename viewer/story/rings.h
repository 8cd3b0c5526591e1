// The state of one ring behind any row.
#pragma once

#include "viewer/story/history.h"
#include "viewer/story/slot_ring.h"

namespace ringside::viewer {

class RingTrack {
 public:
  RingTrack(const KnownRing& known, uint32_t ring);

  void apply(const StoryParts& parts, Row row, uint32_t wire);
  size_t bytes() const;
  const RingState& shown() const { return shown_; }

 private:
  void apply_share(const StoryParts& parts, Row row);
  void apply_console(const StoryParts& parts, Row row, bool out);
  void apply_descriptors(const StoryParts& parts, Row row);

  RingState shown_;
  SlotRing slots_;
  uint32_t ring_;
  uint32_t looks_ = 0;
};

using RingHistory = History<RingTrack>;

}  // namespace ringside::viewer
