#include "viewer/window/png_file.h"

#include <fmt/format.h>
#include <png.h>

#include <cstring>

namespace ringside::viewer {

Result<> write_png(const std::string& path, uint32_t width, uint32_t height,
                   std::span<const uint8_t> pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  if (pixels.size() != size_t{width} * height * 3)
    return fail(fmt::format("'{}': the picture has no such size", path));
  if (png_image_write_to_file(&image, path.c_str(), 0, pixels.data(), 0, nullptr) == 0)
    return fail(fmt::format("'{}' cannot be written: {}", path, image.message));
  return {};
}

}  // namespace ringside::viewer
