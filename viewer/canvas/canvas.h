// The one small drawing interface. Everything that the viewer shows of a session is drawn through it, so that
// the window (window/imgui_canvas.h) and an SVG file (svg_canvas.h) show the same.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "viewer/canvas/geometry.h"

namespace ringside::viewer {

enum class Face : uint8_t { text, bold, mono };
struct Font {
  Face face = Face::text;
  float size = 15;  // logical pixels
};

class Canvas {
 public:
  virtual ~Canvas() = default;

  virtual void fill(Rect area, Color color, float radius = 0) = 0;
  virtual void outline(Rect area, Color color, float width = 1, float radius = 0) = 0;
  virtual void line(Point from, Point to, Color color, float width = 1) = 0;
  virtual void path(std::span<const Point> points, Color color, float width = 1, bool closed = false) = 0;
  virtual void fill_convex(std::span<const Point> points, Color color) = 0;
  virtual void fill_circle(Point centre, float radius, Color color) = 0;
  virtual void outline_circle(Point centre, float radius, Color color, float width = 1) = 0;
  // UTF-8; `at` is the upper left corner. No line breaks.
  virtual void text(Point at, std::string_view text, Color color, Font font) = 0;
  // Within what is clipped already.
  virtual void push_clip(Rect area) = 0;
  virtual void pop_clip() = 0;
  virtual float text_width(std::string_view text, Font font) const = 0;
  virtual float line_height(Font font) const { return font.size * 1.3F; }

  // --- Made of these ---
  // As much of the text as fits into `width`, with "..." where it is cut.
  std::string fitted(std::string_view text, Font font, float width) const;
  enum class Align : uint8_t { left, centre, right };
  // One line, in the middle of the area's height; cut where it does not fit.
  void text_in(Rect area, std::string_view text, Color color, Font font, Align align = Align::left);
  // Lines of at most `width`, broken at blanks.
  std::vector<std::string> wrapped(std::string_view text, Font font, float width) const;
  void dashed_line(Point from, Point to, Color color, float width = 1, float dash = 4);
  // With a head of `head` pixels at its end.
  void arrow(Point from, Point to, Color color, float width = 1.5F, float head = 7);
  // A part of a ring between two radii; angles in radians, 0 is up, clockwise.
  void fill_sector(Point centre, float inner, float outer, float from, float to, Color color);
  void outline_sector(Point centre, float inner, float outer, float from, float to, Color color,
                      float width = 1);
};

// Clips for as long as it lives.
class Clip {
 public:
  Clip(Canvas& canvas, Rect area) : canvas_(canvas) { canvas.push_clip(area); }
  ~Clip() { canvas_.pop_clip(); }
  Clip(const Clip&) = delete;
  Clip& operator=(const Clip&) = delete;

 private:
  Canvas& canvas_;
};

}  // namespace ringside::viewer
