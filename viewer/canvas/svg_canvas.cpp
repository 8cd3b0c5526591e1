#include "viewer/canvas/svg_canvas.h"

#include <fmt/format.h>

#include <iterator>

namespace ringside::viewer {

namespace {

// "#1b1f26", and where it shines through, how much.
std::string painted(std::string_view attribute, Color color) {
  std::string text = fmt::format("{}=\"#{:02x}{:02x}{:02x}\"", attribute, color.r, color.g, color.b);
  if (color.a != 255) text += fmt::format(" {}-opacity=\"{:.3g}\"", attribute, color.a / 255.0);
  return text;
}

// XML knows no control characters; what is no UTF-8 is shown as the dots of a hex dump are.
std::string escaped(std::string_view text) {
  std::string safe;
  for (size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    size_t size = 1;
    if (c >= 0xc2 && c <= 0xf4) {
      size = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
      bool whole = at + size <= text.size();
      for (size_t i = 1; whole && i < size; ++i)
        whole = (static_cast<unsigned char>(text[at + i]) & 0xc0) == 0x80;
      if (!whole) size = 0;
    } else if (c < 0x20 || c >= 0x7f) {
      size = 0;
    }
    if (size == 0) {
      safe += '.';
      ++at;
      continue;
    }
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += text.substr(at, size);
    }
    at += size;
  }
  return safe;
}

}  // namespace

SvgCanvas::SvgCanvas(Canvas& shown, float width, float height)
    : shown_(shown), width_(width), height_(height) {}

void SvgCanvas::fill(Rect area, Color color, float radius) {
  shown_.fill(area, color, radius);
  fmt::format_to(std::back_inserter(body_),
                 "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" rx=\"{:.1f}\" {}/>\n",
                 area.x, area.y, std::max(0.0F, area.w), std::max(0.0F, area.h), radius,
                 painted("fill", color));
}

void SvgCanvas::outline(Rect area, Color color, float width, float radius) {
  shown_.outline(area, color, width, radius);
  fmt::format_to(
      std::back_inserter(body_),
      "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" rx=\"{:.1f}\" fill=\"none\" "
      "stroke-width=\"{:.2f}\" {}/>\n",
      area.x, area.y, std::max(0.0F, area.w), std::max(0.0F, area.h), radius, width,
      painted("stroke", color));
}

void SvgCanvas::line(Point from, Point to, Color color, float width) {
  shown_.line(from, to, color, width);
  fmt::format_to(
      std::back_inserter(body_),
      "<line x1=\"{:.2f}\" y1=\"{:.2f}\" x2=\"{:.2f}\" y2=\"{:.2f}\" stroke-width=\"{:.2f}\" {}/>\n", from.x,
      from.y, to.x, to.y, width, painted("stroke", color));
}

void SvgCanvas::points(std::span<const Point> points) {
  for (const Point& point : points)
    fmt::format_to(std::back_inserter(body_), "{:.2f},{:.2f} ", point.x, point.y);
}

void SvgCanvas::path(std::span<const Point> given, Color color, float width, bool closed) {
  shown_.path(given, color, width, closed);
  body_ += closed ? "<polygon points=\"" : "<polyline points=\"";
  points(given);
  fmt::format_to(std::back_inserter(body_), "\" fill=\"none\" stroke-width=\"{:.2f}\" {}/>\n", width,
                 painted("stroke", color));
}

void SvgCanvas::fill_convex(std::span<const Point> given, Color color) {
  shown_.fill_convex(given, color);
  body_ += "<polygon points=\"";
  points(given);
  fmt::format_to(std::back_inserter(body_), "\" {}/>\n", painted("fill", color));
}

void SvgCanvas::fill_circle(Point centre, float radius, Color color) {
  shown_.fill_circle(centre, radius, color);
  fmt::format_to(std::back_inserter(body_), "<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"{:.2f}\" {}/>\n",
                 centre.x, centre.y, std::max(0.0F, radius), painted("fill", color));
}

void SvgCanvas::outline_circle(Point centre, float radius, Color color, float width) {
  shown_.outline_circle(centre, radius, color, width);
  fmt::format_to(
      std::back_inserter(body_),
      "<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"{:.2f}\" fill=\"none\" stroke-width=\"{:.2f}\" {}/>\n",
      centre.x, centre.y, std::max(0.0F, radius), width, painted("stroke", color));
}

// SVG places text by its base line, which lies about there.
void SvgCanvas::text(Point at, std::string_view text, Color color, Font font) {
  shown_.text(at, text, color, font);
  const std::string_view family = font.face == Face::mono ? "JetBrains Mono, DejaVu Sans Mono, monospace"
                                                          : "Inter, DejaVu Sans, sans-serif";
  fmt::format_to(std::back_inserter(body_),
                 "<text x=\"{:.2f}\" y=\"{:.2f}\" font-family=\"{}\" font-size=\"{:.2f}\"{} "
                 "xml:space=\"preserve\" {}>{}</text>\n",
                 at.x, at.y + font.size * 0.95F, family, font.size,
                 font.face == Face::bold ? " font-weight=\"bold\"" : "", painted("fill", color),
                 escaped(text));
}

void SvgCanvas::push_clip(Rect area) {
  shown_.push_clip(area);
  ++clips_;
  ++open_;
  fmt::format_to(
      std::back_inserter(body_),
      "<clipPath id=\"c{0}\"><rect x=\"{1:.2f}\" y=\"{2:.2f}\" width=\"{3:.2f}\" height=\"{4:.2f}\"/>"
      "</clipPath><g clip-path=\"url(#c{0})\">\n",
      clips_, area.x, area.y, std::max(0.0F, area.w), std::max(0.0F, area.h));
}

void SvgCanvas::pop_clip() {
  shown_.pop_clip();
  if (open_ == 0) return;
  --open_;
  body_ += "</g>\n";
}

float SvgCanvas::text_width(std::string_view text, Font font) const { return shown_.text_width(text, font); }
float SvgCanvas::line_height(Font font) const { return shown_.line_height(font); }

std::string SvgCanvas::finish() {
  for (; open_ != 0; --open_) body_ += "</g>\n";
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
      "width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\">\n{2}</svg>\n",
      width_, height_, body_);
}

}  // namespace ringside::viewer
