#include "viewer/panels/state_words.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace ringside::viewer {

std::string_view slot_word(SlotState state) {
  switch (state) {
    case SlotState::empty: return "empty";
    case SlotState::published: return "published";
    case SlotState::taken: return "taken";
    case SlotState::answered: break;
  }
  return "answered";
}

std::string_view slot_letter(SlotState state) {
  switch (state) {
    case SlotState::empty: return "";
    case SlotState::published: return "P";
    case SlotState::taken: return "T";
    case SlotState::answered: break;
  }
  return "A";
}

Color slot_color(const Theme& theme, SlotState state) {
  switch (state) {
    case SlotState::empty: return theme.slot_empty;
    case SlotState::published: return theme.slot_published;
    case SlotState::taken: return theme.slot_taken;
    case SlotState::answered: break;
  }
  return theme.slot_answered;
}

std::string_view xenbus_word(uint8_t state) {
  constexpr std::array<std::string_view, kXenbusStates> kWords = {
      "Unknown", "Initialising", "InitWait",      "Initialised", "Connected",
      "Closing", "Closed",       "Reconfiguring", "Reconfigured"};
  return state < kWords.size() ? kWords[state] : "no such state";
}

std::string short_name(std::string_view name, bool with_domain) {
  const size_t end = name.find('/');
  if (end == std::string_view::npos) return std::string(name);
  const std::string_view domain = name.substr(0, end);
  std::string_view rest = name.substr(end + 1);
  for (const std::string_view kind : {"ring/", "9p/", "nic/"})
    if (rest.starts_with(kind) && rest.size() > kind.size()) rest.remove_prefix(kind.size());
  return with_domain ? fmt::format("{} {}", domain, rest) : std::string(rest);
}

bool name_several_domains(const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (name.substr(0, name.find('/')) != names.front().substr(0, names.front().find('/'))) return true;
  return false;
}

float freshness(Row changed, Row cursor) {
  if (changed == kNoRow || cursor == kNoRow || changed > cursor) return 0;
  // Half after some ten crossings, gone after about two hundred.
  return std::max(0.0F, 1 - std::log2(1 + static_cast<float>(cursor - changed)) / 7.6F);
}

std::string when_text(const CrossingTable& table, Row row) {
  if (!is_row(table, row)) return "-";
  const auto ps = static_cast<double>(table.at(row).ps);
  if (ps == 0) return "0";
  return time_text(ps, ps < 1e6 ? 1e3 : ps < 1e9 ? 1e4 : ps < 1e12 ? 1e6 : 1e8);
}

std::string age_text(ViewState& view, Row row) {
  if (!is_row(view.table(), row) || view.cursor().at < view.table().at(row)) return "-";
  return duration_text(view.cursor().at - view.table().at(row));
}

void visit(ViewState& view, Row row) {
  if (!is_row(view.table(), row)) return;
  view.go_to_row(row);
  view.show_cursor();
}

void draw_lamp(Frame& frame, Point centre, float radius, bool is_on, Color color, std::string_view letter) {
  if (!is_on) {
    frame.canvas.outline_circle(centre, radius, frame.theme.dim, 1.5F);
    return;
  }
  frame.canvas.fill_circle(centre, radius, color);
  const Font font{Face::bold, radius * 1.5F};
  frame.canvas.text_in({centre.x - radius, centre.y - radius, radius * 2, radius * 2}, letter, kOnSlot, font,
                       Canvas::Align::centre);
}

void draw_heading(Frame& frame, Rect& area, std::string_view text) {
  const Rect strip = area.take_top(frame.theme.row_height());
  if (strip.h < frame.theme.row_height()) return;
  frame.canvas.text_in(strip, text, frame.theme.dim, {Face::bold, frame.theme.small().size});
  frame.canvas.line({strip.x, strip.bottom() - 2}, {strip.right(), strip.bottom() - 2}, frame.theme.border);
}

float draw_legend(Frame& frame, Rect area, const std::vector<LegendEntry>& entries, bool draw) {
  const Theme& theme = frame.theme;
  const Font font = theme.small();
  const float side = theme.text_size * 1.15F, line = side + 4;
  float x = area.x, y = area.y;
  for (const LegendEntry& entry : entries) {
    const float wide = side + 5 + frame.canvas.text_width(entry.word, font);
    if (x > area.x && x + wide > area.right()) {
      x = area.x;
      y += line;
    }
    if (draw) {
      const Rect swatch{x, y + (line - side) / 2, side, side};
      frame.canvas.fill(swatch, theme.slot_empty, 3);
      if (entry.outer > entry.inner)
        frame.canvas.fill(
            {swatch.x, swatch.y + side * (1 - entry.outer), side, side * (entry.outer - entry.inner)},
            entry.color, 3);
      frame.canvas.outline(swatch, theme.border, 1, 3);
      frame.canvas.text_in(swatch, entry.letter, kOnSlot, {Face::bold, font.size}, Canvas::Align::centre);
      frame.canvas.text_in({swatch.right() + 5, y, area.right() - swatch.right() - 5, line}, entry.word,
                           theme.dim, font);
    }
    x += wide + theme.text_size;
  }
  return y + line - area.y;
}

}  // namespace ringside::viewer
