// The timeline: a lane for each wire, requests as spans, marks for crossings, and arrows from what causes to
// what is caused. Its cost hangs on the pixels, and not on how many crossings there are.
#pragma once

#include <map>
#include <set>

#include "viewer/panels/lane_groups.h"
#include "viewer/panels/lane_index.h"
#include "viewer/panels/panel.h"

namespace ringside::viewer {

class TimelinePanel final : public Panel {
 public:
  std::string_view id() const override { return "timeline"; }
  std::string_view title() const override { return "Timeline"; }
  void draw(Frame& frame) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  static constexpr int kLevelsShown = 32;  // of overlapping spans
  struct Line {
    enum class Kind : uint8_t { group, spans, wire } kind;
    uint32_t number;  // of the group, the lane or the wire
    std::string label;
    float top = 0, height = 0;  // from the first line's top
  };
  // What a frame's drawing needs at every turn.
  struct Drawing {
    Frame& frame;
    Rect lanes, labels, ruler;
    double begin, end, per_pixel;  // picoseconds
    float x_of(double ps) const { return lanes.x + static_cast<float>((ps - begin) / per_pixel); }
    double ps_of(float x) const { return begin + static_cast<double>(x - lanes.x) * per_pixel; }
  };

  void update(ViewState& view);
  void lay_out(const Drawing& drawing);
  void draw_ruler(const Drawing& drawing);
  void draw_lines(const Drawing& drawing);
  void draw_group(const Drawing& drawing, const Line& line, Rect area);
  void draw_marks(const Drawing& drawing, uint32_t wire, Rect area);
  void draw_spans(const Drawing& drawing, uint32_t lane, Rect area);
  const std::vector<Link>& chain_of_cursor(ViewState& view);
  void draw_links(const Drawing& drawing);
  void draw_highlights(const Drawing& drawing);
  void draw_marks_set(const Drawing& drawing);
  void draw_cursor(const Drawing& drawing);
  void take_mouse(const Drawing& drawing);
  Row nearest(const Drawing& drawing, const Line& line, Point at) const;
  // The middle of a wire's lane; none where it is folded or out of sight.
  std::optional<float> y_of(const Drawing& drawing, uint32_t wire) const;

  std::vector<LaneGroup> groups_;
  std::set<std::string> folded_;
  std::vector<Line> lines_;
  std::map<uint32_t, size_t> line_of_wire_;
  std::vector<Link> chain_;
  std::pair<Row, Row> chain_is_of_{kNoRow, 0};  // the cursor's row, and how many there were
  std::vector<MarkIndex> marks_;
  std::vector<SpanIndex> spans_;
  size_t wires_known_ = 0, wires_used_ = 0, lanes_known_ = 0;
  uint64_t history_ = 0;
  float scroll_ = 0;
  bool is_panning_ = false, has_moved_ = false, is_measuring_ = false;
  size_t marks_drawn_ = 0, spans_drawn_ = 0, links_drawn_ = 0;
};

}  // namespace ringside::viewer
