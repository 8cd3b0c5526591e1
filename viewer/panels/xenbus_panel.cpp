#include "viewer/panels/xenbus_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

constexpr uint8_t kUsual = 6;  // Initialising to Closed are always shown, the others where they were visited
constexpr size_t kMovesMax = 16;   // a device that flaps shows its last ones
constexpr float kPitchMax = 2.3F;  // of a row's height: from one box to the next
constexpr size_t kLanesMax = 4;    // of arrows beside the boxes

struct Move {
  uint8_t from, to;
  Row row;
};

std::vector<Move> moves_of(const XenbusState::End& end) {
  std::vector<Move> moves;
  const size_t first = end.path.size() > kMovesMax ? end.path.size() - kMovesMax : 1;
  for (size_t i = first; i < end.path.size(); ++i)
    if (end.path[i].first != end.path[i - 1].first)
      moves.push_back({end.path[i - 1].first, end.path[i].first, end.path[i].second});
  return moves;
}

// When it last came to a state; kNoRow: never.
Row entered(const XenbusState::End& end, uint8_t state) {
  for (size_t i = end.path.size(); i-- > 0;)
    if (end.path[i].first == state) return end.path[i].second;
  return end.state == state ? end.since : kNoRow;
}

std::vector<uint8_t> states_shown(const XenbusState& device) {
  std::vector<uint8_t> states;
  for (uint8_t state = 1; state < kXenbusStates; ++state)
    if (state <= kUsual || entered(device.frontend, state) != kNoRow ||
        entered(device.backend, state) != kNoRow)
      states.push_back(state);
  return states;
}

// One end's machine: boxes from top to bottom, arrows between them and, where states are skipped or gone back
// to, beside them.
class MachineDrawing {
 public:
  MachineDrawing(Frame& frame, Rect area, const XenbusState::End& end, const std::vector<uint8_t>& states,
                 bool arrows_left, Row last)
      : frame_(frame), end_(end), states_(states), arrows_left_(arrows_left), last_(last) {
    const float gutter = std::min(frame.theme.text_size * 2.4F, area.w * 0.16F);
    gutter_ = arrows_left ? area.take_left(gutter) : area.take_right(gutter);
    boxes_ = area;
    pitch_ = std::min(area.h / static_cast<float>(states.size()), frame.theme.row_height() * kPitchMax);
    height_ = std::min(pitch_ * 0.68F, frame.theme.row_height() * 1.35F);
  }

  void draw_boxes(const std::string& name) {
    for (const uint8_t state : states_) draw_box(state, fmt::format("{}/{}", name, xenbus_word(state)));
  }

  void draw_moves() {
    size_t lane = 0;
    for (const Move& move : moves_of(end_)) {
      const auto from = place(move.from), to = place(move.to);
      if (!from || !to) continue;
      const bool is_last = move.row == last_;
      const Color color = is_last ? frame_.theme.cursor : frame_.theme.dim;
      const float width = is_last ? 3 : 1.5F, head = frame_.theme.text_size * (is_last ? 0.6F : 0.45F);
      if (*to == *from + 1) {
        const float x = boxes_.centre().x, gap = pitch_ - height_;
        const float top = box(*from).bottom(), bottom = box(*to).y;
        if (gap > 3) frame_.canvas.arrow({x, top}, {x, bottom}, color, width, std::min(head, gap * 0.8F));
        continue;
      }
      draw_beside(box(*from), box(*to), lane++ % kLanesMax, color, width, head);
    }
  }

 private:
  std::optional<size_t> place(uint8_t state) const {
    const auto found = std::find(states_.begin(), states_.end(), state);
    if (found == states_.end()) return std::nullopt;
    return static_cast<size_t>(found - states_.begin());
  }
  Rect box(size_t place) const {
    return {boxes_.x, boxes_.y + pitch_ * static_cast<float>(place) + (pitch_ - height_) / 2, boxes_.w,
            height_};
  }

  void draw_box(uint8_t state, const std::string& hit_name) {
    const Theme& theme = frame_.theme;
    const Rect area = box(*place(state));
    const Row row = entered(end_, state);
    const bool is_now = end_.state == state, was_here = is_row(frame_.view.table(), row);
    const Hit on = frame_.hit(area, hit_name);
    const float radius = theme.text_size * 0.35F;
    Color face = is_now ? theme.accent : was_here ? theme.raised : theme.panel;
    if (on.hovered) face = mix(face, theme.text, 0.12F);
    frame_.canvas.fill(area, face, radius);
    frame_.canvas.outline(area, was_here && row == last_ ? theme.cursor : theme.border,
                          was_here && row == last_ ? 2.5F : 1, radius);
    const Color letters = is_now ? theme.on_accent : was_here ? theme.text : theme.dim;
    Rect inside = area.inset(theme.text_size * 0.5F, 0);
    const Font font{is_now ? Face::bold : Face::text, std::min(theme.text_size, height_ * 0.8F)};
    const std::string when = was_here ? when_text(frame_.view.table(), row) : "";
    const float name_wide = frame_.canvas.text_width(xenbus_word(state), font) + theme.text_size * 0.5F;
    const float when_wide = frame_.canvas.text_width(when, theme.small());
    if (was_here && name_wide + when_wide <= inside.w && theme.small().size <= height_)
      frame_.canvas.text_in(inside.take_right(when_wide), when, letters, theme.small(), Canvas::Align::right);
    if (font.size >= theme.text_size * 0.55F)
      frame_.canvas.text_in(inside, xenbus_word(state), letters, font);
    if (on.hovered && was_here) {
      frame_.view.hovered = row;
      frame_.tooltip(fmt::format("{} since {} ({})", xenbus_word(state), when, row_name(row)));
    }
    if (on.clicked && was_here) visit(frame_.view, row);
  }

