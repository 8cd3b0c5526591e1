#include "viewer/panels/lane_groups.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "viewer/session/wire_parts.h"

namespace ringside::viewer {

namespace {

// Devices of the board that a driver author looks at last.
constexpr std::array<std::string_view, 12> kOfBoard = {"apic", "ioapic", "pic", "pit",  "rtc",      "pci",
                                                       "pm",   "nmisc",  "irq", "post", "platform", "debug"};

template <size_t n>
bool is_one_of(const std::array<std::string_view, n>& all, std::string_view name) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

}  // namespace

WireParts parts_of(std::string_view wire) {
  WireParts result;
  result.domain = domain_of_wire(wire);
  result.device = device_of_wire(wire);
  std::string_view rest = wire;
  if (!result.domain.empty()) rest.remove_prefix(result.domain.size() + 1);
  const size_t slash = rest.find('/');
  // Interrupt lines are one device's; what is a domain's own, and no device's, is Xen's.
  if (rest.starts_with("irq/")) {
    result.device = "irq";
  } else if (slash == std::string_view::npos) {
    result.device = rest == "post" || rest == "debug" ? "platform" : "Xen";
  }
  for (size_t at = 0; at <= rest.size();) {
    const size_t end = std::min(rest.find('/', at), rest.size());
    const std::string_view part = rest.substr(at, end - at);
    if (part != result.device) result.rest += (result.rest.empty() ? "" : " ") + std::string(part);
    at = end + 1;
  }
  return result;
}

std::vector<LaneGroup> group_lanes(const std::vector<ViewedWire>& wires, const std::vector<Lane>& lanes) {
  struct Key {
    std::string domain;
    int order;
    std::string device;
    auto operator<=>(const Key&) const = default;
  };
  std::map<std::pair<std::string, std::string>, bool> has_ring;
  std::vector<WireParts> of_wires, of_lanes;
  std::set<std::string> domains;
  std::map<std::string, std::string> domain_of_device;
  for (const ViewedWire& wire : wires) {
    of_wires.push_back(parts_of(wire.name));
    const WireParts& parts = of_wires.back();
    if (parts.domain.empty() || wire.rows.empty()) continue;
    domains.insert(parts.domain);
    domain_of_device.try_emplace(parts.device, parts.domain);
    if (parts.rest.starts_with("ring")) has_ring[{parts.domain, parts.device}] = true;
  }
  // A host's image belongs to the domain that has the device.
  const auto place = [&](WireParts& parts) {
    if (parts.domain.empty()) {
      const auto found = domain_of_device.find(parts.device);
      if (found != domain_of_device.end()) parts.domain = found->second;
    }
    const int order = has_ring.contains({parts.domain, parts.device}) ? 0
                      : parts.device == "Xen"                         ? 2
                      : is_one_of(kOfBoard, parts.device)             ? 3
                                                                      : 1;
    return Key{parts.domain, order, parts.device};
  };
  std::map<Key, LaneGroup> groups;
  for (uint32_t i = 0; i < wires.size(); ++i) {
    if (!wires[i].rows.empty()) groups[place(of_wires[i])].wires.push_back(i);
  }
  for (uint32_t i = 0; i < lanes.size(); ++i) {
    WireParts parts = parts_of(lanes[i].name);
    groups[place(parts)].span_lanes.push_back(i);
  }
  std::vector<LaneGroup> result;
  for (auto& [key, group] : groups) {
    group.name = domains.size() > 1 && !key.domain.empty() ? key.domain + "  " + key.device : key.device;
    // As things happen: the ring's requests above what the backend does for them.
    const auto rank = [&](uint32_t wire) {
      const std::string& rest = of_wires[wire].rest;
      for (const auto& [part, number] :
           {std::pair{"request", 0}, std::pair{"response", 1}, std::pair{" T", 0}, std::pair{" R", 1},
            std::pair{"indices", 2}, std::pair{"image", 3}, std::pair{"evtchn", 0}}) {
        if (rest.find(part) != std::string::npos) return number;
      }
      return 4;
    };
    std::stable_sort(group.wires.begin(), group.wires.end(),
                     [&](uint32_t a, uint32_t b) { return rank(a) < rank(b); });
    result.push_back(std::move(group));
  }
  return result;
}

}  // namespace ringside::viewer
