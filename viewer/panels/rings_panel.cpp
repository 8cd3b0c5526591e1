#include "viewer/panels/rings_panel.h"

#include <fmt/format.h>

#include <algorithm>

#include "viewer/panels/ring_words.h"
#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

std::string bytes_text(double bytes) {
  return bytes < 1024 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.4g} KiB", bytes / 1024);
}

// Thin slots tell their state by where they are filled: a request comes in from outside, a response is left
// inside.
SlotLook look_of(SlotState state, Color color) {
  switch (state) {
    case SlotState::published: return {color, slot_letter(state), 0.5F, 1};
    case SlotState::answered: return {color, slot_letter(state), 0, 0.5F};
    default: return {color, slot_letter(state), 0, 1};
  }
}

std::vector<LegendEntry> legend_of(const Theme& theme, RingState::Kind kind, bool is_thin) {
  if (kind == RingState::Kind::descriptors)
    return {{theme.slot_taken, "D", "the device's"}, {theme.slot_empty, "", "the driver's"}};
  std::vector<LegendEntry> entries;
  for (const SlotState state : {SlotState::published, SlotState::taken, SlotState::answered}) {
    const SlotLook look = look_of(state, slot_color(theme, state));
    const std::string letter(is_thin ? "" : look.letter);
    const std::string_view who = state == SlotState::published ? ""
                                 : state == SlotState::taken   ? " by the backend"
                                                               : ", not consumed";
    entries.push_back({look.color, letter, fmt::format("{}{}", slot_word(state), who),
                       is_thin ? look.inner : 0, is_thin ? look.outer : 1});
  }
  return entries;
}

}  // namespace

const RingState* RingsPanel::shown_ring(ViewState& view) {
  const std::vector<std::string>& rings = view.story().rings();
  if (rings.empty()) return nullptr;
  const std::string* chosen = nullptr;
  // A device with several rings may be selected as a whole; a whole domain says nothing about rings.
  const std::string& wanted = view.selected_ring;
  for (const std::string& ring : rings) {
    if (wanted.find('/') == std::string::npos || !ring.starts_with(wanted)) continue;
    if (ring.size() != wanted.size() && ring[wanted.size()] != '/') continue;
    if (chosen == nullptr || ring == wanted) chosen = &ring;
  }
  // Otherwise one of a device: every guest has a console and a XenStore.
  for (const std::string& ring : rings)
    if (chosen == nullptr && !ring.ends_with("/console") && !ring.ends_with("/xenstore")) chosen = &ring;
  if (chosen == nullptr) chosen = &rings.front();
  return view.story().ring(*chosen, view.cursor().row);
}

void RingsPanel::draw_tabs(Frame& frame, Rect& area, const std::string& ring) {
  const std::vector<std::string>& rings = frame.view.story().rings();
  const bool several = name_several_domains(rings);
  std::vector<std::string> names;
  int chosen = 0;
  for (const std::string& name : rings) {
    if (name == ring) chosen = static_cast<int>(names.size());
    names.push_back(short_name(name, several));
  }
  const int clicked = frame.tabs(area.take_top(frame.theme.row_height()), "ring", names, chosen);
  area.take_top(frame.theme.gap());
  if (clicked >= 0 && static_cast<size_t>(clicked) < rings.size())
    frame.view.selected_ring = rings[static_cast<size_t>(clicked)];
}

void RingsPanel::draw(Frame& frame) {
  const RingState* ring = shown_ring(frame.view);
  if (ring == nullptr)
    return frame.say_empty("No ring: no device of this session has one, or its wires were not captured.");
  if (ring->name != ring_) {
    ring_ = ring->name;
    slot_.reset();
  }
  Rect area = frame.area.inset(frame.theme.gap());
  draw_tabs(frame, area, ring->name);
  if (area.is_empty()) return;
  if (has_slots(ring->kind)) {
    draw_slots(frame, area, *ring);
  } else {
    draw_bytes(frame, area, *ring);
  }
}

