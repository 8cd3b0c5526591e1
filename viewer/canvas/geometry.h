// Points, rectangles and colours of the viewer, in logical pixels from the window's upper left corner.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ringside::viewer {

struct Point {
  float x = 0, y = 0;
  friend Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
  friend Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
  bool operator==(const Point&) const = default;
};

struct Rect {
  float x = 0, y = 0, w = 0, h = 0;
  float right() const { return x + w; }
  float bottom() const { return y + h; }
  Point centre() const { return {x + w / 2, y + h / 2}; }
  bool contains(Point at) const { return at.x >= x && at.x < right() && at.y >= y && at.y < bottom(); }
  bool is_empty() const { return w <= 0 || h <= 0; }
  Rect inset(float by) const { return inset(by, by); }
  Rect inset(float across, float down) const {
    return {x + across, y + down, std::max(0.0F, w - 2 * across), std::max(0.0F, h - 2 * down)};
  }
  // Cuts a strip off, and gives it.
  Rect take_top(float height) {
    height = std::clamp(height, 0.0F, std::max(0.0F, h));
    const Rect strip{x, y, w, height};
    y += height;
    h -= height;
    return strip;
  }
  Rect take_bottom(float height) {
    height = std::clamp(height, 0.0F, std::max(0.0F, h));
    h -= height;
    return {x, y + h, w, height};
  }
  Rect take_left(float width) {
    width = std::clamp(width, 0.0F, std::max(0.0F, w));
    const Rect strip{x, y, width, h};
    x += width;
    w -= width;
    return strip;
  }
  Rect take_right(float width) {
    width = std::clamp(width, 0.0F, std::max(0.0F, w));
    w -= width;
    return {x + w, y, width, h};
  }
  bool operator==(const Rect&) const = default;
};

struct Color {
  uint8_t r = 0, g = 0, b = 0, a = 255;
  Color with_alpha(uint8_t alpha) const { return {r, g, b, alpha}; }
  bool operator==(const Color&) const = default;
};
constexpr Color rgb(uint32_t hex) {
  return {static_cast<uint8_t>(hex >> 16), static_cast<uint8_t>(hex >> 8), static_cast<uint8_t>(hex), 255};
}
// `part` 0: a, 1: b.
constexpr Color mix(Color a, Color b, float part) {
  const auto one = [part](uint8_t from, uint8_t to) {
    return static_cast<uint8_t>(static_cast<float>(from) +
                                (static_cast<float>(to) - static_cast<float>(from)) * part);
  };
  return {one(a.r, b.r), one(a.g, b.g), one(a.b, b.b), one(a.a, b.a)};
}

}  // namespace ringside::viewer
