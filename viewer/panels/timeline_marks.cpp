// The timeline's marks and spans.
#include "viewer/panels/timeline_panel.h"

#include <algorithm>
#include <cmath>

namespace ringside::viewer {

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
      const float wide = std::min({room - 8, letter * 24, area.right() - x - 6});
      if (room > letter * 5 && wide > letter * 3) {
        const auto verb = frame.view.text().verb(row);
        frame.canvas.text_in({x + 5, area.y, wide, area.h}, verb, theme.dim, theme.small());
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
  // What a machine that goes on has not answered yet is in flight, and not lost.
  const bool is_going_on = frame.view.is_live && frame.view.live() != nullptr &&
                           frame.view.live()->state() != LiveMachine::State::ended;
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
    const Color face = span.failed ? theme.bad : is_open && !is_going_on ? theme.violation : color;
    const bool is_here =
        cursor_row != kNoRow && span.begin <= cursor_row && (is_open || cursor_row < span.end);
    const bool is_roomy = box.w > 12 && box.h > 6;
    frame.canvas.fill(box, face.with_alpha(is_here ? 255 : 150), is_roomy ? 2 : 0);
    if (is_here && is_roomy) frame.canvas.outline(box, theme.text, 1, 2);
    // Publishing has no name of its own; the answer has the request's.
    const bool is_published = frame.view.table().wire_of(span.begin).name.ends_with("/indices");
    const Row named = is_published && !is_open ? span.end : span.begin;
    const float left = std::max(box.x, area.x) + 4, wide = std::min(box.right(), area.right()) - 4 - left;
    if (wide > theme.text_size * 2.4F && height > theme.text_size * 0.75F)
      frame.canvas.text_in({left, box.y, wide, box.h}, frame.view.text().verb(named), theme.window,
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

}  // namespace ringside::viewer
