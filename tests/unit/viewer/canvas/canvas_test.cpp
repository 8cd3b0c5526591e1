// What is made of a canvas's few functions, and what SVG says of them.
#include "viewer/canvas/canvas.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "viewer/canvas/svg_canvas.h"
#include "viewer/canvas/theme.h"

using namespace ringside::viewer;

namespace {

size_t count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

// Every letter is as wide as its font is high: sums are easy.
class SquareCanvas final : public Canvas {
 public:
  void fill(Rect, Color, float) override {}
  void outline(Rect, Color, float, float) override {}
  void line(Point, Point, Color, float) override {}
  void path(std::span<const Point>, Color, float, bool) override {}
  void fill_convex(std::span<const Point>, Color) override {}
  void fill_circle(Point, float, Color) override {}
  void outline_circle(Point, float, Color, float) override {}
  void text(Point, std::string_view, Color, Font) override {}
  void push_clip(Rect) override {}
  void pop_clip() override {}
  float text_width(std::string_view text, Font font) const override {
    return static_cast<float>(text.size()) * font.size;
  }
};

}  // namespace

TEST_CASE("a text that does not fit ends with dots, and never within a letter") {
  const SquareCanvas canvas;
  const Font font{Face::text, 10};
  CHECK(canvas.fitted("short", font, 50) == "short");
  CHECK(canvas.fitted("longer", font, 50) == "lo...");
  CHECK(canvas.fitted("longer", font, 20).empty());
  // Two bytes each: only one of them would be no letter.
  CHECK(canvas.fitted("\u00e4\u00e4\u00e4\u00e4", font, 65) == "\u00e4...");
  CHECK(canvas.fitted(std::string(1'000'000, 'x'), font, 100).size() == 10);
}

TEST_CASE("lines are broken at blanks, and words that are too long anywhere") {
  const SquareCanvas canvas;
  const Font font{Face::text, 10};
  using Lines = std::vector<std::string>;
  CHECK(canvas.wrapped("one two three", font, 70) == Lines{"one two", "three"});
  CHECK(canvas.wrapped("abcdefgh", font, 30) == Lines{"abc", "def", "gh"});
  CHECK(canvas.wrapped("a\n\nb", font, 100) == Lines{"a", "", "b"});
  CHECK(canvas.wrapped("", font, 100).empty());
  // No width at all must end, too.
  CHECK_FALSE(canvas.wrapped("abc", font, 0).empty());
}

TEST_CASE("an SVG file has what was drawn, and no bytes that XML forbids") {
  SquareCanvas shown;
  SvgCanvas svg(shown, 100, 50);
  svg.fill({1, 2, 3, 4}, rgb(0x0a0b0c), 0);
  svg.push_clip({0, 0, 10, 10});
  svg.text({5, 5}, "a < b & \"c\"\x01\xff", rgb(0xffffff), {Face::mono, 12});
  svg.fill_circle({7, 8}, 2, rgb(0x112233).with_alpha(51));
  svg.pop_clip();
  svg.pop_clip();
  svg.push_clip({0, 0, 5, 5});
  const std::string file = svg.finish();
  CHECK(file.starts_with("<?xml"));
  CHECK(file.find("width=\"100\" height=\"50\"") != std::string::npos);
  CHECK(file.find("fill=\"#0a0b0c\"") != std::string::npos);
  CHECK(file.find("a &lt; b &amp; &quot;c&quot;..") != std::string::npos);
  CHECK(file.find("fill-opacity=\"0.2\"") != std::string::npos);
  CHECK(count(file, "<g ") == 2);
  CHECK(count(file, "</g>") == 2);
  for (const char c : file) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
}

TEST_CASE("themes: letters stand out from what they are written on") {
  const auto brightness = [](Color color) { return 0.3F * color.r + 0.6F * color.g + 0.1F * color.b; };
  for (const ThemeName name : {ThemeName::dark, ThemeName::light, ThemeName::presentation}) {
    const Theme theme = make_theme(name, 2);
    for (const Color surface : {theme.window, theme.panel, theme.raised, theme.selection, theme.hover}) {
      CHECK(std::abs(brightness(theme.text) - brightness(surface)) > 100);
      CHECK(std::abs(brightness(theme.dim) - brightness(surface)) > 60);
    }
    CHECK(std::abs(brightness(theme.on_accent) - brightness(theme.accent)) > 80);
  }
  CHECK(make_theme(ThemeName::presentation).text_size > make_theme(ThemeName::light).text_size);
  CHECK(make_theme(ThemeName::dark, 2).text_size == 2 * make_theme(ThemeName::dark, 1).text_size);
}
