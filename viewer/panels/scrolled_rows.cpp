#include "viewer/panels/scrolled_rows.h"

#include <fmt/format.h>

#include <cmath>

namespace ringside::viewer {

void ScrolledRows::draw(Frame& frame, Rect area, std::string_view name, size_t rows, float height,
                        const DrawRow& draw_row) {
  const float fit = std::floor(area.h / height);
  if (fit < 1 || area.w <= 0) return;
  const auto in_sight = static_cast<size_t>(fit);
  in_sight_ = in_sight;
  const double top_max = rows > in_sight ? static_cast<double>(rows - in_sight) : 0;
  if (wanted_) {
    const auto wanted = static_cast<double>(*wanted_);
    if (wanted < top_ || wanted > top_ + static_cast<double>(in_sight) - 1)
      top_ = wanted - static_cast<double>(in_sight) / 2;
    wanted_.reset();
  }
  const Pointer& pointer = frame.pointer();
  if (area.contains(pointer.at)) top_ -= static_cast<double>(pointer.wheel) * 3;
  top_ = std::clamp(std::floor(top_), 0.0, top_max);

  if (top_max > 0) {
    const float width = frame.theme.text_size * 0.7F;
    const Rect bar = area.take_right(width);
    const float part = static_cast<float>(in_sight) / static_cast<float>(rows);
    const float length = std::min(bar.h, std::max(bar.h * part, frame.theme.text_size * 1.5F));
    const Hit on = frame.hit(bar, fmt::format("{}/bar", name));
    if (on.held && bar.h > length) {
      const double place = (pointer.at.y - bar.y - length / 2) / (bar.h - length);
      top_ = std::clamp(std::floor(place * top_max), 0.0, top_max);
    }
    const float y = bar.y + (bar.h - length) * static_cast<float>(top_ / top_max);
    frame.canvas.fill(bar, frame.theme.raised);
    frame.canvas.fill({bar.x + 2, y, bar.w - 4, length},
                      on.hovered || on.held ? frame.theme.accent : frame.theme.dim, width / 3);
    area.take_right(frame.theme.gap() / 2);
  }
  const auto first = static_cast<size_t>(top_);
  for (size_t row = first; row < rows && row < first + in_sight; ++row)
    draw_row(row, {area.x, area.y + height * static_cast<float>(row - first), area.w, height});
}

}  // namespace ringside::viewer
