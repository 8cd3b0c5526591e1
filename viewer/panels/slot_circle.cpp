#include "viewer/panels/slot_circle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

constexpr float kTurn = 2 * std::numbers::pi_v<float>;
constexpr uint32_t kSectorsMax = 256;

// How the slots are cut into sectors.
struct Sectors {
  uint32_t slots_each, count;
  float angle;  // of one
  Sectors(uint32_t size)
      : slots_each((size + kSectorsMax - 1) / kSectorsMax),
        count((size + slots_each - 1) / slots_each),
        angle(kTurn / static_cast<float>(count)) {}
  uint32_t of(uint32_t slot) const { return slot / slots_each; }
};

class CircleDrawing {
 public:
  CircleDrawing(Frame& frame, const SlotCircle& circle, const CirclePlace& place)
      : frame_(frame), circle_(circle), place_(place), sectors_(circle.size), fits_(fits()) {}

  void draw_sectors() {
    for (uint32_t sector = 0; sector < sectors_.count; ++sector) {
      const float from = static_cast<float>(sector) * sectors_.angle, to = from + sectors_.angle;
      const float arc = place_.inner * sectors_.angle;
      // Neighbours stand apart, as long as they have width enough.
      const float apart = arc > 6 ? 1.2F / place_.inner : 0;
      if (sectors_.slots_each > 1) {
        draw_group(sector, from, to);
      } else {
        draw_slot(sector, from + apart, to - apart);
      }
    }
  }

  void draw_marks() {
    const float line = frame_.theme.text_size * 0.2F;
    if (circle_.next) {
      // An arrow from outside to where the next goes.
      const float angle = middle_of(*circle_.next % circle_.size);
      const float tip = place_.outer + 1, back = frame_.theme.text_size * 0.6F;
      const float half = back * 0.6F / place_.outer;
      const Point head[] = {on_circle(place_.centre, tip, angle),
                            on_circle(place_.centre, tip + back, angle + half),
                            on_circle(place_.centre, tip + back, angle - half)};
      frame_.canvas.fill_convex(head, frame_.theme.text);
    }
    if (circle_.selected && *circle_.selected < circle_.size)
      outline(sectors_.of(*circle_.selected), frame_.theme.text, line, 1);
    size_t left = kSectorsMax;
    for (const uint32_t slot : circle_.marked)
      if (slot < circle_.size && left-- != 0) outline(sectors_.of(slot), frame_.theme.cursor, line * 1.3F, 4);
  }

  // Eighths, where slots are too thin for numbers: inside the ring, where no hand points.
  void draw_eighths(const std::vector<CircleHand>& hands) {
    if (fits_.numbers || place_.outer < 90 || sectors_.count < 8) return;
    const Font font{Face::text, frame_.theme.small().size * 0.9F};
    for (uint32_t eighth = 0; eighth < 8; ++eighth) {
      const uint32_t slot = static_cast<uint32_t>(uint64_t{circle_.size} * eighth / 8);
      const float angle = middle_of(slot);
      bool is_free = true;
      for (const CircleHand& hand : hands) {
        const double at = (std::fmod(hand.position, circle_.size) + 0.5) / circle_.size * kTurn;
        if (std::abs(std::remainder(angle - at, static_cast<double>(kTurn))) < 0.24) is_free = false;
      }
      if (!is_free) continue;
      const Point at = on_circle(place_.centre, place_.inner - font.size * 1.2F, angle);
      frame_.canvas.text_in({at.x - font.size * 2, at.y - font.size * 0.7F, font.size * 4, font.size * 1.4F},
                            fmt::format("{}", slot), frame_.theme.dim, font, Canvas::Align::centre);
    }
  }

  CircleHit hits() {
    CircleHit result;
    const Rect around{place_.centre.x - place_.outer, place_.centre.y - place_.outer, place_.outer * 2,
                      place_.outer * 2};
    Hit any = frame_.hit(around, "circle");
    const float middle = (place_.inner + place_.outer) / 2;
    const float side =
        std::max(3.0F, std::min(place_.outer - place_.inner, place_.inner * sectors_.angle * 0.9F));
    for (uint32_t sector = 0; sector < sectors_.count; ++sector) {
      const Point at = on_circle(place_.centre, middle, (static_cast<float>(sector) + 0.5F) * sectors_.angle);
      const Hit on = frame_.hit({at.x - side / 2, at.y - side / 2, side, side},
                                fmt::format("slot/{}", sector * sectors_.slots_each));
      any.hovered |= on.hovered;
      any.clicked |= on.clicked;
      any.double_clicked |= on.double_clicked;
    }
    const auto slot = slot_at(frame_.pointer().at);
    if (!slot) return result;
    if (any.hovered) result.hovered = slot;
    if (any.clicked) result.clicked = slot;
    if (any.double_clicked) result.double_clicked = slot;
    return result;
  }

