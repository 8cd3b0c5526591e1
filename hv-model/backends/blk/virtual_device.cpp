#include "hv-model/backends/blk/virtual_device.h"

namespace ringside {

namespace {

// "a" to "z", "aa" to "zz": 0, 1, ... 701. Takes the letters off the front of `text`.
std::optional<uint32_t> take_letters(std::string_view& text) {
  uint32_t number = 0;
  size_t count = 0;
  while (count < text.size() && text[count] >= 'a' && text[count] <= 'z') {
    if (count == 2) return std::nullopt;
    number = number * 26 + static_cast<uint32_t>(text[count] - 'a') + 1;
    ++count;
  }
  if (count == 0) return std::nullopt;
  text.remove_prefix(count);
  return number - 1;
}

// A partition: nothing is 0, the whole disk.
std::optional<uint32_t> take_partition(std::string_view text) {
  if (text.size() > 3 || (!text.empty() && text[0] == '0')) return std::nullopt;
  uint32_t number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<uint32_t>(digit - '0');
  }
  return number;
}

}  // namespace

std::optional<uint32_t> virtual_device_number(std::string_view name) {
  const bool xvd = name.starts_with("xvd"), sd = name.starts_with("sd"), hd = name.starts_with("hd");
  if (!xvd && !sd && !hd) return std::nullopt;
  name.remove_prefix(xvd ? 3 : 2);
  const std::optional<uint32_t> disk = take_letters(name);
  if (!disk) return std::nullopt;
  const std::optional<uint32_t> partition = take_partition(name);
  if (!partition) return std::nullopt;
  if (xvd) {
    if (*disk < 16 && *partition < 16) return 202u << 8 | *disk << 4 | *partition;
    return *partition < 256 ? std::optional(1u << 28 | *disk << 8 | *partition) : std::nullopt;
  }
  if (sd)
    return *disk < 16 && *partition < 16 ? std::optional(8u << 8 | *disk << 4 | *partition) : std::nullopt;
  // The second IDE channel has a major number of its own.
  if (*disk >= 4 || *partition >= 64) return std::nullopt;
  return (*disk < 2 ? 3u : 22u) << 8 | (*disk % 2) << 6 | *partition;
}

}  // namespace ringside
