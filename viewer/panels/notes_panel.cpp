#include "viewer/panels/notes_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "viewer/panels/state_words.h"

namespace ringside::viewer {

void NotesPanel::draw(Frame& frame) {
  const Lesson& lesson = frame.view.lesson();
  if (!lesson.is_there())
    return frame.say_empty(
        "This session has no notes. A scenario's notes.md makes a lesson of it (docs/lessons.md).");
  if (!lesson.problem().empty()) return frame.say_empty("The notes cannot be read. " + lesson.problem());
  const Theme& theme = frame.theme;
  Rect area = frame.area.inset(theme.text_size * 0.8F, theme.gap());
  if (lesson.step != shown_step_) {
    shown_step_ = lesson.step;
    top_ = 0;
  }
  draw_foot(frame, area.take_bottom(theme.row_height() * 1.25F));
  area.take_bottom(theme.gap());

  const NoteStep* step = lesson.shown();
  if (step != nullptr && area.h > theme.row_height() * 6)
    frame.canvas.text_in(area.take_top(theme.row_height()), lesson.notes().title, theme.dim, theme.font());
  const Font large{Face::bold, theme.text_size * (step == nullptr ? 1.9F : 1.55F)};
  const std::string& title = step != nullptr                ? step->title
                             : lesson.notes().title.empty() ? "Notes"
                                                            : lesson.notes().title;
  for (const std::string& line : frame.canvas.wrapped(title, large, area.w)) {
    if (area.h < large.size * 1.3F) return;
    frame.canvas.text_in(area.take_top(large.size * 1.3F), line, theme.text, large);
  }
  area.take_top(theme.gap());
  if (step != nullptr && !step->problem.empty()) {
    for (const std::string& line : frame.canvas.wrapped(step->problem, theme.font(), area.w)) {
      if (area.h < theme.row_height()) break;
      frame.canvas.text_in(area.take_top(theme.row_height()), line, theme.bad, theme.bold());
    }
  }
  draw_text(frame, area, step != nullptr ? step->blocks : lesson.notes().introduction);
}

void NotesPanel::draw_text(Frame& frame, Rect area, const std::vector<NoteBlock>& blocks) {
  const Theme& theme = frame.theme;
  const NoteFonts fonts(theme);
  const float hint = theme.text_size * 1.2F;
  const std::vector<NoteLine> lines = lay_out(frame.canvas, fonts, blocks, area.w);
  float all = 0;
  for (const NoteLine& line : lines) all += line.before + line.height;
  const bool overflows = all > area.h;
  const Rect below = overflows ? area.take_bottom(hint) : Rect{};
  // Down to where the last line is just in sight.
  size_t top_max = lines.size();
  for (float left = area.h; top_max > 0; --top_max) {
    left -= lines[top_max - 1].before + lines[top_max - 1].height;
    if (left < 0) break;
  }
  const float wheel = frame.pointer().wheel;
  if (wheel < 0) top_ += static_cast<size_t>(std::min(-wheel * 3, 1000.0F));
  if (wheel > 0) top_ -= std::min(top_, static_cast<size_t>(std::min(wheel * 3, 1000.0F)));
  top_ = std::min(top_, top_max);
  float y = area.y;
  size_t end = top_;
  for (; end < lines.size(); ++end) {
    const NoteLine& line = lines[end];
    if (end != top_) y += line.before;
    if (y + line.height > area.bottom() + 0.5F) break;
    draw_note_line(frame.canvas, theme, fonts, {area.x, y, area.w, line.height}, line);
    y += line.height;
  }
  if (!overflows || end >= lines.size()) return;
  const Hit more = frame.hit(below, "more");
  if (more.clicked) top_ = std::min(top_max, std::max(end, top_ + 1));
  const Point centre = below.centre();
  const float half = hint * 0.4F;
  frame.canvas.fill_convex(
      std::array{Point{centre.x - half, centre.y - half * 0.6F},
                 Point{centre.x + half, centre.y - half * 0.6F}, Point{centre.x, centre.y + half * 0.8F}},
      more.hovered ? theme.text : theme.accent);
}

void NotesPanel::draw_foot(Frame& frame, Rect area) {
  ViewState& view = frame.view;
  const Lesson& lesson = view.lesson();
  const Theme& theme = frame.theme;
  const float wide = frame.canvas.text_width("previous", theme.font()) + theme.text_size;
  const int step = lesson.step, steps = lesson.steps();
  // The way on is what is to be found.
  if (frame.button(area.take_right(std::min(wide, area.w / 3)), "next", "next", step + 1 < steps))
    view.go_to_note(step + 1);
  if (frame.button(area.take_left(std::min(wide, area.w / 2)), "previous", "previous"))
    view.go_to_note(step - 1);
  area = area.inset(theme.gap(), 0);
  const NoteStep* shown = lesson.shown();
  const std::string count =
      shown == nullptr ? fmt::format("{} steps", steps) : fmt::format("{} of {}", step + 1, steps);
  const float count_wide = frame.canvas.text_width(count, theme.bold());
  if (count_wide > area.w) return;
  if (shown != nullptr && is_row(view.table(), shown->row)) {
    const std::string pin =
        fmt::format("{} at {}", row_name(shown->row), when_text(view.table(), shown->row));
    const float pin_wide = frame.canvas.text_width(pin, theme.font());
    if (pin_wide + count_wide + theme.text_size * 2 <= area.w) {
      const Rect place = area.take_right(pin_wide + theme.gap());
      const bool is_here = view.cursor().row == shown->row;
      const Hit on = frame.hit(place, "pin");
      frame.canvas.text_in(place, pin,
                           is_here      ? theme.cursor
                           : on.hovered ? theme.text
                                        : theme.accent,
                           theme.font(), Canvas::Align::right);
      if (on.hovered) view.hovered = shown->row;
      if (on.clicked) visit(view, shown->row);
    }
  }
  frame.canvas.text_in(area, count, theme.dim, theme.bold());
}

bool NotesPanel::on_key(std::string_view key, ViewState& view) {
  if (!view.lesson().is_there()) return false;
  if (key == "PageDown" || key == "Return") {
    view.go_to_note(view.lesson().step + 1);
  } else if (key == "PageUp" || key == "Backspace") {
    view.go_to_note(view.lesson().step - 1);
  } else {
    return false;
  }
  return true;
}

std::vector<std::pair<std::string, std::string>> NotesPanel::facts(ViewState& view) {
  const Lesson& lesson = view.lesson();
  std::vector<std::pair<std::string, std::string>> facts = {{"steps", fmt::format("{}", lesson.steps())},
                                                            {"step", fmt::format("{}", lesson.step + 1)}};
  if (!lesson.problem().empty()) facts.emplace_back("problem", lesson.problem());
  if (const NoteStep* step = lesson.shown()) {
    facts.emplace_back("title", step->title);
    facts.emplace_back("row", step->row == kNoRow ? "-" : fmt::format("{}", step->row));
    if (!step->problem.empty()) facts.emplace_back("problem", step->problem);
  }
  return facts;
}

}  // namespace ringside::viewer
