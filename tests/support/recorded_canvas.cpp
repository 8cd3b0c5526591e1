#include "tests/support/recorded_canvas.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::viewer {

namespace {

Rect bounds_of(std::span<const Point> points) {
  if (points.empty()) return {};
  float left = points[0].x, top = points[0].y, right = left, bottom = top;
  for (const Point& point : points) {
    left = std::min(left, point.x);
    right = std::max(right, point.x);
    top = std::min(top, point.y);
    bottom = std::max(bottom, point.y);
  }
  return {left, top, right - left, bottom - top};
}

Rect common(Rect a, Rect b) {
  const float left = std::max(a.x, b.x), top = std::max(a.y, b.y);
  return {left, top, std::min(a.right(), b.right()) - left, std::min(a.bottom(), b.bottom()) - top};
}

bool is_inside(Rect inner, Rect outer) {
  constexpr float kRounding = 1;
  return inner.x >= outer.x - kRounding && inner.y >= outer.y - kRounding &&
         inner.right() <= outer.right() + kRounding && inner.bottom() <= outer.bottom() + kRounding;
}

// Where letters have ink: lines stand closer than their fonts' whole heights.
Rect ink(const RecordedCanvas::Text& text) {
  Rect area = common(text.area, text.clip);
  const float size = text.font.size;
  return {area.x + 0.5F, area.y + size * 0.22F, area.w - 1, area.h - size * 0.4F};
}

std::string words(Rect area) {
  return fmt::format("({:.0f},{:.0f} {:.0f}x{:.0f})", area.x, area.y, area.w, area.h);
}

}  // namespace

void RecordedCanvas::add(Shape::Kind kind, Rect bounds, Color color) {
  shapes_.push_back({kind, bounds, clips_.back(), color});
}

void RecordedCanvas::fill(Rect area, Color color, float) { add(Shape::Kind::fill, area, color); }
void RecordedCanvas::outline(Rect area, Color color, float, float) { add(Shape::Kind::outline, area, color); }
void RecordedCanvas::line(Point from, Point to, Color color, float) {
  const Point points[] = {from, to};
  add(Shape::Kind::line, bounds_of(points), color);
}
void RecordedCanvas::path(std::span<const Point> points, Color color, float, bool) {
  add(Shape::Kind::path, bounds_of(points), color);
}
void RecordedCanvas::fill_convex(std::span<const Point> points, Color color) {
  add(Shape::Kind::convex, bounds_of(points), color);
}
void RecordedCanvas::fill_circle(Point centre, float radius, Color color) {
  add(Shape::Kind::circle, {centre.x - radius, centre.y - radius, radius * 2, radius * 2}, color);
}
void RecordedCanvas::outline_circle(Point centre, float radius, Color color, float) {
  add(Shape::Kind::ring, {centre.x - radius, centre.y - radius, radius * 2, radius * 2}, color);
}

void RecordedCanvas::text(Point at, std::string_view text_given, Color color, Font font) {
  if (text_given.empty()) return;
  texts_.push_back({{at.x, at.y, text_width(text_given, font), font.size * 1.2F},
                    clips_.back(),
                    std::string(text_given),
                    color,
                    font});
}

void RecordedCanvas::push_clip(Rect area) {
  Rect clip = common(area, clips_.back());
  clip.w = std::max(clip.w, 0.0F);
  clip.h = std::max(clip.h, 0.0F);
  clips_.push_back(clip);
}
void RecordedCanvas::pop_clip() {
  if (clips_.size() > 1) clips_.pop_back();
}

