// What the mouse does to the timeline.
#include "viewer/panels/timeline_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ringside::viewer {

// The crossing under the mouse, or within a few pixels.
Row TimelinePanel::nearest(const Drawing& drawing, const Line& line, Point at) const {
  if (line.kind == Line::Kind::group) return kNoRow;
  const CrossingTable& table = drawing.frame.view.table();
  const double ps = drawing.ps_of(at.x), reach = drawing.per_pixel * 6;
  if (line.kind == Line::Kind::spans) {
    const Lane& lane = drawing.frame.view.story().lanes()[line.number];
    const SpanIndex& index = spans_[line.number];
    const size_t behind = index.find(ps);
    Row best = kNoRow;
    uint64_t best_length = UINT64_MAX;
    const int levels = std::clamp<int>(lane.levels, 1, kLevelsShown);
    const float y = at.y - (drawing.lanes.y + line.top - scroll_) - 2;
    const int level = static_cast<int>(y / ((line.height - 4) / static_cast<float>(levels)));
    for (size_t i = behind; i-- > 0 && behind - i < 2000;) {
      const SpanIndex::Times& times = index.times()[i];
      if (static_cast<double>(times.end) < ps - reach) continue;
      if (std::min<int>(lane.spans[i].level, levels - 1) != level) continue;
      const uint64_t length = times.end - times.begin;
      if (length >= best_length) continue;
      best = lane.spans[i].begin;
      best_length = length;
    }
    return best;
  }
  const ViewedWire& wire = table.wires()[line.number];
  const size_t behind = marks_[line.number].find(table, wire, ps);
  Row best = kNoRow;
  double distance = reach;
  for (const size_t i : {behind, behind - 1}) {
    if (i >= wire.rows.size()) continue;
    const double away = std::abs(static_cast<double>(table.at(wire.rows[i]).ps) - ps);
    if (away > distance) continue;
    distance = away;
    best = wire.rows[i];
  }
  return best;
}

void TimelinePanel::take_mouse(const Drawing& drawing) {
  Frame& frame = drawing.frame;
  ViewState& view = frame.view;
  const Pointer& pointer = frame.pointer();
  // The ruler moves the cursor.
  if (frame.hit(drawing.ruler, "ruler").held) {
    view.go_to_time({static_cast<uint64_t>(std::max(0.0, drawing.ps_of(pointer.at.x)))});
    return;
  }
  if (drawing.labels.contains(pointer.at)) {
    scroll_ -= pointer.wheel * frame.theme.row_height() * 2;
    return;
  }
  const bool is_over = drawing.lanes.contains(pointer.at);
  if (is_over && pointer.wheel != 0) {
    if (pointer.ctrl) {
      scroll_ -= pointer.wheel * frame.theme.row_height() * 2;
    } else if (pointer.shift) {
      const double by = -static_cast<double>(pointer.wheel) * drawing.per_pixel * 80;
      view.show_range(drawing.begin + by, drawing.end + by);
    } else {
      view.zoom(std::pow(0.8, pointer.wheel), drawing.ps_of(pointer.at.x));
    }
  }
  if (is_over && pointer.wheel_across != 0) {
    const double by = static_cast<double>(pointer.wheel_across) * drawing.per_pixel * 80;
    view.show_range(drawing.begin + by, drawing.end + by);
  }
  const Line* under = nullptr;
  for (const Line& line : lines_) {
    const float y = drawing.lanes.y + line.top - scroll_;
    if (is_over && pointer.at.y >= y && pointer.at.y < y + line.height) under = &line;
  }
  const Row row = under != nullptr ? nearest(drawing, *under, pointer.at) : kNoRow;
  if (row != kNoRow && !is_panning_) {
    view.hovered = row;
    frame.tooltip(fmt::format(
        "{}  {}\n{} {}\n{}", row_name(row), time_text(view.table().at(row)), view.table().wire_of(row).name,
        view.table().direction(row) == Direction::out ? "\u2192" : "\u2190", view.text().line(row)));
  }
  if (is_over && pointer.pressed) {
    is_measuring_ = pointer.shift;
    is_panning_ = !is_measuring_;
    has_moved_ = false;
    const Tick at{static_cast<uint64_t>(std::max(0.0, drawing.ps_of(pointer.at.x)))};
    if (is_measuring_) view.mark_a = row != kNoRow ? view.table().at(row) : at, view.mark_b = view.mark_a;
    if (pointer.double_pressed) view.zoom(0.25, drawing.ps_of(pointer.at.x));
  }
  if (is_panning_ && pointer.down && std::abs(pointer.moved.x) + std::abs(pointer.moved.y) > 0) {
    if (std::abs(pointer.moved.x) > 1) has_moved_ = true;
    const double by = -static_cast<double>(pointer.moved.x) * drawing.per_pixel;
    if (has_moved_) view.show_range(drawing.begin + by, drawing.end + by);
    if (has_moved_) scroll_ -= pointer.moved.y;
  }
  if (is_measuring_ && pointer.down) {
    const Tick at{static_cast<uint64_t>(std::max(0.0, drawing.ps_of(pointer.at.x)))};
    view.mark_b = row != kNoRow ? view.table().at(row) : at;
  }
  if (pointer.released || !pointer.down) {
    if (is_panning_ && !has_moved_ && pointer.released && is_over) {
      if (row != kNoRow) {
        view.go_to_row(row);
        view.select_wire(view.table().wire(row));
      } else {
        view.go_to_time({static_cast<uint64_t>(std::max(0.0, drawing.ps_of(pointer.at.x)))});
      }
    }
    is_panning_ = is_measuring_ = false;
  }
}

}  // namespace ringside::viewer
