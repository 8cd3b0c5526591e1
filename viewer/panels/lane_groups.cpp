#include "viewer/panels/lane_groups.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace ringside::viewer {

namespace {

// First parts of names behind which a device's name stands.
constexpr std::array<std::string_view, 14> kOfDevice = {"ring", "image", "xenbus", "eth", "9p",
                                                        "pio",  "mmio",  "nic",    "dma", "ata",
                                                        "disk", "share", "net",    "link"};
// Wires that have no domain in front.
constexpr std::array<std::string_view, 6> kOfHost = {"image", "share", "net", "fault", "link", "host"};

// Devices of the board that a driver author looks at last.
constexpr std::array<std::string_view, 12> kOfBoard = {"apic", "ioapic", "pic", "pit",  "rtc",      "pci",
                                                       "pm",   "nmisc",  "irq", "post", "platform", "debug"};

template <size_t n>
bool is_one_of(const std::array<std::string_view, n>& all, std::string_view name) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

}  // namespace

WireParts parts_of(std::string_view wire) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= wire.size();) {
    const size_t end = std::min(wire.find('/', at), wire.size());
    parts.emplace_back(wire.substr(at, end - at));
    at = end + 1;
  }
  WireParts result;
  if (parts.size() > 1 && !is_one_of(kOfHost, parts[0])) {
    result.domain = parts[0];
    parts.erase(parts.begin());
  }
  if (parts.size() > 1 && is_one_of(kOfDevice, parts[0])) {
    result.device = parts[1];
    parts.erase(parts.begin() + 1);
  } else if (parts.size() > 1) {
    result.device = parts[0];
    parts.erase(parts.begin());
  } else {
    result.device = "Xen";
    if (parts[0] == "post" || parts[0] == "debug") result.device = "platform";
  }
  for (const std::string& part : parts) result.rest += (result.rest.empty() ? "" : " ") + part;
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
