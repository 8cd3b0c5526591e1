#include "viewer/panels/timeline_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ringside::viewer {

namespace {

constexpr int kLevelsShown = 8;
constexpr size_t kLinkRowsMax = 3000, kLinksMax = 300;

}  // namespace

void TimelinePanel::update(ViewState& view) {
  const CrossingTable& table = view.table();
  const auto& lanes = view.story().lanes();
  if (history_ != table.history()) {
    history_ = table.history();
    for (MarkIndex& index : marks_) index.forget();
    for (SpanIndex& index : spans_) index.forget();
  }
  if (wires_known_ != table.wires().size() || lanes_known_ != lanes.size()) {
    groups_ = group_lanes(table.wires(), lanes);
    wires_known_ = table.wires().size();
    lanes_known_ = lanes.size();
    marks_.resize(wires_known_);
    spans_.resize(lanes_known_);
  }
  for (size_t i = 0; i < wires_known_; ++i) marks_[i].update(table, table.wires()[i]);
  for (size_t i = 0; i < lanes_known_; ++i) spans_[i].update(table, lanes[i]);
}

void TimelinePanel::lay_out(const Drawing& drawing) {
  const Theme& theme = drawing.frame.theme;
  const auto& lanes = drawing.frame.view.story().lanes();
  const auto& wires = drawing.frame.view.table().wires();
  lines_.clear();
  line_of_wire_.clear();
  float y = 0;
  const auto add = [&](Line::Kind kind, uint32_t number, std::string label, float height) {
    lines_.push_back({kind, number, std::move(label), y, height});
    y += height;
  };
  for (uint32_t i = 0; i < groups_.size(); ++i) {
    const LaneGroup& group = groups_[i];
    add(Line::Kind::group, i, group.name, theme.row_height());
    if (folded_.contains(group.name)) continue;
    for (const uint32_t lane : group.span_lanes) {
      const int levels = std::clamp<int>(lanes[lane].levels, 1, kLevelsShown);
      const std::string rest = parts_of(lanes[lane].name).rest;
      const float level_height = theme.text_size * (levels == 1 ? 1.2F : levels <= 3 ? 0.8F : 0.55F);
      add(Line::Kind::spans, lane, rest + " (spans)",
          std::max(level_height * static_cast<float>(levels) + 4, theme.row_height()));
    }
    for (const uint32_t wire : group.wires) {
      line_of_wire_[wire] = lines_.size();
      add(Line::Kind::wire, wire, parts_of(wires[wire].name).rest, theme.row_height() * 0.95F);
    }
  }
  const float spare = y - drawing.lanes.h;
  scroll_ = std::clamp(scroll_, 0.0F, std::max(0.0F, spare));
}

void TimelinePanel::draw(Frame& frame) {
  if (frame.view.table().empty()) {
    frame.say_empty(frame.view.session().is_read() && !frame.view.is_live
                        ? "This session has no crossings: its wires were not recorded, or nothing happened."
                        : "Waiting for the first crossing ...");
    return;
  }
  update(frame.view);
  const Theme& theme = frame.theme;
  Rect area = frame.area;
  Rect ruler = area.take_top(theme.row_height());
  const float label_width = std::min(area.w * 0.24F, theme.text_size * 13);
  ruler.take_left(label_width);
  const Rect labels = area.take_left(label_width);
  const double length = std::max(1.0, frame.view.range_end - frame.view.range_begin);
  const Drawing drawing{frame,
                        area,
                        labels,
                        ruler,
                        frame.view.range_begin,
                        frame.view.range_end,
                        length / std::max(1.0F, area.w)};
  marks_drawn_ = spans_drawn_ = links_drawn_ = 0;
  lay_out(drawing);
  take_mouse(drawing);
  draw_ruler(drawing);
  {
    const Clip clip(frame.canvas, {labels.x, labels.y, labels.w + area.w, area.h});
    draw_lines(drawing);
  }
  const Clip clip(frame.canvas, {area.x, ruler.y, area.w, ruler.h + area.h});
  draw_links(drawing);
  draw_highlights(drawing);
  draw_marks_set(drawing);
  draw_cursor(drawing);
}