 private:
  float middle_of(uint32_t slot) const {
    return (static_cast<float>(sectors_.of(slot)) + 0.5F) * sectors_.angle;
  }

  // Under the pointer; of a group that slot which is not empty, if there is one.
  std::optional<uint32_t> slot_at(Point at) const {
    const float x = at.x - place_.centre.x, y = place_.centre.y - at.y, away = std::hypot(x, y);
    if (away < place_.inner - 2 || away > place_.outer + 4) return std::nullopt;
    float angle = std::atan2(x, y);
    if (angle < 0) angle += kTurn;
    const auto sector = std::min(static_cast<uint32_t>(angle / sectors_.angle), sectors_.count - 1);
    const uint32_t first = sector * sectors_.slots_each;
    for (uint32_t slot = first; slot < first + sectors_.slots_each && slot < circle_.size; ++slot)
      if (!circle_.look(slot).letter.empty()) return slot;
    return first;
  }

  void outline(uint32_t sector, Color color, float width, float out) {
    const float from = static_cast<float>(sector) * sectors_.angle;
    // Thin ones get a frame that is wide enough to be seen from afar.
    const float wider = std::max(0.0F, 4 / place_.outer - sectors_.angle / 2);
    frame_.canvas.outline_sector(place_.centre, place_.inner - out, place_.outer + out, from - wider,
                                 from + sectors_.angle + wider, color, width);
  }

  void draw_slot(uint32_t slot, float from, float to) {
    const Theme& theme = frame_.theme;
    const SlotLook look = circle_.look(slot);
    const float depth = place_.outer - place_.inner;
    const bool has_letters = fits_.letters, has_numbers = fits_.numbers;
    frame_.canvas.fill_sector(place_.centre, place_.inner, place_.outer, from, to, theme.slot_empty);
    if (look.color != theme.slot_empty) {
      const float inner = has_letters ? 0 : look.inner, outer = has_letters ? 1 : look.outer;
      frame_.canvas.fill_sector(place_.centre, place_.inner + depth * inner, place_.inner + depth * outer,
                                from, to, look.color);
    }
    if (!has_letters) return;
    const bool is_empty = look.letter.empty();
    const auto put = [&](float part, std::string_view text, Color color, Font font) {
      const Point at = on_circle(place_.centre, place_.inner + depth * part, (from + to) / 2);
      const float half = frame_.canvas.text_width(text, font) / 2 + 1, high = font.size * 1.2F;
      frame_.canvas.text_in({at.x - half, at.y - high / 2, half * 2, high}, text, color, font,
                            Canvas::Align::centre);
    };
    if (!is_empty) put(has_numbers ? 0.3F : 0.5F, look.letter, kOnSlot, fits_.letter_font);
    if (has_numbers)
      put(is_empty ? 0.5F : 0.73F, fmt::format("{}", slot), is_empty ? theme.dim : kOnSlot,
          fits_.number_font);
  }

  // Each state has the part of the sector's depth that it has of the slots, the inner ones' first.
  void draw_group(uint32_t sector, float from, float to) {
    const uint32_t first = sector * sectors_.slots_each;
    const uint32_t end = std::min(first + sectors_.slots_each, circle_.size);
    std::vector<SlotLook> looks;
    for (uint32_t slot = first; slot < end; ++slot) looks.push_back(circle_.look(slot));
    std::stable_sort(looks.begin(), looks.end(), [](const SlotLook& a, const SlotLook& b) {
      return a.inner + a.outer < b.inner + b.outer;
    });
    const float step = (place_.outer - place_.inner) / static_cast<float>(looks.size());
    for (size_t i = 0, next = 0; i < looks.size(); i = next) {
      for (next = i + 1; next < looks.size() && looks[next].color == looks[i].color;) ++next;
      frame_.canvas.fill_sector(place_.centre, place_.inner + step * static_cast<float>(i),
                                place_.inner + step * static_cast<float>(next), from, to, looks[i].color);
    }
  }

  // What slots have room for, the same for all of them. The number stands nearer to the edge, the letter
  // nearer to the middle, whichever way that is.
  struct Fits {
    Font letter_font, number_font;
    bool letters = false, numbers = false;
  };
  Fits fits() const {
    const float text = frame_.theme.text_size, depth = place_.outer - place_.inner;
    const float arc = place_.inner * sectors_.angle;
    Fits fits;
    fits.number_font = {Face::text, std::min(frame_.theme.small().size, depth * 0.34F)};
    fits.letter_font = {Face::bold, std::min(text, depth * 0.42F)};
    const float letter = frame_.canvas.text_width("W", fits.letter_font);
    const float number = frame_.canvas.text_width(fmt::format("{}", circle_.size - 1), fits.number_font);
    const float high = fits.number_font.size + fits.letter_font.size;
    fits.letters = arc >= std::max(letter, fits.letter_font.size) + 3 && fits.letter_font.size >= text * 0.6F;
    fits.numbers = fits.letters && arc >= std::max(number, fits.number_font.size) + 3 &&
                   depth >= std::max(number + letter + 6, high * 1.2F);
    return fits;
  }

