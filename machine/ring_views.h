// A ring as MachineViews finds it (ring_views.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/ids.h"
#include "sim/state.h"

namespace ringside {

class Domain;
struct BlkLayout;

struct FoundRing {
  // Those with slots come first.
  enum class Kind : uint8_t { blk, net_transmit, net_receive, bytes_9p, bytes_console, bytes_xenstore };
  Kind kind = Kind::blk;
  std::string name;  // "xvda", "xvda/queue-1", "vif0/rx", "console"
  const Domain* domain = nullptr;
  std::vector<Mfn> frames;
  std::optional<uint32_t> port;       // the frontend's
  const BlkLayout* layout = nullptr;  // of a disk
  const Stateful* backend = nullptr;
  size_t nth = 0;  // of its backend's rings
};

}  // namespace ringside