// Ticks at 1, 2 or 5 times a power of ten, far enough apart for their text.
void TimelinePanel::draw_ruler(const Drawing& drawing) {
  Frame& frame = drawing.frame;
  const Theme& theme = frame.theme;
  const double wanted = drawing.per_pixel * static_cast<double>(theme.text_size) * 9;
  double step = std::pow(10, std::floor(std::log10(std::max(wanted, 1.0))));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (step * factor >= wanted) {
      step *= factor;
      break;
    }
  }
  const Clip clip(frame.canvas, drawing.ruler);
  for (double at = std::floor(drawing.begin / step) * step; at <= drawing.end; at += step) {
    const float x = drawing.x_of(at);
    frame.canvas.line({x, drawing.ruler.bottom() - 5}, {x, drawing.ruler.bottom()}, theme.dim, 1);
    frame.canvas.text({x + 3, drawing.ruler.y + 2}, time_text(at, step), theme.dim, theme.small());
  }
}

void TimelinePanel::draw_lines(const Drawing& drawing) {
  Frame& frame = drawing.frame;
  const Theme& theme = frame.theme;
  const auto& wires = frame.view.table().wires();
  for (const Line& line : lines_) {
    const float y = drawing.lanes.y + line.top - scroll_;
    if (y + line.height < drawing.lanes.y || y > drawing.lanes.bottom()) continue;
    const Rect lane{drawing.lanes.x, y, drawing.lanes.w, line.height};
    const Rect label{drawing.labels.x, y, drawing.labels.w, line.height};
    const std::string name = line.kind == Line::Kind::group ? "group/" + groups_[line.number].name
                             : line.kind == Line::Kind::spans
                                 ? "spans/" + frame.view.story().lanes()[line.number].name
                                 : "wire/" + wires[line.number].name;
    const Hit on = frame.hit(label, name);
    frame.hit({lane.x, lane.y, lane.w, lane.h}, "lane/" + name);
    if (line.kind == Line::Kind::group) {
      const bool is_folded = folded_.contains(line.label);
      frame.canvas.fill({label.x, y, label.w + lane.w, line.height}, theme.raised);
      const float mark = theme.text_size * 0.3F;
      const Point at{label.x + theme.text_size * 0.7F, y + line.height / 2};
      const Point points[3] = {
          is_folded ? Point{at.x - mark, at.y - mark} : Point{at.x - mark, at.y - mark / 2},
          is_folded ? Point{at.x + mark, at.y} : Point{at.x + mark, at.y - mark / 2},
          is_folded ? Point{at.x - mark, at.y + mark} : Point{at.x, at.y + mark}};
      frame.canvas.fill_convex(points, theme.dim);
      frame.canvas.text_in(
          {label.x + theme.text_size * 1.4F, y, label.w - theme.text_size * 1.6F, line.height}, line.label,
          theme.text, theme.bold());
      if (on.clicked && !folded_.erase(line.label)) folded_.insert(line.label);
      if (is_folded) draw_group(drawing, line, lane);
      continue;
    }
    const bool is_chosen = line.kind == Line::Kind::wire && frame.view.selected_wire() == line.number;
    if (is_chosen)
      frame.canvas.fill({label.x, y, label.w + lane.w, line.height}, theme.selection.with_alpha(110));
    if (on.hovered) frame.canvas.fill(label, theme.hover);
    frame.canvas.line({label.x, y + line.height}, {lane.right(), y + line.height},
                      theme.border.with_alpha(90), 1);
    frame.canvas.text_in({label.x + theme.text_size * 1.4F, y, label.w - theme.text_size * 1.8F, line.height},
                         line.label, is_chosen ? theme.text : theme.dim, theme.small());
    const Clip clip(frame.canvas, lane);
    if (line.kind == Line::Kind::spans) {
      draw_spans(drawing, line.number, lane);
      if (on.clicked) frame.view.selected_ring = frame.view.story().lanes()[line.number].name;
    } else {
      draw_marks(drawing, line.number, lane);
      if (on.clicked) frame.view.select_wire(is_chosen ? std::nullopt : std::optional(line.number));
      if (on.hovered)
        frame.tooltip(fmt::format("{}\n{} crossings, {}", wires[line.number].name,
                                  wires[line.number].rows.size(), to_string(wires[line.number].kind)));
    }
  }
}

