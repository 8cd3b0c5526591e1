// The timeline's lanes: wires by domain and device, with what they belong to in front.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "viewer/story/story.h"

namespace ringside::viewer {

struct LaneGroup {
  std::string name;                  // "dom1 xvda"; "xvda" where there is one domain only
  std::vector<uint32_t> span_lanes;  // of Story::lanes()
  std::vector<uint32_t> wires;
};

// The parts of a wire's or lane's name.
struct WireParts {
  std::string domain;  // "dom1"; empty: the host's
  std::string device;  // "xvda", "Xen"
  std::string rest;    // "ring request", "image", "hypercall"
};
WireParts parts_of(std::string_view wire);

// By domain; devices with rings first, then others, Xen, the board. Wires on which nothing has crossed have no lane.
std::vector<LaneGroup> group_lanes(const std::vector<ViewedWire>& wires, const std::vector<Lane>& lanes);

}  // namespace ringside::viewer
