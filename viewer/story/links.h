// Which crossing another one caused, reckoned for the rows that are asked about:
// - an event, where it is delivered: in another domain that has a wire, or in the guest, behind an answer;
// - handler: an event, and the first request that the backend takes after it from that port's ring;
// - completion: a request, what the image did for it, and its answer.
#pragma once

#include <utility>
#include <vector>

#include "viewer/story/device_facts.h"
#include "viewer/story/spans.h"
#include "viewer/story/story_parts.h"

namespace ringside::viewer {

class Links {
 public:
  Links(const StoryParts& parts, const Spans& spans) : parts_(parts), spans_(spans) {}

  std::vector<Link> find(Row first, Row last, size_t most);
  // Facts or wires have changed.
  void forget() { is_known_ = false; }

 private:
  // How many rows it looks at around one, and at most of a range.
  static constexpr size_t kLookMax = 256, kRowsMax = 50'000;
  static constexpr Row kLookBack = 1024;

  // A port of a ring, from a row on; which device's.
  struct PortUse {
    Row row;
    uint32_t ring;
    uint32_t port;
  };
  // What a request is about, in an image's terms.
  struct Extent {
    uint8_t operation;  // ImageOperation
    uint64_t sector, count;
  };

  void learn();
  void learn_fixed(uint32_t domain);
  void add_link(std::vector<Link>& links, Row row) const;
  Row delivered_elsewhere(Row send) const;
  Row handled(Row send) const;
  Row first_request(const KnownRing& ring, Row after) const;
  Row next_of_way(uint32_t wire, Row after, Direction direction) const;
  Row delivered(Row answer, const KnownRing& ring) const;
  bool asks_event(Row answer, const KnownRing& ring) const;
  bool has_earlier_send(Row send, uint32_t port, Row handled) const;
  bool has_later_send(Row send, uint32_t port, Row handled) const;
  std::optional<Extent> extent_of(Row request) const;
  Row image_of(Row request, const Span& span) const;
  Row request_of_image(Row image) const;
  uint32_t port_of(uint32_t ring, Row row) const;

  const StoryParts& parts_;
  const Spans& spans_;
  bool is_known_ = false;
  std::vector<std::vector<PortUse>> uses_of_domain_;   // by row
  std::vector<std::vector<PortUse>> uses_of_ring_;     // by row
  std::vector<std::vector<uint32_t>> lanes_of_image_;  // by wire: the requests' wires
};

}  // namespace ringside::viewer
