#include "viewer/panels/timeline_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ringside::viewer {

void TimelinePanel::update(ViewState& view) {
  const CrossingTable& table = view.table();
  const auto& lanes = view.story().lanes();
  if (history_ != table.history()) {
    history_ = table.history();
    for (MarkIndex& index : marks_) index.forget();
    for (SpanIndex& index : spans_) index.forget();
  }
  const auto used = static_cast<size_t>(std::count_if(
      table.wires().begin(), table.wires().end(), [](const ViewedWire& wire) { return !wire.rows.empty(); }));
  if (wires_known_ != table.wires().size() || wires_used_ != used || lanes_known_ != lanes.size()) {
    groups_ = group_lanes(table.wires(), lanes);
    wires_known_ = table.wires().size();
    wires_used_ = used;
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
      // One is a line high, a full ring of 32 about six lines.
      const float part = levels == 1 ? 1.2F : levels <= 4 ? 0.8F : levels <= 8 ? 0.5F : 0.3F;
      const float height = theme.text_size * part * static_cast<float>(levels) + 4;
      add(Line::Kind::spans, lane, rest == "ring" || rest == "9p" ? "requests" : rest + " (spans)",
          std::max(height, theme.row_height()));
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
  // All in one unit, so that one can count along.
  const auto text_of = [&](double at) {
    const std::string longest = time_text(drawing.end, step);
    const size_t blank = longest.find(' ');
    const size_t dot = longest.find('.');
    const int digits = dot == std::string::npos ? 0 : static_cast<int>(blank - dot - 1);
    double unit = 1;
    for (const auto& [name, ps] : {std::pair{"s", 1e12}, {"ms", 1e9}, {"us", 1e6}, {"ns", 1e3}}) {
      if (longest.substr(blank + 1) == name) unit = ps;
    }
    return fmt::format("{:.{}f}{}", at / unit, digits, longest.substr(blank));
  };
  const Clip clip(frame.canvas, drawing.ruler);
  for (double at = std::ceil(drawing.begin / step) * step; at <= drawing.end; at += step) {
    const float x = drawing.x_of(at);
    frame.canvas.line({x, drawing.ruler.bottom() - 5}, {x, drawing.ruler.bottom()}, theme.dim, 1);
    const std::string text = text_of(at);
    if (x + frame.canvas.text_width(text, theme.small()) + 4 < drawing.ruler.right())
      frame.canvas.text({x + 3, drawing.ruler.y + 2}, text, theme.dim, theme.small());
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

std::optional<float> TimelinePanel::y_of(const Drawing& drawing, uint32_t wire) const {
  const auto found = line_of_wire_.find(wire);
  if (found == line_of_wire_.end()) return std::nullopt;
  const Line& line = lines_[found->second];
  const float y = drawing.lanes.y + line.top - scroll_ + line.height / 2;
  if (y < drawing.lanes.y || y > drawing.lanes.bottom()) return std::nullopt;
  return y;
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
