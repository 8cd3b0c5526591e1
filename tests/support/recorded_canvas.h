// A canvas that draws nothing and remembers everything, with letters that are all equally wide; and a frame
// whose mouse is moved by the names of what can be clicked. So tests ask what a panel shows, and whether it
// can be read: nothing outside its area, nothing cut, no text upon another.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

class RecordedCanvas final : public Canvas {
 public:
  struct Text {
    Rect area, clip;
    std::string text;
    Color color;
    Font font;
  };
  struct Shape {
    enum class Kind : uint8_t { fill, outline, line, path, convex, circle, ring } kind;
    Rect bounds, clip;
    Color color;
  };

  explicit RecordedCanvas(Rect whole) : clips_{whole} {}

  void fill(Rect area, Color color, float radius) override;
  void outline(Rect area, Color color, float width, float radius) override;
  void line(Point from, Point to, Color color, float width) override;
  void path(std::span<const Point> points, Color color, float width, bool closed) override;
  void fill_convex(std::span<const Point> points, Color color) override;
  void fill_circle(Point centre, float radius, Color color) override;
  void outline_circle(Point centre, float radius, Color color, float width) override;
  void text(Point at, std::string_view text, Color color, Font font) override;
  void push_clip(Rect area) override;
  void pop_clip() override;
  float text_width(std::string_view text, Font font) const override;

  const std::vector<Text>& texts() const { return texts_; }
  const std::vector<Shape>& shapes() const { return shapes_; }
  bool has_text(std::string_view part) const;
  size_t count(Shape::Kind kind, Color color) const;
  bool is_unclipped() const { return clips_.size() == 1; }
  // What cannot be read, a line each: texts and shapes outside `area`, texts that a clip cuts, texts upon
  // texts.
  std::vector<std::string> unreadable(Rect area) const;

 private:
  void add(Shape::Kind kind, Rect bounds, Color color);

  std::vector<Rect> clips_;
  std::vector<Text> texts_;
  std::vector<Shape> shapes_;
};

// Draws a panel again and again, and clicks what the last drawing named.
class PanelStage {
 public:
  PanelStage(ViewState& view, Panel& panel, const Theme& theme, Rect area);

  // Draws once; what was drawn is in canvas().
  void draw();
  // Draws with the mouse upon the named area and its button pressed, then once more without. An unknown name
  // is a failure of the test: false.
  bool click(const std::string& name, bool is_double = false);
  bool point_at(const std::string& name);
  void turn_wheel(float by, Point at);

  const RecordedCanvas& canvas() const { return *canvas_; }
  const std::map<std::string, Rect>& hits() const { return hits_; }
  const std::string& tooltip() const { return tooltip_; }
  bool animates() const { return animates_; }
  Rect area;

 private:
  friend class StagedFrame;

  ViewState& view_;
  Panel& panel_;
  const Theme& theme_;
  Pointer pointer_;
  std::unique_ptr<RecordedCanvas> canvas_;
  std::map<std::string, Rect> hits_;
  std::string tooltip_;
  bool animates_ = false;
};

}  // namespace ringside::viewer
