// Where a circle stands in its area, its hands, and their labels outside it. Labels stand in a column on
// either side, spread so that they never overlap, with a line to where each hand points.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "viewer/panels/slot_circle.h"

namespace ringside::viewer {

namespace {

constexpr float kTurn = 2 * std::numbers::pi_v<float>;
constexpr float kElbow = 12;  // how far a label's line goes straight out

// Hands that point at the same slot stand side by side.
std::vector<float> fanned_angles(const std::vector<CircleHand>& hands, double size, float radius) {
  std::vector<float> angles(hands.size());
  const float slot = kTurn / static_cast<float>(size);
  for (size_t i = 0; i < hands.size(); ++i)
    angles[i] = static_cast<float>((std::fmod(hands[i].position, size) + 0.5) / size) * kTurn;
  const std::vector<float> straight = angles;
  const float near = std::max(slot * 0.5F, 8 / radius);
  for (size_t i = 0; i < hands.size(); ++i) {
    size_t before = 0, group = 0;
    for (size_t j = 0; j < hands.size(); ++j) {
      const float apart = std::abs(std::remainder(straight[i] - straight[j], kTurn));
      if (apart > near) continue;
      ++group;
      if (j < i) ++before;
    }
    const float step =
        std::clamp(slot * 0.85F / static_cast<float>(std::max<size_t>(group, 1)), 8 / radius, 24 / radius);
    angles[i] += (static_cast<float>(before) - static_cast<float>(group - 1) / 2) * step;
  }
  return angles;
}

void draw_hand(Canvas& canvas, const CirclePlace& place, const CircleHand& hand, float angle,
               float text_size) {
  const float width = text_size * 0.16F, head = std::min(text_size * 0.75F, (place.inner - place.hub) * 0.6F);
  const Point from = on_circle(place.centre, place.hub, angle),
              to = on_circle(place.centre, place.inner - 3, angle);
  const float disk = head * 0.4F;
  const Point middle = on_circle(place.centre, place.inner - 3 - disk, angle),
              neck = on_circle(place.centre, place.inner - 3 - 2 * disk, angle);
  switch (hand.tip) {
    case CircleHand::Tip::producer: canvas.arrow(from, to, hand.color, width * 1.3F, head); break;
    case CircleHand::Tip::consumer:
      canvas.line(from, neck, hand.color, width);
      canvas.fill_circle(middle, disk, hand.color);
      break;
    case CircleHand::Tip::event:
      canvas.dashed_line(from, neck, hand.color, width * 0.8F, text_size * 0.3F);
      canvas.outline_circle(middle, disk, hand.color, width);
      break;
  }
}

struct Label {
  size_t hand = 0;
  float key = 0;  // how far from the top its hand points, down this side
  float y = 0;    // of its middle
};

// Which labels stand on the left and which on the right. What points up or down goes where there is room,
// what lies further left to the left, so that no lines cross.
std::array<std::vector<Label>, 2> sides_of(const std::vector<float>& angles) {
  std::array<std::vector<Label>, 2> sides;
  std::vector<size_t> either;
  const auto add = [&](size_t side, size_t hand) {
    float key = std::remainder(side == 1 ? angles[hand] : -angles[hand], kTurn);
    if (key < -kTurn / 4) key += kTurn;
    sides[side].push_back({hand, key, 0});
  };
  for (size_t i = 0; i < angles.size(); ++i) {
    const float across = std::sin(angles[i]);
    if (std::abs(across) <= 0.3F) {
      either.push_back(i);
    } else {
      add(across > 0 ? 1 : 0, i);
    }
  }
  std::stable_sort(either.begin(), either.end(),
                   [&](size_t a, size_t b) { return std::sin(angles[a]) < std::sin(angles[b]); });
  const size_t all = sides[1].size() + either.size();
  const size_t left = all > sides[0].size() ? std::min((all - sides[0].size()) / 2, either.size()) : 0;
  for (size_t i = 0; i < either.size(); ++i) add(i < left ? 0 : 1, either[i]);
  return sides;
}

// Apart by at least `line`, as near to where they want to be as the area lets them.
void spread(std::vector<Label>& labels, float top, float bottom, float line) {
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.key < b.key; });
  const auto room = static_cast<size_t>(std::max(0.0F, std::floor((bottom - top) / line)));
  if (labels.size() > room) labels.resize(room);
  // A crowd is shifted as a whole: each pass moves the two that are too near apart by half each.
  for (int pass = 0; pass < 64; ++pass) {
    for (size_t i = 1; i < labels.size(); ++i) {
      const float missing = line - (labels[i].y - labels[i - 1].y);
      if (missing <= 0) continue;
      labels[i - 1].y -= missing / 2;
      labels[i].y += missing / 2;
    }
  }
  float lowest = top + line / 2;
  for (Label& label : labels) {
    label.y = std::max(label.y, lowest);
    lowest = label.y + line;
  }
  float highest = bottom - line / 2;
  for (size_t i = labels.size(); i-- > 0;) {
    labels[i].y = std::min(labels[i].y, highest);
    highest = labels[i].y - line;
  }
}

}  // namespace

