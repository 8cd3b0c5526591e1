// What lies over the timeline's lanes: arrows, what stands out, marks, the cursor.
#include "viewer/panels/timeline_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ringside::viewer {

namespace {

// More arrows than these hide what they are to show.
constexpr size_t kLinkRowsMax = 1500, kLinksMax = 100;
constexpr int kChainSteps = 4;
constexpr size_t kChainLinks = 8;

}  // namespace

// What led to the cursor's crossing, and what came of it, some steps each way.
const std::vector<Link>& TimelinePanel::chain_of_cursor(ViewState& view) {
  const Row cursor = view.cursor().row;
  const auto is_of = std::pair{cursor, view.table().size()};
  if (chain_is_of_ == is_of) return chain_;
  chain_is_of_ = is_of;
  chain_.clear();
  std::vector<Row> causes{cursor}, effects{cursor};
  for (int step = 0; step < kChainSteps && cursor != kNoRow; ++step) {
    std::vector<Row> earlier, later;
    for (const Row row : causes) {
      for (const Link& link : view.story().links(row, row, kChainLinks)) {
        if (link.to != row) continue;
        chain_.push_back(link);
        earlier.push_back(link.from);
      }
    }
    for (const Row row : effects) {
      for (const Link& link : view.story().links(row, row, kChainLinks)) {
        if (link.from != row) continue;
        chain_.push_back(link);
        later.push_back(link.to);
      }
    }
    causes = std::move(earlier);
    effects = std::move(later);
  }
  return chain_;
}

// The cursor's chain; and of everything else in sight, where that can be followed.
void TimelinePanel::draw_links(const Drawing& drawing) {
  ViewState& view = drawing.frame.view;
  const CrossingTable& table = view.table();
  const Theme& theme = drawing.frame.theme;
  const auto draw = [&](const Link& link, bool is_cursors) {
    const auto from_y = y_of(drawing, table.wire(link.from)), to_y = y_of(drawing, table.wire(link.to));
    if (!from_y || !to_y) return;
    const float from_x = drawing.x_of(static_cast<double>(table.at(link.from).ps));
    const float to_x = drawing.x_of(static_cast<double>(table.at(link.to).ps));
    if (!is_cursors && std::abs(to_x - from_x) + std::abs(*to_y - *from_y) < 6) return;
    const Color color = link.kind == Link::Kind::event     ? theme.signal
                        : link.kind == Link::Kind::handler ? theme.message
                                                           : theme.good;
    ++links_drawn_;
    drawing.frame.canvas.arrow({from_x, *from_y}, {to_x, *to_y}, color.with_alpha(is_cursors ? 255 : 110),
                               is_cursors ? 2.5F : 1.0F);
  };
  const Row before = table.last_row_at({static_cast<uint64_t>(std::max(0.0, drawing.begin))});
  const Row first = before == kNoRow ? 0 : before;
  const Row last = table.last_row_at({static_cast<uint64_t>(std::max(0.0, drawing.end))});
  if (last != kNoRow && last - first <= kLinkRowsMax) {
    const std::vector<Link> links = view.story().links(first, last, kLinksMax);
    if (links.size() < kLinksMax) {
      for (const Link& link : links) draw(link, false);
    }
  }
  for (const Link& link : chain_of_cursor(view)) draw(link, true);
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
  frame.hit(box, "measure");
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

}  // namespace ringside::viewer
