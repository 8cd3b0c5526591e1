// What every part of the story works on.
#pragma once

#include "viewer/story/story.h"

namespace ringside::viewer {

class StoryWires;
class DeviceFacts;

struct StoryParts {
  const CrossingTable& table;
  const StoryWires& wires;
  const DeviceFacts& facts;
};

}  // namespace ringside::viewer
