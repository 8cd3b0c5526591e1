#include "viewer/canvas/canvas.h"

#include <array>
#include <cmath>

namespace ringside::viewer {

namespace {

// The length of the UTF-8 character that begins at `at`.
size_t character_bytes(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  return end - at;
}

Point on_circle(Point centre, float radius, float angle) {
  return {centre.x + radius * std::sin(angle), centre.y - radius * std::cos(angle)};
}

// How many straight pieces look like an arc.
int pieces_of(float from, float to, float radius) {
  return std::clamp(static_cast<int>(std::abs(to - from) * std::sqrt(radius) * 1.2F) + 1, 1, 256);
}

}  // namespace

std::string Canvas::fitted(std::string_view text, Font font, float width) const {
  constexpr std::string_view kCut = "...";
  // No glyph is narrower than an eighth of its height: what lies behind that many is not looked at.
  const auto characters_max = static_cast<size_t>(std::max(0.0F, width) / (font.size / 8)) + 8;
  const bool is_long = text.size() > characters_max * 4;
  if (!is_long && text_width(text, font) <= width) return std::string(text);
  const float left = width - text_width(kCut, font);
  if (left <= 0) return {};
  size_t low = 0, high = std::min(text.size(), characters_max * 4);
  while (low < high) {
    const size_t middle = (low + high + 1) / 2;
    if (text_width(text.substr(0, middle), font) <= left) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  while (low > 0 && low < text.size() && (static_cast<unsigned char>(text[low]) & 0xc0) == 0x80) --low;
  return std::string(text.substr(0, low)) + std::string(kCut);
}

void Canvas::text_in(Rect area, std::string_view text_given, Color color, Font font, Align align) {
  // Where a line has been left no height, there is none.
  if (area.is_empty() || text_given.empty() || area.h < font.size * 0.7F) return;
  const std::string shown = fitted(text_given, font, area.w);
  float x = area.x;
  if (align != Align::left) {
    const float spare = area.w - text_width(shown, font);
    x += align == Align::centre ? spare / 2 : spare;
  }
  text({x, area.y + (area.h - font.size * 1.2F) / 2}, shown, color, font);
}

std::vector<std::string> Canvas::wrapped(std::string_view text, Font font, float width) const {
  std::vector<std::string> lines;
  size_t at = 0;
  while (at < text.size()) {
    const size_t line_end = std::min(text.find('\n', at), text.size());
    std::string line;
    while (at < line_end) {
      size_t word_end = text.find(' ', at);
      word_end = std::min(word_end == std::string_view::npos ? line_end : word_end, line_end);
      std::string_view word = text.substr(at, word_end - at);
      const std::string longer = line.empty() ? std::string(word) : line + ' ' + std::string(word);
      if (text_width(longer, font) <= width) {
        line = longer;
      } else {
        if (!line.empty()) lines.push_back(std::move(line));
        // A word that is longer than a line is broken anywhere.
        while (text_width(word, font) > width) {
          size_t part = character_bytes(word, 0);
          while (part < word.size() &&
                 text_width(word.substr(0, part + character_bytes(word, part)), font) <= width)
            part += character_bytes(word, part);
          if (part >= word.size()) break;
          lines.emplace_back(word.substr(0, part));
          word.remove_prefix(part);
        }
        line = word;
      }
      at = std::min(word_end + 1, line_end);
      if (word_end == line_end) break;
    }
    lines.push_back(std::move(line));
    at = line_end + 1;
  }
  return lines;
}

void Canvas::dashed_line(Point from, Point to, Color color, float width, float dash) {
  const float length = std::hypot(to.x - from.x, to.y - from.y);
  if (length <= 0) return;
  dash = std::max(dash, length / 2000);
  const Point step{(to.x - from.x) / length, (to.y - from.y) / length};
  for (float at = 0; at < length; at += 2 * dash) {
    const float end = std::min(at + dash, length);
    line({from.x + step.x * at, from.y + step.y * at}, {from.x + step.x * end, from.y + step.y * end}, color,
         width);
  }
}

void Canvas::arrow(Point from, Point to, Color color, float width, float head) {
  const float length = std::hypot(to.x - from.x, to.y - from.y);
  if (length <= 0) return;
  head = std::min(head, length);
  const Point step{(to.x - from.x) / length, (to.y - from.y) / length};
  const Point neck{to.x - step.x * head, to.y - step.y * head};
  line(from, neck, color, width);
  const float half = head * 0.45F;
  fill_convex(std::array<Point, 3>{to, Point{neck.x - step.y * half, neck.y + step.x * half},
                                   Point{neck.x + step.y * half, neck.y - step.x * half}},
              color);
}

void Canvas::fill_sector(Point centre, float inner, float outer, float from, float to, Color color) {
  const int pieces = pieces_of(from, to, outer);
  for (int i = 0; i < pieces; ++i) {
    const float a = from + (to - from) * static_cast<float>(i) / static_cast<float>(pieces);
    // Pieces lie upon each other by a bit, so that no seam shows between them; unless one shines through.
    const float over =
        color.a == 255 && i + 1 < pieces ? std::min(0.7F / std::max(outer, 1.0F), (to - from) / 8) : 0;
    const float b = from + (to - from) * static_cast<float>(i + 1) / static_cast<float>(pieces) + over;
    fill_convex(std::array<Point, 4>{on_circle(centre, outer, a), on_circle(centre, outer, b),
                                     on_circle(centre, inner, b), on_circle(centre, inner, a)},
                color);
  }
}

void Canvas::outline_sector(Point centre, float inner, float outer, float from, float to, Color color,
                            float width) {
  const int pieces = pieces_of(from, to, outer);
  std::vector<Point> points;
  for (int i = 0; i <= pieces; ++i)
    points.push_back(
        on_circle(centre, outer, from + (to - from) * static_cast<float>(i) / static_cast<float>(pieces)));
  for (int i = pieces; i >= 0; --i)
    points.push_back(
        on_circle(centre, inner, from + (to - from) * static_cast<float>(i) / static_cast<float>(pieces)));
  path(points, color, width, true);
}

}  // namespace ringside::viewer
