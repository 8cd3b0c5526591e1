// The bars of the window: on top, what is open, layouts and the filter; at the bottom, the scrubber.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/window/app.h"

namespace ringside::viewer {

void App::draw_top_bar(Canvas& canvas, Rect area) {
  AppFrame frame(canvas, theme_, view_, area, "top", interaction_);
  area = area.inset(theme_.text_size * 0.5F, theme_.text_size * 0.3F);
  const Rect filter = area.take_right(std::min(area.w * 0.36F, theme_.text_size * 34));
  area.take_right(theme_.gap());
  const std::string& scenario = view_.session().header().scenario_name;
  const std::string name = view_.is_live ? scenario + " (live)" : scenario;
  const float width = std::min(canvas.text_width(name, theme_.title()) + theme_.text_size, area.w * 0.3F);
  canvas.text_in(area.take_left(width), name, theme_.text, theme_.title());
  std::vector<std::string> names;
  int chosen = -1;
  for (const Layout& known : layouts()) {
    if (known.name == layout_) chosen = static_cast<int>(names.size());
    names.push_back(known.name);
  }
  const int pressed = frame.tabs(area, "layout", names, chosen);
  if (pressed >= 0) view_.wanted_layout = names[static_cast<size_t>(pressed)];

  Rect field = filter;
  std::string count;
  if (!view_.filter_error().empty()) {
    count = "?";
  } else if (view_.is_filtered()) {
    count = fmt::format("{}{}", view_.found().size(), view_.filter_done() ? "" : " ...");
  }
  if (!count.empty()) {
    const Rect place =
        field.take_right(std::max(theme_.text_size * 3.5F, canvas.text_width(count, theme_.font()) + 8));
    canvas.text_in(place, count, view_.filter_error().empty() ? theme_.good : theme_.bad, theme_.bold(),
                   Canvas::Align::right);
  }
  const std::string before = view_.filter_text;
  frame.input(field, "filter", view_.filter_text, "filter: wire ~ \"ring/*\" && operation == READ");
  if (view_.filter_text != before) view_.apply_filter();
  if (!view_.filter_error().empty()) view_.status = view_.filter_error(), view_.status_left = 2;
}

void App::draw_problem(Canvas& canvas, Rect area, const std::string& text) {
  canvas.fill(area, theme_.bad);
  canvas.text_in(area.inset(theme_.text_size * 0.8F, 0), text, rgb(0xffffff), theme_.bold());
}

void App::draw_status(Canvas& canvas, Rect area) {
  area = area.inset(theme_.text_size * 0.8F, 0);
  const CrossingTable& table = view_.table();
  const std::string right =
      fmt::format("{} crossings on {} wires   ? for help", table.size(), table.wires().size());
  const Rect right_area = area.take_right(canvas.text_width(right, theme_.small()) + 4);
  canvas.text_in(right_area, right, theme_.dim, theme_.small(), Canvas::Align::right);
  std::string left = view_.status;
  if (left.empty() && !view_.session().is_read())
    left = fmt::format("reading: {:.0f}%", view_.session().progress() * 100);
  if (left.empty() && view_.cursor().row != kNoRow) {
    const Row row = view_.cursor().row;
    left = fmt::format("{}  {} {} {}", row_name(row), table.wire_of(row).name,
                       table.direction(row) == Direction::out ? "\u2192" : "\u2190", view_.text().line(row));
  }
  canvas.text_in(area, left, view_.status.empty() ? theme_.dim : theme_.text, theme_.small());
}

// Play, the time, the mini map.
void App::draw_transport(Canvas& canvas, Rect area) {
  AppFrame frame(canvas, theme_, view_, area, "transport", interaction_);
  area = area.inset(theme_.text_size * 0.5F, theme_.text_size * 0.3F);
  const float width = theme_.text_size * 2;
  const auto button = [&](std::string_view name, std::string_view text, bool is_on = false) {
    const bool pressed = frame.button(area.take_left(width), name, text, is_on);
    area.take_left(3);
    return pressed;
  };
  if (button("first", "|<")) view_.go_to_row(kNoRow), view_.show_cursor();
  if (button("back", "<")) view_.step(-1);
  if (button("play", view_.is_playing ? "||" : "\u25b6", view_.is_playing))
    view_.is_playing = !view_.is_playing;
  if (button("next", ">")) view_.step(1);
  if (button("last", ">|")) view_.go_to_time(view_.table().end()), view_.show_cursor();
  area.take_left(theme_.gap());
  const std::string time = time_text(view_.cursor().at);
  const Rect place = area.take_left(canvas.text_width("0000.000000000 s", theme_.mono()) + theme_.gap());
  canvas.text_in(place, time, theme_.text, theme_.mono());
  if (frame.hit(place, "time").clicked) ask_time();
  const Rect speed = area.take_left(canvas.text_width("000.0 ms/s", theme_.small()) + theme_.gap());
  canvas.text_in(speed, time_text(view_.play_speed * 1e12, view_.play_speed * 1e11) + "/s", theme_.dim,
                 theme_.small());
  draw_scrubber(frame, area);
}

void App::draw_scrubber(Frame& frame, Rect area) {
  const CrossingTable& table = view_.table();
  Canvas& canvas = frame.canvas;
  canvas.fill(area, theme_.panel, 3);
  const double whole = std::max<double>(1000, static_cast<double>(table.end().ps) * 1.02);
  const auto columns = static_cast<size_t>(std::max(1.0F, area.w / 2));
  if (scrub_rows_ != table.size() || scrub_width_ != area.w || scrub_counts_.empty()) {
    // By binary search at each column's border, and not by going over a million rows.
    scrub_counts_.assign(columns, 0);
    Row before = 0;
    for (size_t i = 0; i < columns; ++i) {
      const auto to =
          static_cast<uint64_t>(whole * static_cast<double>(i + 1) / static_cast<double>(columns));
      const Row last = table.last_row_at({to});
      const Row behind = last == kNoRow ? 0 : last + 1;
      scrub_counts_[i] = behind - before;
      before = behind;
    }
    scrub_rows_ = table.size();
    scrub_width_ = area.w;
  }
  const uint32_t most = *std::max_element(scrub_counts_.begin(), scrub_counts_.end());
  const auto x_of = [&](double ps) { return area.x + static_cast<float>(ps / whole) * area.w; };
  for (size_t i = 0; i < scrub_counts_.size() && most > 0; ++i) {
    if (scrub_counts_[i] == 0) continue;
    const float part =
        std::log2(1.0F + static_cast<float>(scrub_counts_[i])) / std::log2(1.0F + static_cast<float>(most));
    const float height = std::max(2.0F, (area.h - 4) * part);
    canvas.fill({area.x + static_cast<float>(i) * 2, area.bottom() - height - 2, 2, height},
                mix(theme_.panel, theme_.accent, 0.55F), 0);
  }
  float last_x = -10;
  for (const Story::Highlight& highlight : view_.story().highlights()) {
    const float x = x_of(static_cast<double>(table.at(highlight.row).ps));
    if (x - last_x < 2) continue;
    last_x = x;
    canvas.fill({x - 1, area.y, 2, area.h * 0.4F},
                highlight.kind == Story::Highlight::Kind::notice ? theme_.notice : theme_.violation, 0);
  }
  const float from = x_of(view_.range_begin), to = x_of(view_.range_end);
  canvas.fill({from, area.y, std::max(2.0F, to - from), area.h}, theme_.text.with_alpha(22), 2);
  canvas.outline({from, area.y, std::max(2.0F, to - from), area.h}, theme_.dim, 1, 2);
  const float x = x_of(static_cast<double>(view_.cursor().at.ps));
  canvas.line({x, area.y - 2}, {x, area.bottom() + 2}, theme_.cursor, 2);

  const Hit on = frame.hit(area, "scrubber");
  const Pointer& pointer = frame.pointer();
  if (on.held && area.w > 0) {
    const double part = std::clamp<double>((pointer.at.x - area.x) / area.w, 0, 1);
    view_.go_to_time({static_cast<uint64_t>(part * whole)});
    view_.show_cursor();
  }
  if (on.hovered) {
    const double part = std::clamp<double>((pointer.at.x - area.x) / area.w, 0, 1);
    if (pointer.wheel != 0) view_.zoom(std::pow(0.8, pointer.wheel), part * whole);
    frame.tooltip(time_text({static_cast<uint64_t>(part * whole)}));
  }
}

}  // namespace ringside::viewer
