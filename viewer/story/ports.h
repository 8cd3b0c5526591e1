// Event channels of all domains behind any row.
#pragma once

#include <string_view>
#include <vector>

#include "viewer/story/history.h"

namespace ringside::viewer {

class PortsTrack {
 public:
  void apply(const StoryParts& parts, Row row, uint32_t wire);
  size_t bytes() const { return sizeof *this + domains_.size() * sizeof(Domain) + ports_ * sizeof(Port); }

  // What is shown: with what XenStore's messages before `end` say about the ports' use.
  std::vector<DomainPorts> shown(const StoryParts& parts, Row end) const;

 private:
  struct Port {
    PortState state;
    Row opened = kNoRow;           // allocated, or bound by this end
    std::string_view fixed_use{};  // of what is bound before a guest begins
  };
  struct Domain {
    bool known = false, started = false;
    uint8_t first_ports = 0;  // allocated before it started
    std::vector<Port> ports;  // by number
  };
  static constexpr size_t kPortsMax = 131072;  // EVTCHN_FIFO_NR_CHANNELS, in all domains

  Port* port(Domain& domain, uint32_t number);
  void raise(const StoryParts& parts, const PortState& from);

  std::vector<Domain> domains_;  // as StoryWires has them
  size_t ports_ = 0;
};

}  // namespace ringside::viewer