// A folded group: all its wires as one.
void TimelinePanel::draw_group(const Drawing& drawing, const Line& line, Rect area) {
  const Clip clip(drawing.frame.canvas, area);
  for (const uint32_t wire : groups_[line.number].wires)
    draw_marks(drawing, wire, area.inset(0, area.h * 0.2F));
}

void TimelinePanel::draw_marks(const Drawing& drawing, uint32_t number, Rect area) {
  Frame& frame = drawing.frame;
  const Theme& theme = frame.theme;
  const CrossingTable& table = frame.view.table();
  const ViewedWire& wire = table.wires()[number];
  const Color color = theme.of(wire.kind);
  // Pixels side by side that look alike are one rectangle.
  struct Run {
    int from = 0, to = -1, level = -1;
  } run;
  const auto flush = [&] {
    if (run.to < run.from || run.level < 0) return;
    ++marks_drawn_;
    const float inset = area.h * (run.level == 0 ? 0.2F : 0.12F);
    frame.canvas.fill({area.x + static_cast<float>(run.from), area.y + inset,
                       static_cast<float>(run.to - run.from + 1), area.h - 2 * inset},
                      color.with_alpha(static_cast<uint8_t>(std::min(255, 130 + run.level * 30))), 0);
  };
  const float letter = theme.text_size * 0.5F;
  size_t at = marks_[number].find(table, wire, drawing.begin);
  const auto pixels = static_cast<int>(area.w);
  while (at < wire.rows.size()) {
    const auto ps = static_cast<double>(table.at(wire.rows[at]).ps);
    if (ps > drawing.end) break;
    const int pixel = std::clamp(static_cast<int>((ps - drawing.begin) / drawing.per_pixel), 0, pixels);
    const double next_ps = drawing.begin + drawing.per_pixel * (pixel + 1);
    const size_t next = std::max(at + 1, marks_[number].find(table, wire, next_ps, at));
    const size_t count = next - at;
    const float room =
        next < wire.rows.size()
            ? static_cast<float>((static_cast<double>(table.at(wire.rows[next]).ps) - ps) / drawing.per_pixel)
            : area.w;
    if (count == 1 && room > 5) {
      // One crossing: up where it leaves the guest, down where it reaches it.
      flush();
      run = {};
      ++marks_drawn_;
      const Row row = wire.rows[at];
      const bool is_out = table.direction(row) == Direction::out;
      const float x = area.x + static_cast<float>(pixel), third = area.h * 0.3F;
      const bool is_hot = frame.view.hovered == row || frame.view.cursor().row == row;
      frame.canvas.fill({x - 1, area.y + area.h * 0.15F, is_hot ? 4.0F : 2.0F, area.h * 0.7F}, color, 0);
      const float y = is_out ? area.y + area.h * 0.15F : area.y + area.h * 0.85F - third;
      frame.canvas.fill({x - 2.5F, y, 5, third}, color, 1);
      if (room > letter * 5) {
        const auto verb = frame.view.text().verb(row);
        frame.canvas.text_in({x + 5, area.y, std::min(room - 8, letter * 24), area.h}, verb, theme.dim,
                             theme.small());
      }
    } else {
      const int level = std::min(4, static_cast<int>(std::log2(static_cast<double>(count)) / 2));
      if (run.level == level && pixel <= run.to + 1) {
        run.to = pixel;
      } else {
        flush();
        run = {pixel, pixel, level};
      }
    }
    at = next;
  }
  flush();
}