void RingsPanel::draw_slots(Frame& frame, Rect area, const RingState& ring) {
  const float text = frame.theme.text_size;
  if (slots_of(ring) == 0) {
    const std::string message = fmt::format("{} has no indices yet here.", short_name(ring.name, true));
    frame.canvas.text_in(area, message, frame.theme.dim, frame.theme.font(), Canvas::Align::centre);
    return;
  }
  // Beside it, below it, or alone: whichever makes the circle larger, with its labels if possible.
  const bool is_short = ring.kind == RingState::Kind::descriptors;
  Rect beside = area, below = area;
  Rect right = beside.take_right(std::clamp(area.w * 0.38F, text * 16, text * 34));
  Rect under = below.take_bottom(is_short ? text * 5 : area.h * (area.h > area.w * 1.15F ? 0.42F : 0.33F));
  const auto hands = ring_hands(frame.theme, ring, glide_);
  const auto worth = [&](Rect room, float part) {
    room.take_bottom(frame.theme.row_height());  // of the legend
    const CirclePlace place = place_circle(frame, room, hands);
    return place.outer * part * (place.has_labels ? 1 : 0.8F);
  };
  // Alone it says the least.
  const float alone = worth(area, 0.5F);
  const float worth_beside = area.w >= text * 34 ? worth(beside, 1) : 0;
  const float worth_below = area.h >= text * 26 && area.w >= text * 18 ? worth(below, 1) : 0;
  right.take_left(frame.theme.gap() * 2);
  under.take_top(frame.theme.gap());
  if (worth_beside >= std::max(worth_below, alone)) {
    const bool has_labels = draw_circle(frame, beside, ring);
    draw_aside(frame, right, ring, !has_labels);
  } else if (worth_below >= alone) {
    const bool has_labels = draw_circle(frame, below, ring);
    draw_aside(frame, under, ring, !has_labels);
  } else {
    draw_circle(frame, area, ring);
  }
}

bool RingsPanel::draw_circle(Frame& frame, Rect area, const RingState& ring) {
  const Theme& theme = frame.theme;
  const uint32_t size = slots_of(ring);
  const auto legend = legend_of(theme, ring.kind, size > 64);
  const float legend_height = draw_legend(frame, area, legend, false);
  if (legend_height < area.h * 0.18F) draw_legend(frame, area.take_bottom(legend_height), legend, true);
  area.take_bottom(theme.gap());

  std::vector<Color> colors;
  for (uint32_t slot = 0; slot < size; ++slot) colors.push_back(slot_color(theme, slot_state(ring, slot)));
  if (glide_.follow(ring.name, ring_indices(ring), colors, size, frame.view.clock)) frame.animate();

  SlotCircle circle;
  circle.size = size;
  circle.look = [&](uint32_t slot) {
    SlotLook look = look_of(slot_state(ring, slot), glide_.slot(slot));
    if (ring.kind == RingState::Kind::descriptors && !look.letter.empty()) look.letter = "D";
    return look;
  };
  circle.hands = ring_hands(theme, ring, glide_);
  circle.marked = slots_of_row(ring, frame.view.cursor().row);
  circle.selected = slot_;
  circle.next = next_slot(ring);
  circle.middle = fmt::format("{} of {}", in_flight(ring), size);
  circle.below = std::string(in_flight_word(ring.kind));
  const bool has_labels = place_circle(frame, area, circle.hands).has_labels;
  const CircleHit hit = draw_slot_circle(frame, area, circle);
  if (hit.clicked) choose_slot(frame.view, ring, *hit.clicked, false);
  if (hit.double_clicked) choose_slot(frame.view, ring, *hit.double_clicked, true);
  if (!hit.hovered) return has_labels;
  const uint32_t slot = *hit.hovered;
  if (ring.kind == RingState::Kind::descriptors) {
    frame.tooltip(fmt::format("descriptor {}: {}", slot,
                              slot_state(ring, slot) == SlotState::taken ? "the device's" : "the driver's"));
  } else if (slot < ring.slots.size()) {
    const RingSlot& shown = ring.slots[slot];
    frame.view.hovered = last_row_of(shown);
    frame.tooltip(fmt::format("slot {}, index {}: {}", slot, shown.index, slot_word(shown.state)));
  }
  return has_labels;
}

