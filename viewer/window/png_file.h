#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "sim/result.h"

namespace ringside::viewer {

// Writes `pixels` (RGB, rows from the top) as a PNG file.
Result<> write_png(const std::string& path, uint32_t width, uint32_t height, std::span<const uint8_t> pixels);

}  // namespace ringside::viewer
