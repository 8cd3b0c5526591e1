// The two state machines of each device behind any row. Every state that was is shown, so that this goes to
// and fro over the wires' rows, and needs no copies. Shares and consoles have no such wire: of them
// XenStore's messages show what the frontend has written and read.
#pragma once

#include <vector>

#include "viewer/story/device_facts.h"
#include "viewer/story/story_parts.h"
#include "viewer/story/story_wires.h"

namespace ringside::viewer {

class XenbusStory {
 public:
  const std::vector<XenbusState>& at(const StoryParts& parts, Row end);
  // Rows from `first` on are others now.
  void truncate(const StoryParts& parts, Row first) { at(parts, first); }

 private:
  void take_messages(const StoryParts& parts, Row end);

  std::vector<XenbusState> shown_;  // those with a wire come first
  std::vector<size_t> taken_;       // rows of each one's wire
};

}  // namespace ringside::viewer
