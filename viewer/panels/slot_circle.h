// A ring drawn as a ring: slots round a circle, clockwise from the top, and the free-running indices as hands
// that point at the slot which is their index modulo the ring's size (xen/io/ring.h). Up to 64 slots have
// room for numbers and letters; above that states are told by how far a slot is filled, and more than 256 are
// shown in groups.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

// Whose index it is tells the hand's tip: a producer's is an arrow, a consumer's a disk, an event threshold's
// a hollow disk on a dashed line.
struct CircleHand {
  enum class Tip : uint8_t { producer, consumer, event };
  std::string label;    // with its number
  double position = 0;  // free-running; between two slots while it glides
  Color color;
  Tip tip = Tip::producer;
};

struct SlotLook {
  Color color;
  std::string_view letter;
  float inner = 0, outer = 1;  // the part between the inner and the outer edge that thin slots fill
};

struct SlotCircle {
  uint32_t size = 0;
  std::function<SlotLook(uint32_t slot)> look;
  std::vector<CircleHand> hands;
  std::vector<uint32_t> marked;  // what the cursor's crossing is about
  std::optional<uint32_t> selected, next;
  std::string middle, below;  // "5 of 32", "in flight"
};

struct CircleHit {
  std::optional<uint32_t> clicked, double_clicked, hovered;
};

// Hits are "slot/N"; a group's is its first slot's.
CircleHit draw_slot_circle(Frame& frame, Rect area, const SlotCircle& circle);

// A circle for bytes: the part from cons to prod is filled.
struct ByteCircle {
  uint32_t size = 0;
  double prod = 0, cons = 0;  // as far as the glide is
  uint32_t prod_now = 0, cons_now = 0;
  Color color;
  std::string title, middle, below;
};
void draw_byte_circle(Frame& frame, Rect area, const ByteCircle& circle);

// --- What both are made of ---
struct CirclePlace {
  Point centre;
  float outer = 0, inner = 0, hub = 0;
  bool has_labels = false;
};
CirclePlace place_circle(Frame& frame, Rect area, const std::vector<CircleHand>& hands);
// `size` positions are once round.
void draw_hands(Frame& frame, Rect area, const CirclePlace& place, const std::vector<CircleHand>& hands,
                double size);
// The hands' labels as a table, each with its tip: where the circle has no room for them.
void draw_tips(Frame& frame, Rect area, const std::vector<CircleHand>& hands, size_t columns);
void draw_middle(Frame& frame, const CirclePlace& place, std::string_view middle, std::string_view below);
Point on_circle(Point centre, float radius, float angle);

}  // namespace ringside::viewer