void TimelinePanel::draw_spans(const Drawing& drawing, uint32_t number, Rect area) {
  Frame& frame = drawing.frame;
  const Theme& theme = frame.theme;
  const Lane& lane = frame.view.story().lanes()[number];
  const SpanIndex& index = spans_[number];
  const int levels = std::clamp<int>(lane.levels, 1, kLevelsShown);
  const float height = (area.h - 4) / static_cast<float>(levels);
  const Color color = theme.of(WireKind::message);
  const Row cursor_row = frame.view.cursor().row;
  // By level: as far as there is colour already, so that a thousand short ones are one rectangle.
  std::vector<std::pair<float, float>> runs(static_cast<size_t>(levels), {-1, -1});
  const auto flush = [&](size_t level) {
    auto& [from, to] = runs[level];
    if (to > from) {
      ++spans_drawn_;
      frame.canvas.fill({from, area.y + 2 + height * static_cast<float>(level), to - from, height - 1},
                        color.with_alpha(150), 0);
    }
    from = to = -1;
  };
  const auto draw_one = [&](size_t i) {
    const SpanIndex::Times& times = index.times()[i];
    const Span& span = lane.spans[i];
    const float from = std::max(area.x - 4, drawing.x_of(static_cast<double>(times.begin)));
    const float to = times.end == UINT64_MAX
                         ? area.right() + 4
                         : std::min(area.right() + 4, drawing.x_of(static_cast<double>(times.end)));
    const auto level = static_cast<size_t>(std::min<int>(span.level, levels - 1));
    if (to - from < 3) {
      if (runs[level].second >= from - 1) {
        runs[level].second = std::max(runs[level].second, std::max(to, from + 1));
      } else {
        flush(level);
        runs[level] = {from, std::max(to, from + 1)};
      }
      return;
    }
    flush(level);
    ++spans_drawn_;
    const Rect box{from, area.y + 2 + height * static_cast<float>(level), to - from, height - 1};
    const bool is_open = times.end == UINT64_MAX;
    const Color face = span.failed ? theme.bad : is_open ? theme.violation : color;
    const bool is_here =
        cursor_row != kNoRow && span.begin <= cursor_row && (is_open || cursor_row < span.end);
    frame.canvas.fill(box, face.with_alpha(is_here ? 255 : 150), 2);
    if (is_here) frame.canvas.outline(box, theme.text, 1, 2);
    if (box.w > theme.text_size * 3 && height > theme.text_size * 0.75F)
      frame.canvas.text_in({std::max(box.x, area.x) + 4, box.y, box.w - 8, box.h},
                           frame.view.text().verb(span.begin), theme.window,
                           {Face::text, std::min(theme.text_size * 0.87F, height * 0.8F)});
  };
  const size_t first = index.find(drawing.begin);
  for (const size_t i : index.reaching(first, drawing.begin, 1000)) draw_one(i);
  for (size_t i = first; i < index.times().size();) {
    const SpanIndex::Times& times = index.times()[i];
    if (static_cast<double>(times.begin) > drawing.end) break;
    draw_one(i);
    // Where none of a block is as long as a pixel is wide, one a pixel will do.
    if (static_cast<double>(index.longest_near(i)) < drawing.per_pixel && times.end != UINT64_MAX) {
      const size_t block_end =
          std::min((i / SpanIndex::kBlock + 1) * SpanIndex::kBlock, index.times().size());
      const double next = static_cast<double>(times.begin) + drawing.per_pixel;
      const auto begin = index.times().begin();
      const auto found = std::partition_point(
          begin + static_cast<ptrdiff_t>(i + 1), begin + static_cast<ptrdiff_t>(block_end),
          [next](const SpanIndex::Times& other) { return static_cast<double>(other.begin) < next; });
      i = static_cast<size_t>(found - begin);
    } else {
      ++i;
    }
  }
  for (size_t level = 0; level < runs.size(); ++level) flush(level);
}

