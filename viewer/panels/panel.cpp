#include "viewer/panels/panel.h"

#include <fmt/format.h>

#include <cmath>

#include "viewer/session/grouped_number.h"

namespace ringside::viewer {

bool Frame::button(Rect area_given, std::string_view name, std::string_view text, bool is_on) {
  const Hit on = hit(area_given, name);
  const float radius = theme.text_size * 0.25F;
  Color face = is_on ? theme.accent : theme.raised;
  if (on.hovered) face = mix(face, theme.text, 0.15F);
  canvas.fill(area_given, face, radius);
  canvas.outline(area_given, theme.border, 1, radius);
  canvas.text_in(area_given.inset(theme.text_size * 0.4F, 0), text, is_on ? theme.on_accent : theme.text,
                 theme.font(), Canvas::Align::centre);
  return on.clicked;
}

int Frame::tabs(Rect area_given, std::string_view name, const std::vector<std::string>& texts, int chosen) {
  int clicked = -1;
  // Where they do not all fit, those round the chosen one do.
  const float padding = theme.text_size;
  std::vector<float> widths;
  float all = 0;
  for (const std::string& text : texts) {
    widths.push_back(std::min(canvas.text_width(text, theme.font()) + padding, area_given.w));
    all += widths.back() + 4;
  }
  size_t first = 0;
  if (all > area_given.w && chosen > 0) {
    float before = 0;
    for (int i = 0; i < chosen; ++i) before += widths[static_cast<size_t>(i)] + 4;
    while (first < static_cast<size_t>(chosen) &&
           before + widths[static_cast<size_t>(chosen)] + theme.text_size * 2 > area_given.w)
      before -= widths[first++] + 4;
  }
  Rect rest = area_given;
  if (first > 0 && button(rest.take_left(theme.text_size * 1.6F), fmt::format("{}/earlier", name), "<"))
    clicked = static_cast<int>(first) - 1;
  if (first > 0) rest.take_left(4);
  for (size_t i = first; i < texts.size(); ++i) {
    const bool more = i + 1 < texts.size();
    if (widths[i] + (more ? theme.text_size * 2 : 0) > rest.w && i != first) {
      if (button(rest.take_left(theme.text_size * 1.6F), fmt::format("{}/later", name), ">"))
        clicked = static_cast<int>(i);
      break;
    }
    if (button(rest.take_left(widths[i]), fmt::format("{}/{}", name, texts[i]), texts[i],
               static_cast<int>(i) == chosen))
      clicked = static_cast<int>(i);
    rest.take_left(4);
  }
  return clicked;
}

void Frame::say_empty(std::string_view text) {
  const auto lines = canvas.wrapped(text, theme.font(), area.w * 0.8F);
  const float height = canvas.line_height(theme.font());
  float y = area.centre().y - height * static_cast<float>(lines.size()) / 2;
  const Clip clip(canvas, area);
  for (const std::string& line : lines) {
    canvas.text_in({area.x, y, area.w, height}, line, theme.dim, theme.font(), Canvas::Align::centre);
    y += height;
  }
}

std::string time_text(double ps, double resolution_ps) {
  const double absolute = std::abs(ps);
  struct Unit {
    double ps;
    const char* name;
  };
  constexpr Unit kUnits[] = {{1e12, "s"}, {1e9, "ms"}, {1e6, "us"}, {1e3, "ns"}, {1, "ps"}};
  for (const Unit& unit : kUnits) {
    if (absolute < unit.ps && unit.ps > 1) continue;
    const int digits = resolution_ps >= unit.ps
                           ? 0
                           : static_cast<int>(std::ceil(std::log10(unit.ps / std::max(resolution_ps, 1.0))));
    return fmt::format("{:.{}f} {}", ps / unit.ps, std::clamp(digits, 0, 12), unit.name);
  }
  return "0";
}

std::string time_text(Tick at) {
  return fmt::format("{}.{:09} s", at.ps / 1'000'000'000'000, at.ps / 1000 % 1'000'000'000);
}

std::string duration_text(Tick length) {
  const auto ps = static_cast<double>(length.ps);
  if (length.ps == 0) return "0";
  return time_text(ps, std::pow(10, std::floor(std::log10(ps)) - 2));
}

std::string row_name(Row row) {
  if (row == kNoRow) return "before the first";
  return "#" + grouped(uint64_t{row} + 1);
}

}  // namespace ringside::viewer
