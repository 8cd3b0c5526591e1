// The event channels as lines between boxes: guests and their ports on the left, and on the right what is at
// the other ends: dom0 and other domains with their ports, and Xen itself for virtual and physical
// interrupts.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/panels/evtchn_panel.h"
#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

struct Pin {
  std::string box, label;
  const PortState* port;
  size_t link = 0;  // the same on both sides
};

std::string far_box(const PortState& port) {
  return port.kind == PortState::Kind::interdomain || port.kind == PortState::Kind::unbound
             ? fmt::format("dom{}", port.remote_domain)
             : "Xen";
}

std::string far_label(const PortState& port) {
  switch (port.kind) {
    case PortState::Kind::interdomain: return fmt::format("{}", port.remote_port);
    case PortState::Kind::unbound: return "not bound";
    case PortState::Kind::virq: return fmt::format("VIRQ {}", port.remote_port);
    case PortState::Kind::pirq: return fmt::format("PIRQ {}", port.remote_port);
    default: return "IPI";
  }
}

// Draws boxes with their pins below each other; gives where each link's pin is.
std::vector<Point> draw_boxes(Frame& frame, Rect column, const std::vector<Pin>& pins, bool is_left,
                              float line) {
  const Theme& theme = frame.theme;
  std::vector<Point> places(pins.size());
  float y = column.y;
  for (size_t i = 0; i < pins.size();) {
    size_t end = i;
    while (end < pins.size() && pins[end].box == pins[i].box) ++end;
    const Rect box{column.x, y, column.w, line * static_cast<float>(end - i + 1) + 6};
    frame.canvas.fill(box, theme.raised, theme.text_size * 0.35F);
    frame.canvas.outline(box, theme.border, 1, theme.text_size * 0.35F);
    frame.canvas.text_in({box.x + theme.gap(), box.y, box.w - theme.gap() * 2, line}, pins[i].box, theme.text,
                         theme.bold(), is_left ? Canvas::Align::left : Canvas::Align::right);
    for (y += line; i < end; ++i, y += line) {
      const Rect strip = Rect{box.x, y, box.w, line}.inset(theme.text_size * 0.7F, 0);
      frame.canvas.text_in(strip, pins[i].label, theme.text, theme.small(),
                           is_left ? Canvas::Align::right : Canvas::Align::left);
      places[pins[i].link] = {is_left ? box.right() : box.x, y + line / 2};
    }
    y += 6 + line / 2;
  }
  return places;
}

}  // namespace

void draw_channel_map(Frame& frame, Rect area, const std::vector<DomainPorts>& domains) {
  const Theme& theme = frame.theme;
  std::vector<Pin> left, right;
  for (const DomainPorts& domain : domains) {
    for (const PortState& port : domain.ports) {
      if (port.kind == PortState::Kind::closed) continue;
      const size_t link = left.size();
      left.push_back({domain.domain, fmt::format("{} {}", port.use, port.port), &port, link});
      right.push_back({far_box(port), far_label(port), &port, link});
    }
  }
  if (left.empty()) return;
  // As many as have room, with their boxes' heads.
  const float line = std::clamp(area.h / static_cast<float>(left.size() + 5), theme.row_height() * 0.9F,
                                theme.row_height() * 1.5F);
  const auto room = static_cast<size_t>(std::max(0.0F, std::floor(area.h / (line + 1)) - 1));
  const auto heads = [](const std::vector<Pin>& pins, size_t count) {
    size_t boxes = 0;
    for (size_t i = 0; i < count; ++i)
      if (i == 0 || pins[i].box != pins[i - 1].box) ++boxes;
    return boxes * 2;
  };
  std::stable_sort(right.begin(), right.end(), [](const Pin& a, const Pin& b) { return a.box < b.box; });
  size_t count = left.size();
  while (count > 0 && count + std::max(heads(left, count), heads(right, right.size())) > room) --count;
  if (count == 0) return;
  if (count < left.size()) {
    const size_t hidden = left.size() - count;
    left.resize(count);
    std::erase_if(right, [count](const Pin& pin) { return pin.link >= count; });
    frame.canvas.text_in(area.take_bottom(theme.row_height()), fmt::format("and {} more", hidden), theme.dim,
                         theme.small(), Canvas::Align::centre);
  }
  const float wide = std::min(area.w * 0.36F, theme.text_size * 12);
  const Rect left_column{area.x, area.y, wide, area.h},
      right_column{area.right() - wide, area.y, wide, area.h};
  const std::vector<Point> from = draw_boxes(frame, left_column, left, true, line);
  const std::vector<Point> to = draw_boxes(frame, right_column, right, false, line);
  const Row cursor = frame.view.cursor().row;
  for (const Pin& pin : left) {
    const PortState& port = *pin.port;
    const Point a = from[pin.link], b = to[pin.link];
    const bool sends = cursor != kNoRow && port.last_send == cursor;
    const bool arrives = cursor != kNoRow && port.last_delivery == cursor;
    const Color color = sends || arrives ? theme.cursor : port.pending ? theme.signal : theme.dim;
    const float width = sends || arrives ? 3.5F : port.pending ? 3 : 1.5F, head = theme.text_size * 0.7F;
    if (arrives) {
      frame.canvas.arrow(b, a, color, width, head);
    } else if (sends) {
      frame.canvas.arrow(a, b, color, width, head);
    } else if (port.kind == PortState::Kind::unbound) {
      frame.canvas.dashed_line(a, b, color, width);
    } else {
      frame.canvas.line(a, b, color, width);
    }
    for (const Point end : {a, b}) frame.canvas.fill_circle(end, theme.text_size * 0.28F, color);
    if (port.masked) {
      const Point middle{(a.x + b.x) / 2, (a.y + b.y) / 2};
      draw_lamp(frame, middle, theme.text_size * 0.5F, true, theme.sampled, "M");
    }
  }
}

}  // namespace ringside::viewer
