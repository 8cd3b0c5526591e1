#include "viewer/panels/xenstore_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

Row newest_below(const StoreNode& node) {
  Row newest = node.changed;
  for (const auto& [name, child] : node.children) {
    const Row below = newest_below(child);
    if (below != kNoRow && (newest == kNoRow || below > newest)) newest = below;
  }
  return newest;
}

// Values are text by convention only.
std::string printable(std::string_view value) {
  constexpr size_t kLettersMax = 500;
  std::string text;
  for (const char c : value.substr(0, kLettersMax))
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '.' : c;
  return text;
}

// As much of a path's end as fits: that is what tells it from others.
std::string path_end(const Canvas& canvas, std::string path, Font font, float width) {
  if (path.size() > 1000 || canvas.text_width(path, font) <= width) return path;
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    std::string end = "..." + path.substr(at);
    if (canvas.text_width(end, font) <= width) return end;
  }
  return path;
}

}  // namespace

void XenstorePanel::add_lines(std::vector<Line>& lines, const StoreNode& parent, const std::string& path,
                              unsigned depth, Row cursor) {
  for (const auto& [name, child] : parent.children) {
    // What was removed is seen going, and then no more.
    if (child.removed && freshness(child.changed, cursor) <= 0) continue;
    std::string below = path + "/" + name;
    const bool is_folded = !child.children.empty() && folded_.contains(below);
    lines.push_back({&child, below, depth, is_folded ? newest_below(child) : child.changed, is_folded});
    if (!is_folded) add_lines(lines, child, below, depth + 1, cursor);
  }
}

void XenstorePanel::draw(Frame& frame) {
  const StoreState& store = frame.view.story().store(frame.view.cursor().row);
  const Theme& theme = frame.theme;
  if (store.root.children.empty() && store.watches.empty())
    return frame.say_empty("Nothing of XenStore yet: no message to it or from it by the cursor.");
  Rect area = frame.area.inset(theme.gap());
  if (area.w > theme.text_size * 58) {
    Rect aside = area.take_right(area.w * 0.32F);
    aside.take_left(theme.gap() * 2);
    draw_watches(frame, aside, store);
  } else if (area.h > theme.text_size * 24) {
    const float wanted = theme.row_height() * static_cast<float>(store.watches.size() + 1);
    Rect below = area.take_bottom(std::min(area.h * 0.3F, wanted + theme.gap()));
    below.take_top(theme.gap());
    draw_watches(frame, below, store);
  }
  draw_tree(frame, area, store);
}

void XenstorePanel::draw_tree(Frame& frame, Rect area, const StoreState& store) {
  const Theme& theme = frame.theme;
  const Row cursor = frame.view.cursor().row;
  if (store.transactions_open > 0 && area.h > theme.row_height() * 5)
    frame.canvas.text_in(area.take_bottom(theme.row_height()),
                         fmt::format("{} transaction{} open", store.transactions_open,
                                     store.transactions_open == 1 ? "" : "s"),
                         theme.text, theme.small());
  std::vector<Line> lines;
  add_lines(lines, store.root, "", 0, cursor);
  if (cursor != shown_row_) {
    shown_row_ = cursor;
    for (size_t i = 0; i < lines.size(); ++i)
      if (cursor != kNoRow && lines[i].newest == cursor) tree_.show(i);
  }
  tree_.draw(frame, area, "tree", lines.size(), theme.row_height(),
             [&](size_t i, Rect strip) { draw_line(frame, strip, lines[i]); });
}