float RecordedCanvas::text_width(std::string_view text_given, Font font) const {
  const auto letters = std::count_if(text_given.begin(), text_given.end(),
                                     [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  return static_cast<float>(letters) * font.size * (font.face == Face::mono ? 0.6F : 0.55F);
}

bool RecordedCanvas::has_text(std::string_view part) const {
  return std::any_of(texts_.begin(), texts_.end(),
                     [part](const Text& text) { return text.text.find(part) != std::string::npos; });
}

size_t RecordedCanvas::count(Shape::Kind kind, Color color) const {
  return static_cast<size_t>(std::count_if(shapes_.begin(), shapes_.end(), [&](const Shape& shape) {
    return shape.kind == kind && shape.color == color;
  }));
}

std::vector<std::string> RecordedCanvas::unreadable(Rect area) const {
  std::vector<std::string> lines;
  std::vector<const Text*> seen;
  for (const Text& text : texts_) {
    const Rect visible = common(text.area, text.clip);
    if (visible.is_empty()) continue;
    if (!is_inside(visible, area))
      lines.push_back(fmt::format("'{}' {} is outside {}", text.text, words(visible), words(area)));
    // A list may show the upper half of its last line; no letter is cut through from above.
    if (text.area.x < text.clip.x - 1 || text.area.right() > text.clip.right() + 1)
      lines.push_back(fmt::format("'{}' {} is cut by {}", text.text, words(text.area), words(text.clip)));
    if (text.font.size < 6) lines.push_back(fmt::format("'{}' is too small: {}", text.text, text.font.size));
    seen.push_back(&text);
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    for (size_t j = i + 1; j < seen.size(); ++j) {
      if (common(ink(*seen[i]), ink(*seen[j])).is_empty()) continue;
      lines.push_back(fmt::format("'{}' {} is upon '{}' {}", seen[j]->text, words(seen[j]->area),
                                  seen[i]->text, words(seen[i]->area)));
    }
  }
  for (const Shape& shape : shapes_) {
    const Rect visible = common(shape.bounds, shape.clip);
    if (visible.w >= 0 && visible.h >= 0 && !is_inside(visible, area))
      lines.push_back(fmt::format("a shape {} is outside {}", words(visible), words(area)));
  }
  return lines;
}

class StagedFrame final : public Frame {
 public:
  StagedFrame(PanelStage& stage, Canvas& given_canvas)
      : Frame(given_canvas, stage.theme_, stage.view_, stage.area), stage_(stage) {}

  const Pointer& pointer() const override { return stage_.pointer_; }
  Hit hit(Rect given, std::string_view name) override {
    const Rect seen = common(given, area);
    if (seen.is_empty()) return {};
    stage_.hits_[std::string(name)] = seen;
    Hit result;
    result.hovered = seen.contains(stage_.pointer_.at);
    result.clicked = result.hovered && stage_.pointer_.pressed;
    result.double_clicked = result.clicked && stage_.pointer_.double_pressed;
    result.held = result.hovered && stage_.pointer_.down;
    return result;
  }
  bool input(Rect given, std::string_view name, std::string& text, std::string_view hint) override {
    stage_.hits_[std::string(name)] = given;
    canvas.text_in(given, text.empty() ? hint : text, theme.text, theme.font());
    return false;
  }
  void tooltip(std::string_view text) override { stage_.tooltip_ = text; }
  void open_menu(std::vector<MenuEntry>) override {}
  void animate() override { stage_.animates_ = true; }

 private:
  PanelStage& stage_;
};

PanelStage::PanelStage(ViewState& view, Panel& panel, const Theme& theme, Rect given_area)
    : area(given_area), view_(view), panel_(panel), theme_(theme) {
  draw();
}

void PanelStage::draw() {
  canvas_ = std::make_unique<RecordedCanvas>(Rect{-1e6F, -1e6F, 2e6F, 2e6F});
  hits_.clear();
  tooltip_.clear();
  animates_ = false;
  StagedFrame frame(*this, *canvas_);
  panel_.draw(frame);
}

bool PanelStage::point_at(const std::string& name) {
  const auto found = hits_.find(name);
  if (found == hits_.end()) return false;
  pointer_.at = found->second.centre();
  draw();
  return true;
}

bool PanelStage::click(const std::string& name, bool is_double) {
  const auto found = hits_.find(name);
  if (found == hits_.end()) return false;
  pointer_.at = found->second.centre();
  pointer_.pressed = pointer_.down = true;
  pointer_.double_pressed = is_double;
  draw();
  pointer_ = Pointer{};
  draw();
  return true;
}

void PanelStage::turn_wheel(float by, Point at) {
  pointer_.at = at;
  pointer_.wheel = by;
  draw();
  pointer_ = Pointer{};
  draw();
}

}  // namespace ringside::viewer