  void draw_beside(Rect from, Rect to, size_t lane, Color color, float width, float head) {
    const float step = gutter_.w / static_cast<float>(kLanesMax + 1),
                away = step * static_cast<float>(lane + 1);
    const float edge = arrows_left_ ? boxes_.x : boxes_.right(), x = arrows_left_ ? edge - away : edge + away;
    // Arrows leave in the box's lower half and come in in its upper half, so that they do not meet.
    const Point points[] = {
        {edge, from.y + from.h * 0.7F}, {x, from.y + from.h * 0.7F}, {x, to.y + to.h * 0.3F}};
    frame_.canvas.path(points, color, width);
    frame_.canvas.arrow(points[2], {edge, to.y + to.h * 0.3F}, color, width, std::min(head, away));
  }

  Frame& frame_;
  const XenbusState::End& end_;
  const std::vector<uint8_t>& states_;
  bool arrows_left_;
  Row last_;
  Rect gutter_, boxes_;
  float pitch_ = 0, height_ = 0;
};

}  // namespace

void XenbusPanel::draw(Frame& frame) {
  const std::vector<XenbusState>& devices = frame.view.story().xenbus(frame.view.cursor().row);
  if (devices.empty())
    return frame.say_empty(
        "No device on XenBus yet: no frontend or backend has written a state by the cursor.");
  const Theme& theme = frame.theme;
  Rect area = frame.area.inset(theme.gap());
  const float least_wide = theme.text_size * 22, least_high = theme.text_size * 15;
  const auto columns_max = static_cast<size_t>(std::max(1.0F, std::floor(area.w / least_wide)));
  const auto rows_max = static_cast<size_t>(std::max(1.0F, std::floor(area.h / least_high)));
  if (devices.size() > columns_max * rows_max) {
    std::vector<std::string> names;
    size_t chosen = 0;
    for (const XenbusState& device : devices) {
      if (device.device == device_) chosen = names.size();
      names.push_back(device.device);
    }
    const int clicked =
        frame.tabs(area.take_top(theme.row_height()), "device", names, static_cast<int>(chosen));
    if (clicked >= 0) device_ = names[static_cast<size_t>(clicked)];
    area.take_top(theme.gap());
    return draw_device(frame, area, devices[chosen]);
  }
  const size_t columns = std::min(columns_max, devices.size()),
               rows = (devices.size() + columns - 1) / columns;
  const float wide = area.w / static_cast<float>(columns), high = area.h / static_cast<float>(rows);
  for (size_t i = 0; i < devices.size(); ++i) {
    const Rect card{area.x + wide * static_cast<float>(i % columns),
                    area.y + high * static_cast<float>(i / columns), wide, high};
    draw_device(frame, card.inset(rows * columns > 1 ? theme.gap() / 2 : 0), devices[i]);
  }
}

void XenbusPanel::draw_device(Frame& frame, Rect area, const XenbusState& device) {
  const Theme& theme = frame.theme;
  if (area.w < theme.text_size * 10 || area.h < theme.text_size * 6) return;
  const std::vector<uint8_t> states = states_shown(device);
  // No higher than its boxes make use of.
  const float useful =
      theme.row_height() * (kPitchMax * static_cast<float>(states.size()) + 2) + theme.gap() * 2;
  area.h = std::min(area.h, useful);
  area.w = std::min(area.w, theme.text_size * 56);
  frame.canvas.outline(area, theme.border, 1, theme.text_size * 0.4F);
  area = area.inset(theme.gap());
  frame.canvas.text_in(area.take_top(theme.row_height()), device.device, theme.text, theme.bold());
  const Row newest = device.frontend.since == kNoRow  ? device.backend.since
                     : device.backend.since == kNoRow ? device.frontend.since
                                                      : std::max(device.frontend.since, device.backend.since);
  Rect left = area.take_left(area.w / 2);
  left.take_right(theme.gap());
  area.take_left(theme.gap());
  const auto side = [&](Rect half, const XenbusState::End& end, const char* name, bool is_left) {
    Rect head = half.take_top(theme.row_height());
    // In line with the boxes.
    const float gutter = std::min(theme.text_size * 2.4F, half.w * 0.16F);
    if (is_left) {
      head.take_left(gutter);
    } else {
      head.take_right(gutter);
    }
    frame.canvas.text_in(head, name, theme.dim, theme.font());
    MachineDrawing drawing(frame, half, end, states, is_left, newest);
    drawing.draw_boxes(fmt::format("{}/{}", device.device, name));
    drawing.draw_moves();
  };
  side(left, device.frontend, "frontend", true);
  side(area, device.backend, "backend", false);
}

std::vector<std::pair<std::string, std::string>> XenbusPanel::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  for (const XenbusState& device : view.story().xenbus(view.cursor().row)) {
    facts.emplace_back(device.device + "/frontend", xenbus_word(device.frontend.state));
    facts.emplace_back(device.device + "/backend", xenbus_word(device.backend.state));
  }
  return facts;
}

}  // namespace ringside::viewer
