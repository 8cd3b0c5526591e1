#include "viewer/panels/table_view.h"

#include <fmt/format.h>

#include <cmath>

namespace ringside::viewer {

TableView::Result TableView::draw(Frame& frame, Rect area, std::string_view name,
                                  const std::vector<Column>& columns, const Source& source) {
  Result result;
  const Theme& theme = frame.theme;
  const float height = theme.row_height(), bar_width = theme.text_size * 0.7F, pad = theme.text_size * 0.4F;
  const Rect head = area.take_top(height);
  Rect bar = area.take_right(bar_width);
  rows_in_sight_ = static_cast<size_t>(std::max(1.0F, std::floor(area.h / height)));

  // Widths: letters, and what is left for those without.
  const float letter = frame.canvas.text_width("0", theme.mono());
  float fixed = 0;
  size_t open = 0;
  for (const Column& column : columns) {
    fixed += column.width * letter + (column.width > 0 ? pad * 2 : 0);
    if (column.width == 0) ++open;
  }
  std::vector<float> widths;
  for (const Column& column : columns)
    widths.push_back(
        column.width > 0
            ? column.width * letter + pad * 2
            : std::max(letter * 6, (area.w - fixed) / static_cast<float>(std::max<size_t>(open, 1))));

  const double top_max =
      std::max(0.0, static_cast<double>(source.rows) - static_cast<double>(rows_in_sight_));
  if (wanted_) {
    const auto wanted = static_cast<double>(*wanted_);
    const auto sight = static_cast<double>(rows_in_sight_);
    // In the middle, unless it is in sight already with a row on either side.
    if (wanted < top_ + 1 || wanted > top_ + sight - 2) top_ = wanted - sight / 2;
    wanted_.reset();
  }
  const Pointer& pointer = frame.pointer();
  if (area.contains(pointer.at) && pointer.wheel != 0) top_ -= static_cast<double>(pointer.wheel) * 3;
  top_ = std::clamp(std::floor(top_), 0.0, top_max);

  {
    const Clip clip(frame.canvas, head);
    frame.canvas.fill(head, theme.raised);
    float x = head.x;
    for (size_t i = 0; i < columns.size(); ++i) {
      const float room = std::min(widths[i] - 2 * pad, head.right() - x - pad);
      frame.canvas.text_in({x + pad, head.y, room, height}, columns[i].title, theme.dim, theme.small(),
                           columns[i].align);
      x += widths[i];
    }
  }
  {
    const Clip clip(frame.canvas, area);
    const auto first = static_cast<size_t>(top_);
    const size_t end = std::min(source.rows, first + rows_in_sight_ + 1);
    for (size_t row = first; row < end; ++row) {
      Rect line{area.x, area.y + height * static_cast<float>(row - first), area.w, height};
      if (row - first >= rows_in_sight_ && line.y + height * 0.5F > area.bottom()) break;
      const Hit on = frame.hit({line.x, line.y, line.w, std::min(height, area.bottom() - line.y)},
                               fmt::format("{}/{}", name, row));
      if (source.background) {
        if (const auto color = source.background(row)) frame.canvas.fill(line, *color);
      }
      if (source.selected == row) frame.canvas.fill(line, theme.selection);
      if (on.hovered) {
        result.hovered = row;
        if (source.selected != row) frame.canvas.fill(line, theme.hover);
      }
      if (on.clicked) result.clicked = row;
      if (on.double_clicked) result.double_clicked = row;
      if (on.right_clicked) result.right_clicked = row;
      float x = line.x;
      for (size_t i = 0; i < columns.size(); ++i) {
        const Cell cell = source.cell(row, i);
        const float room = std::min(widths[i] - 2 * pad, line.right() - x - pad);
        frame.canvas.text_in({x + pad, line.y, room, height}, cell.text, cell.color.value_or(theme.text),
                             columns[i].is_mono ? theme.mono() : theme.font(), columns[i].align);
        x += widths[i];
      }
    }
  }
  // The bar: as long as what is in sight is of all, but long enough to be taken hold of.
  if (top_max > 0) {
    const float part = static_cast<float>(rows_in_sight_) / static_cast<float>(source.rows);
    const float length = std::min(bar.h, std::max(bar.h * part, theme.text_size * 1.5F));
    const Hit on = frame.hit(bar, fmt::format("{}/bar", name));
    if (on.held && bar.h > length) {
      const double place = (pointer.at.y - bar.y - length / 2) / (bar.h - length);
      top_ = std::clamp(std::floor(place * top_max), 0.0, top_max);
    }
    const float y = bar.y + (bar.h - length) * static_cast<float>(top_ / top_max);
    frame.canvas.fill(bar, theme.raised);
    frame.canvas.fill({bar.x + 2, y, bar.w - 4, length}, on.hovered || on.held ? theme.accent : theme.dim,
                      bar_width / 3);
  }
  return result;
}

}  // namespace ringside::viewer