void RingsPanel::draw_bytes(Frame& frame, Rect area, const RingState& ring) {
  const Theme& theme = frame.theme;
  const double once = std::max({ring.out.size, ring.in.size, 1U});
  if (glide_.follow(ring.name, ring_indices(ring), {}, once, frame.view.clock)) frame.animate();
  if (ring.is_estimate && area.h > theme.text_size * 14) {
    const Rect note = area.take_bottom(theme.row_height());
    frame.canvas.text_in(note, "Reckoned from messages: the session has no indices of this ring.", theme.dim,
                         theme.small(), Canvas::Align::centre);
  }
  const auto circle_of = [&](const RingState::Bytes& bytes, size_t first, Color color, std::string title) {
    ByteCircle circle{bytes.size,
                      glide_.index(first),
                      glide_.index(first + 1),
                      bytes.prod,
                      bytes.cons,
                      color,
                      std::move(title),
                      "",
                      ""};
    // What a session says may be absurd: no more than the ring holds is in it.
    const uint32_t held = bytes.prod - bytes.cons;
    circle.middle = bytes_text(bytes.size == 0 ? held : std::min(held, bytes.size));
    circle.below = bytes.size == 0 ? "size not known" : fmt::format("of {}", bytes_text(bytes.size));
    return circle;
  };
  Rect second = area;
  const Rect first = area.w >= area.h ? second.take_left(area.w / 2) : second.take_top(area.h / 2);
  draw_byte_circle(frame, first.inset(4),
                   circle_of(ring.out, 0, theme.slot_published, "out: guest to backend"));
  draw_byte_circle(frame, second.inset(4),
                   circle_of(ring.in, 2, theme.slot_answered, "in: backend to guest"));
}

void RingsPanel::choose_slot(ViewState& view, const RingState& ring, uint32_t slot, bool go) {
  slot_ = slot;
  if (go && slot < ring.slots.size()) visit(view, last_row_of(ring.slots[slot]));
}

bool RingsPanel::on_key(std::string_view key, ViewState& view) {
  (void)view;
  if (key != "Escape" || !slot_) return false;
  slot_.reset();
  return true;
}

std::vector<std::pair<std::string, std::string>> RingsPanel::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  const auto add = [&facts](std::string name, auto value) {
    facts.emplace_back(std::move(name), fmt::format("{}", value));
  };
  const RingState* ring = shown_ring(view);
  add("rings", view.story().rings().size());
  if (ring == nullptr) return facts;
  add("ring", ring->name);
  if (ring->kind == RingState::Kind::bytes) {
    add("out", fmt::format("{}/{}", ring->out.prod - ring->out.cons, ring->out.size));
    add("in", fmt::format("{}/{}", ring->in.prod - ring->in.cons, ring->in.size));
    return facts;
  }
  add("size", slots_of(*ring));
  add("in_flight", in_flight(*ring));
  if (ring->kind == RingState::Kind::descriptors) {
    add("head", ring->head);
    add("tail", ring->tail);
    return facts;
  }
  for (const CircleHand& hand : ring_hands(Theme{}, *ring, RingGlide{})) {
    const size_t blank = hand.label.find(' ');
    add(hand.label.substr(0, blank), hand.label.substr(blank + 1));
  }
  for (uint32_t slot = 0; slot < slots_of(*ring); ++slot)
    if (slot_state(*ring, slot) != SlotState::empty)
      add(fmt::format("state.{}", slot), slot_word(slot_state(*ring, slot)));
  for (const uint32_t slot : slots_of_row(*ring, view.cursor().row)) add("marked", slot);
  if (slot_ && ring->name == ring_) add("slot", *slot_);
  return facts;
}

}  // namespace ringside::viewer