Point on_circle(Point centre, float radius, float angle) {
  return {centre.x + radius * std::sin(angle), centre.y - radius * std::cos(angle)};
}

CirclePlace place_circle(Frame& frame, Rect area, const std::vector<CircleHand>& hands) {
  // As wide as common numbers, so that the circle keeps its size while they grow.
  float label = hands.empty() ? 0 : frame.canvas.text_width("req_event 00000", frame.theme.small());
  for (const CircleHand& hand : hands)
    label = std::max(label, frame.canvas.text_width(hand.label, frame.theme.small()));
  const float side = label + kElbow * 2 + 8, line = frame.canvas.line_height(frame.theme.small());
  CirclePlace place;
  place.centre = area.centre();
  const float with = std::min(area.w / 2 - side, area.h / 2 - kElbow - line / 2),
              without = std::min(area.w, area.h) / 2 - frame.theme.text_size * 0.75F;
  place.has_labels = !hands.empty() && with > std::max(70.0F, without * 0.42F);
  place.outer = std::max(0.0F, place.has_labels ? with : without);
  // Beyond that it only looks coarse.
  place.outer = std::min(place.outer, frame.theme.text_size * 24);
  place.inner = place.outer * 0.74F;
  place.hub = place.outer * 0.42F;
  return place;
}

void draw_hands(Frame& frame, Rect area, const CirclePlace& place, const std::vector<CircleHand>& hands,
                double size) {
  if (size <= 0 || place.outer < 24) return;
  const std::vector<float> angles = fanned_angles(hands, size, place.inner);
  for (size_t i = 0; i < hands.size(); ++i)
    draw_hand(frame.canvas, place, hands[i], angles[i], frame.theme.text_size);
  if (!place.has_labels) return;

  auto sides = sides_of(angles);
  for (auto& side : sides)
    for (Label& label : side) label.y = place.centre.y - (place.outer + kElbow) * std::cos(label.key);
  const Font font = frame.theme.small();
  const float line = frame.canvas.line_height(font) + 2, away = place.outer + kElbow * 2;
  for (size_t side = 0; side < 2; ++side) {
    spread(sides[side], area.y, area.bottom(), line);
    for (const Label& label : sides[side]) {
      const CircleHand& hand = hands[label.hand];
      const float angle = angles[label.hand], x = place.centre.x + (side == 1 ? away : -away);
      const Point elbow = on_circle(place.centre, place.outer + kElbow * 0.7F, angle);
      frame.canvas.line(on_circle(place.centre, place.outer + 3, angle), elbow, hand.color, 1.5F);
      frame.canvas.line(elbow, {x, label.y}, hand.color.with_alpha(150), 1);
      const Rect room = side == 1 ? Rect{x + 5, label.y - line / 2, area.right() - x - 5, line}
                                  : Rect{area.x, label.y - line / 2, x - 5 - area.x, line};
      frame.canvas.text_in(room, hand.label, frame.theme.text, font,
                           side == 1 ? Canvas::Align::left : Canvas::Align::right);
    }
  }
}

void draw_middle(Frame& frame, const CirclePlace& place, std::string_view middle, std::string_view below) {
  const float room = place.hub * 1.7F;
  Font large{Face::bold, std::min(frame.theme.text_size * 1.7F, place.hub * 0.5F)};
  const float wide = frame.canvas.text_width(middle, large);
  if (wide > room) large.size *= room / wide;
  if (large.size < frame.theme.text_size * 0.6F) return;
  Font under{Face::text, std::min(frame.theme.small().size, large.size * 0.8F)};
  const float under_wide = frame.canvas.text_width(below, under);
  if (under_wide > room) under.size *= room / under_wide;
  if (under.size < frame.theme.text_size * 0.55F) below = {};
  const float upper = large.size * 1.3F, lower = below.empty() ? 0 : under.size * 1.3F;
  Rect box{place.centre.x - place.hub, place.centre.y - (upper + lower) / 2, place.hub * 2, upper + lower};
  frame.canvas.text_in(box.take_top(upper), middle, frame.theme.text, large, Canvas::Align::centre);
  frame.canvas.text_in(box, below, frame.theme.dim, under, Canvas::Align::centre);
}

}  // namespace ringside::viewer
