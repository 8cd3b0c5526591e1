// Grants of all domains behind any row: who has mapped or copied what, and which device named it.
#pragma once

#include <vector>

#include "viewer/story/history.h"

namespace ringside::viewer {

class GrantsTrack {
 public:
  void apply(const StoryParts& parts, Row row, uint32_t wire);
  size_t bytes() const { return sizeof *this + domains_.size() * sizeof(Domain) + entries_ * sizeof(Entry); }

  std::vector<DomainGrants> shown(const StoryParts& parts, Row end) const;

 private:
  // By its reference: a guest's grant table is dense.
  struct Entry {
    uint64_t frame = 0;
    uint32_t uses = 0;
    Row first = kNoRow, last = kNoRow, since = kNoRow;
    uint32_t named_by = kNoRow;  // a ring
    uint16_t by = 0, flags = 0;
    uint16_t maps = 0;  // now
    bool writable = false, failed = false;
  };
  struct Domain {
    bool known = false;
    std::vector<Entry> entries;
  };
  static constexpr uint32_t kRefsMax = 65536;  // 128 frames of version 1

  Entry* entry(uint32_t domain, uint32_t ref);
  void use(const StoryParts& parts, Row row, uint32_t domain);
  void name(const StoryParts& parts, Row row, uint32_t domain, uint32_t ring);

  std::vector<Domain> domains_;  // as StoryWires has them
  size_t entries_ = 0;
};

}  // namespace ringside::viewer