  Frame& frame_;
  const SlotCircle& circle_;
  const CirclePlace& place_;
  Sectors sectors_;
  Fits fits_;
};

}  // namespace

CircleHit draw_slot_circle(Frame& frame, Rect area, const SlotCircle& circle) {
  if (circle.size == 0) return {};
  const CirclePlace place = place_circle(frame, area, circle.hands);
  if (place.outer < 12) return {};
  CircleDrawing drawing(frame, circle, place);
  drawing.draw_sectors();
  drawing.draw_eighths(circle.hands);
  draw_hands(frame, area, place, circle.hands, circle.size);
  drawing.draw_marks();
  draw_middle(frame, place, circle.middle, circle.below);
  return drawing.hits();
}

void draw_tips(Frame& frame, Rect area, const std::vector<CircleHand>& hands, size_t columns) {
  const Theme& theme = frame.theme;
  const float tip = theme.text_size, line = theme.row_height();
  float wide = 0;
  for (const CircleHand& hand : hands)
    wide = std::max(wide, tip * 1.4F + frame.canvas.text_width(hand.label, theme.small()) + tip);
  wide = std::min(wide, area.w / static_cast<float>(columns));
  const float left = area.centre().x - wide * static_cast<float>(columns) / 2;
  for (size_t i = 0; i < hands.size(); ++i) {
    const CircleHand& hand = hands[i];
    const float x = left + wide * static_cast<float>(i % columns),
                top = area.y + line * static_cast<float>(i / columns);
    if (top + line > area.bottom() + 1) return;
    const float y = top + line / 2;
    switch (hand.tip) {
      case CircleHand::Tip::producer:
        frame.canvas.arrow({x, y}, {x + tip, y}, hand.color, tip * 0.16F, tip * 0.6F);
        break;
      case CircleHand::Tip::consumer:
        frame.canvas.line({x, y}, {x + tip * 0.6F, y}, hand.color, tip * 0.14F);
        frame.canvas.fill_circle({x + tip * 0.75F, y}, tip * 0.25F, hand.color);
        break;
      case CircleHand::Tip::event:
        frame.canvas.dashed_line({x, y}, {x + tip * 0.5F, y}, hand.color, tip * 0.12F, tip * 0.25F);
        frame.canvas.outline_circle({x + tip * 0.75F, y}, tip * 0.25F, hand.color, tip * 0.14F);
        break;
    }
    frame.canvas.text_in({x + tip * 1.4F, top, wide - tip * 1.4F, line}, hand.label, theme.text,
                         theme.small());
  }
}

void draw_byte_circle(Frame& frame, Rect area, const ByteCircle& circle) {
  const Theme& theme = frame.theme;
  const Rect title = area.take_top(theme.row_height());
  frame.canvas.text_in(title, circle.title, theme.text, theme.bold(), Canvas::Align::centre);
  // Two numbers need no room beside the circle: they stand below it, with their hands' tips.
  const std::vector<CircleHand> hands = {
      {fmt::format("prod {}", circle.prod_now), circle.prod, circle.color, CircleHand::Tip::producer},
      {fmt::format("cons {}", circle.cons_now), circle.cons, theme.text, CircleHand::Tip::consumer}};
  draw_tips(frame, area.take_bottom(theme.row_height()), hands, 2);
  const CirclePlace place = place_circle(frame, area, {});
  if (place.outer < 12) return;
  frame.canvas.fill_sector(place.centre, place.inner, place.outer, 0, kTurn, theme.slot_empty);
  if (circle.size != 0) {
    const double size = circle.size, held = std::clamp(circle.prod - circle.cons, 0.0, size);
    const auto from = static_cast<float>(std::fmod(circle.cons, size) / size) * kTurn;
    const auto length = static_cast<float>(held / size) * kTurn;
    // A few bytes of many are still to be seen.
    if (held > 0)
      frame.canvas.fill_sector(place.centre, place.inner, place.outer, from,
                               from + std::max(length, 3 / place.outer), circle.color);
    draw_hands(frame, area, place, hands, size);
  }
  draw_middle(frame, place, circle.middle, circle.below);
}

}  // namespace ringside::viewer