std::optional<float> TimelinePanel::y_of(const Drawing& drawing, uint32_t wire) const {
  const auto found = line_of_wire_.find(wire);
  if (found == line_of_wire_.end()) return std::nullopt;
  const Line& line = lines_[found->second];
  const float y = drawing.lanes.y + line.top - scroll_ + line.height / 2;
  if (y < drawing.lanes.y || y > drawing.lanes.bottom()) return std::nullopt;
  return y;
}

// All of what is in sight, where that is little; of the cursor's crossing alone otherwise.
void TimelinePanel::draw_links(const Drawing& drawing) {
  ViewState& view = drawing.frame.view;
  const CrossingTable& table = view.table();
  const Row first_before = table.last_row_at({static_cast<uint64_t>(std::max(0.0, drawing.begin))});
  Row first = first_before == kNoRow ? 0 : first_before;
  Row last = table.last_row_at({static_cast<uint64_t>(std::max(0.0, drawing.end))});
  if (last == kNoRow) return;
  const bool is_much = last - first > kLinkRowsMax;
  if (is_much) {
    if (view.cursor().row == kNoRow) return;
    first = last = view.cursor().row;
  }
  for (const Link& link : view.story().links(first, last, kLinksMax)) {
    const auto from_y = y_of(drawing, table.wire(link.from)), to_y = y_of(drawing, table.wire(link.to));
    if (!from_y || !to_y) continue;
    const float from_x = drawing.x_of(static_cast<double>(table.at(link.from).ps));
    const float to_x = drawing.x_of(static_cast<double>(table.at(link.to).ps));
    const bool is_cursors = link.from == view.cursor().row || link.to == view.cursor().row;
    if (!is_cursors && std::abs(to_x - from_x) + std::abs(*to_y - *from_y) < 6) continue;
    const Theme& theme = drawing.frame.theme;
    const Color color = link.kind == Link::Kind::event     ? theme.signal
                        : link.kind == Link::Kind::handler ? theme.message
                                                           : theme.good;
    ++links_drawn_;
    drawing.frame.canvas.arrow({from_x, *from_y}, {to_x, *to_y}, color.with_alpha(is_cursors ? 255 : 120),
                               is_cursors ? 2.0F : 1.0F);
  }
}

void TimelinePanel::draw_highlights(const Drawing& drawing) {
  Frame& frame = drawing.frame;
  const CrossingTable& table = frame.view.table();
  const auto& all = frame.view.story().highlights();
  const auto before = [&](const Story::Highlight& highlight, double ps) {
    return static_cast<double>(table.at(highlight.row).ps) < ps;
  };
  auto at = std::lower_bound(all.begin(), all.end(), drawing.begin, before);
  std::map<std::pair<uint32_t, int>, int> last_pixel;
  for (size_t drawn = 0; at != all.end() && drawn < 4000; ++at) {
    const float x = drawing.x_of(static_cast<double>(table.at(at->row).ps));
    if (x > drawing.lanes.right()) break;
    const uint32_t wire = table.wire(at->row);
    auto& last = last_pixel.try_emplace({wire, static_cast<int>(at->kind)}, INT32_MIN).first->second;
    if (static_cast<int>(x) < last + 3) continue;
    last = static_cast<int>(x);
    const auto y = y_of(drawing, wire);
    if (!y) continue;
    ++drawn;
    const Theme& theme = frame.theme;
    const float size = theme.text_size * 0.38F;
    switch (at->kind) {
      case Story::Highlight::Kind::fault: {
        const Point diamond[4] = {{x, *y - size}, {x + size, *y}, {x, *y + size}, {x - size, *y}};
        frame.canvas.fill_convex(diamond, theme.fault);
        frame.canvas.path(diamond, theme.text, 1, true);
        break;
      }
      case Story::Highlight::Kind::violation: {
        const Point triangle[3] = {
            {x, *y - size * 1.2F}, {x + size * 1.2F, *y + size}, {x - size * 1.2F, *y + size}};
        frame.canvas.fill_convex(triangle, theme.violation);
        frame.canvas.path(triangle, theme.text, 1, true);
        break;
      }
      case Story::Highlight::Kind::notice:
        frame.canvas.fill_circle({x, *y}, size * 0.8F, theme.notice);
        break;
    }
  }
}

