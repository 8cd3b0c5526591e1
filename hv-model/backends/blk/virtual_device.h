// Names of virtual disks and their numbers (docs/man/xen-vbd-interface.7): "xvda" is 51712 (major 202),
// "xvda2" 51714, "sda" 2048 (major 8), "hda" 768 (major 3). Disks past xvdp get numbers of the extended form.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringside {

// Nothing for what is no such name.
std::optional<uint32_t> virtual_device_number(std::string_view name);

}  // namespace ringside
