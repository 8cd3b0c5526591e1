// Which crossing another one caused, reckoned for the rows that are asked about.
#pragma once

#include <vector>

#include "viewer/story/device_facts.h"
#include "viewer/story/spans.h"
#include "viewer/story/story_parts.h"

namespace ringside::viewer {

class Links {
 public:
  Links(const StoryParts& parts, const Spans& spans) : parts_(parts), spans_(spans) {}

  std::vector<Link> find(Row first, Row last, size_t most) const;

 private:
  // How many rows it looks at around one.
  static constexpr size_t kLookMax = 512;

  struct Finder;
  const StoryParts& parts_;
  const Spans& spans_;
};

}  // namespace ringside::viewer
