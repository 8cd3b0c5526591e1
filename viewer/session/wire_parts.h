// What a wire's name says: "dom1/ring/xvda/request" is of domain "dom1" and device "xvda".
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace ringside::viewer {

// Whether a device's name stands behind this part of a wire's name.
inline bool is_before_device(std::string_view part) {
  constexpr std::array<std::string_view, 12> kSpaces{"ring", "9p",   "eth",    "pio",   "mmio",       "dma",
                                                     "nic",  "disk", "xenbus", "image", "image-data", "irq"};
  return std::find(kSpaces.begin(), kSpaces.end(), part) != kSpaces.end();
}

// Empty where the name has none ("image/xvda", "fault").
inline std::string_view domain_of_wire(std::string_view name) {
  const std::string_view first = name.substr(0, name.find('/'));
  const bool is_hosts = first.size() == name.size() || is_before_device(first) || first == "share";
  return is_hosts ? std::string_view() : first;
}

// The part that names a device; of a wire that is no device's, what it carries ("hypercall", "grant").
inline std::string_view device_of_wire(std::string_view name) {
  if (const std::string_view domain = domain_of_wire(name); !domain.empty())
    name.remove_prefix(domain.size() + 1);
  const size_t slash = name.find('/');
  const std::string_view first = name.substr(0, slash);
  if (slash == name.npos || !is_before_device(first)) return first;
  name.remove_prefix(slash + 1);
  return name.substr(0, name.find('/'));
}

}  // namespace ringside::viewer
