#include "viewer/panels/table_view.h"

#include <fmt/format.h>

namespace ringside::viewer {

namespace {

// Letters, and what is left for columns without.
std::vector<float> widths_of(const Frame& frame, const std::vector<TableView::Column>& columns, float all,
                             float pad) {
  const float letter = frame.canvas.text_width("0", frame.theme.mono());
  float left = all;
  size_t open = 0;
  for (const TableView::Column& column : columns) {
    if (column.width > 0) left -= column.width * letter + pad * 2;
    if (column.width == 0) ++open;
  }
  std::vector<float> widths;
  for (const TableView::Column& column : columns)
    widths.push_back(column.width > 0 ? column.width * letter + pad * 2
                                      : std::max(letter * 6, left / static_cast<float>(open)));
  return widths;
}

}  // namespace

TableView::Result TableView::draw(Frame& frame, Rect area, std::string_view name,
                                  const std::vector<Column>& columns, const Source& source) {
  Result result;
  const Theme& theme = frame.theme;
  const float height = theme.row_height(), pad = theme.text_size * 0.4F;
  // With room for the bar, whether it is there or not: columns stay where they are.
  const std::vector<float> widths = widths_of(frame, columns, area.w - theme.text_size, pad);
  const auto draw_cells = [&](Rect line, const auto& draw_cell) {
    for (size_t i = 0; i < columns.size(); ++i) {
      const float room = std::min(widths[i], line.w) - 2 * pad;
      draw_cell(i, Rect{line.x + pad, line.y, room, line.h});
      line.take_left(widths[i]);
    }
  };
  const Rect head = area.take_top(height);
  frame.canvas.fill(head, theme.raised);
  draw_cells(head, [&](size_t i, Rect cell) {
    frame.canvas.text_in(cell, columns[i].title, theme.dim, theme.small(), columns[i].align);
  });
  rows_.draw(frame, area, name, source.rows, height, [&](size_t row, Rect line) {
    const Hit on = frame.hit(line, fmt::format("{}/{}", name, row));
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
    draw_cells(line, [&](size_t i, Rect place) {
      const Cell cell = source.cell(row, i);
      frame.canvas.text_in(place, cell.text, cell.color.value_or(theme.text),
                           columns[i].is_mono ? theme.mono() : theme.font(), columns[i].align);
    });
  });
  return result;
}

}  // namespace ringside::viewer