void XenstorePanel::draw_line(Frame& frame, Rect strip, const Line& line) {
  const Theme& theme = frame.theme;
  constexpr unsigned kDepthMax = 24;
  const Hit on = frame.hit(strip, "node" + line.path);
  const float fresh = freshness(line.newest, frame.view.cursor().row);
  if (fresh > 0) frame.canvas.fill(strip, theme.cursor.with_alpha(static_cast<uint8_t>(90 * fresh)), 3);
  if (on.hovered) {
    frame.canvas.fill(strip, theme.hover.with_alpha(140), 3);
    frame.view.hovered = line.node->changed;
  }
  if (fresh == 1) frame.canvas.fill({strip.x, strip.y, theme.text_size * 0.25F, strip.h}, theme.cursor);
  Rect room = strip.inset(theme.gap(), 0);
  room.take_left(
      std::min(theme.text_size * static_cast<float>(std::min(line.depth, kDepthMax)), room.w * 0.4F));
  const Rect fold = room.take_left(theme.text_size * 1.1F);
  bool folds = false;
  if (!line.node->children.empty()) {
    const Hit on_fold = frame.hit({fold.x, strip.y, fold.w, strip.h}, "fold" + line.path);
    folds = on_fold.clicked;
    const float r = theme.text_size * 0.32F;
    const Point c{fold.x + r * 1.4F, strip.centre().y};
    const std::array<Point, 3> shut = {Point{c.x - r * 0.6F, c.y - r}, Point{c.x + r, c.y},
                                       Point{c.x - r * 0.6F, c.y + r}};
    const std::array<Point, 3> open = {Point{c.x - r, c.y - r * 0.6F}, Point{c.x + r, c.y - r * 0.6F},
                                       Point{c.x, c.y + r}};
    frame.canvas.fill_convex(line.is_folded ? shut : open, on_fold.hovered ? theme.text : theme.dim);
  }
  if (folds && !folded_.erase(line.path)) folded_.insert(line.path);
  if (on.clicked && !folds) visit(frame.view, line.newest);

  const std::string& name =
      line.node->name.empty() ? line.path.substr(line.path.rfind('/') + 1) : line.node->name;
  const Font name_font = line.node->children.empty() ? theme.font() : theme.bold();
  const std::string when = when_text(frame.view.table(), line.newest);
  const float when_wide = frame.canvas.text_width(when, theme.small());
  if (fresh > 0 && room.w > when_wide + theme.text_size * 16) {
    frame.canvas.text_in(room.take_right(when_wide), when, theme.dim, theme.small(), Canvas::Align::right);
    room.take_right(theme.gap());
  }
  const std::string shown_name = frame.canvas.fitted(printable(name), name_font, room.w);
  const float wide = std::min(frame.canvas.text_width(shown_name, name_font) + 1, room.w);
  const Rect name_area = room.take_left(wide);
  frame.canvas.text_in(name_area, shown_name, line.node->removed ? theme.dim : theme.text, name_font);
  if (line.node->removed) {
    frame.canvas.line({name_area.x, strip.centre().y}, {name_area.right(), strip.centre().y}, theme.dim,
                      1.5F);
    return;
  }
  room.take_left(theme.gap());
  if (!line.node->value.empty() && room.w > theme.text_size * 2)
    frame.canvas.text_in(room, fmt::format("= {}", printable(line.node->value)), theme.dim, theme.mono());
}

void XenstorePanel::draw_watches(Frame& frame, Rect area, const StoreState& store) {
  const Theme& theme = frame.theme;
  draw_heading(frame, area,
               store.watches.empty()
                   ? "no watches"
                   : fmt::format("{} watch{}", store.watches.size(), store.watches.size() == 1 ? "" : "es"));
  const Row cursor = frame.view.cursor().row;
  watches_.draw(frame, area, "watches", store.watches.size(), theme.row_height(), [&](size_t i, Rect strip) {
    const StoreState::Watch& watch = store.watches[i];
    const Row newest = watch.fired != kNoRow ? watch.fired : watch.set;
    const Hit on = frame.hit(strip, fmt::format("watch/{}", i));
    const float fresh = freshness(newest, cursor);
    if (fresh > 0) frame.canvas.fill(strip, theme.cursor.with_alpha(static_cast<uint8_t>(90 * fresh)), 3);
    if (on.hovered) {
      frame.canvas.fill(strip, theme.hover.with_alpha(140), 3);
      frame.view.hovered = newest;
      frame.tooltip(fmt::format("{} watches {} as {}\nset at {}, fired last at {}", watch.domain,
                                printable(watch.path), printable(watch.token),
                                when_text(frame.view.table(), watch.set),
                                when_text(frame.view.table(), watch.fired)));
    }
    if (on.clicked) visit(frame.view, newest);
    Rect room = strip.inset(theme.gap(), 0);
    const std::string fired =
        watch.fired == kNoRow ? "not fired" : "fired " + when_text(frame.view.table(), watch.fired);
    const float wide = frame.canvas.text_width(fired, theme.small());
    if (room.w > wide + theme.text_size * 10) {
      frame.canvas.text_in(room.take_right(wide), fired, theme.dim, theme.small(), Canvas::Align::right);
      room.take_right(theme.gap());
    }
    const Rect domain = room.take_left(frame.canvas.text_width(watch.domain, theme.bold()) + theme.text_size);
    frame.canvas.text_in(domain, watch.domain, theme.text, theme.bold());
    frame.canvas.text_in(room, path_end(frame.canvas, printable(watch.path), theme.font(), room.w),
                         theme.text, theme.font());
  });
}

std::vector<std::pair<std::string, std::string>> XenstorePanel::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  const StoreState& store = view.story().store(view.cursor().row);
  std::vector<Line> lines;
  add_lines(lines, store.root, "", 0, view.cursor().row);
  facts.emplace_back("nodes", fmt::format("{}", lines.size()));
  facts.emplace_back("watches", fmt::format("{}", store.watches.size()));
  for (const Line& line : lines)
    if (view.cursor().row != kNoRow && line.node->changed == view.cursor().row)
      facts.emplace_back("changed",
                         line.node->removed ? line.path : line.path + "=" + printable(line.node->value));
  return facts;
}

}  // namespace ringside::viewer