void TimelinePanel::draw_marks_set(const Drawing& drawing) {
  Frame& frame = drawing.frame;
  const Theme& theme = frame.theme;
  const ViewState& view = frame.view;
  const auto draw_mark = [&](const std::optional<Tick>& mark, std::string_view name) {
    if (!mark) return;
    const float x = drawing.x_of(static_cast<double>(mark->ps));
    frame.canvas.dashed_line({x, drawing.ruler.y}, {x, drawing.lanes.bottom()}, theme.accent, 1.5F);
    frame.canvas.text({x + 3, drawing.lanes.bottom() - theme.row_height()}, name, theme.accent, theme.bold());
  };
  draw_mark(view.mark_a, "A");
  draw_mark(view.mark_b, "B");
  if (!view.mark_a || !view.mark_b) return;
  const auto from = static_cast<double>(std::min(view.mark_a->ps, view.mark_b->ps));
  const auto to = static_cast<double>(std::max(view.mark_a->ps, view.mark_b->ps));
  const float x1 = drawing.x_of(from), x2 = drawing.x_of(to),
              y = drawing.lanes.bottom() - theme.row_height() * 1.6F;
  frame.canvas.fill({x1, drawing.ruler.y, x2 - x1, drawing.lanes.bottom() - drawing.ruler.y},
                    theme.accent.with_alpha(24));
  frame.canvas.arrow({(x1 + x2) / 2, y}, {x1, y}, theme.accent);
  frame.canvas.arrow({(x1 + x2) / 2, y}, {x2, y}, theme.accent);
  const std::string text = duration_text({static_cast<uint64_t>(to - from)});
  const float width = frame.canvas.text_width(text, theme.bold()) + theme.text_size;
  const float middle =
      std::clamp((x1 + x2) / 2, drawing.lanes.x + width / 2, drawing.lanes.right() - width / 2);
  const Rect box{middle - width / 2, y - theme.row_height() * 1.1F, width, theme.row_height()};
  frame.canvas.fill(box, theme.accent, 4);
  frame.canvas.text_in(box, text, theme.on_accent, theme.bold(), Canvas::Align::centre);
}

void TimelinePanel::draw_cursor(const Drawing& drawing) {
  Frame& frame = drawing.frame;
  const Theme& theme = frame.theme;
  const float x = drawing.x_of(static_cast<double>(frame.view.cursor().at.ps));
  if (x < drawing.lanes.x - 8 || x > drawing.lanes.right() + 8) return;
  frame.canvas.line({x, drawing.ruler.bottom() - 2}, {x, drawing.lanes.bottom()}, theme.cursor, 1.5F);
  const float size = theme.text_size * 0.4F, y = drawing.ruler.bottom();
  const Point head[3] = {{x - size, y - size * 1.6F}, {x + size, y - size * 1.6F}, {x, y}};
  frame.canvas.fill_convex(head, theme.cursor);
  const Row row = frame.view.cursor().row;
  if (row == kNoRow) return;
  if (const auto lane_y = y_of(drawing, frame.view.table().wire(row));
      lane_y && frame.view.table().at(row) == frame.view.cursor().at)
    frame.canvas.outline_circle({x, *lane_y}, theme.text_size * 0.5F, theme.cursor, 2);
}

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

std::vector<std::pair<std::string, std::string>> TimelinePanel::facts(ViewState& view) {
  return {{"lines", fmt::format("{}", lines_.size())},
          {"marks", fmt::format("{}", marks_drawn_)},
          {"spans", fmt::format("{}", spans_drawn_)},
          {"links", fmt::format("{}", links_drawn_)},
          {"mark_a", view.mark_a ? fmt::format("{}", view.mark_a->ps) : ""},
          {"mark_b", view.mark_b ? fmt::format("{}", view.mark_b->ps) : ""}};
}

}  // namespace ringside::viewer
