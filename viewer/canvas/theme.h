// Colours and sizes, by what they mean. Colours of kinds come from the palette of Okabe and Ito ("Color
// Universal Design", 2008), which people with any kind of colour vision can tell apart; no meaning hangs on a
// colour alone.
#pragma once

#include "sim/wire.h"
#include "viewer/canvas/canvas.h"

namespace ringside::viewer {

struct Theme {
  // Surfaces and letters.
  Color window, panel, raised, border, text, dim, accent, on_accent, cursor, selection, hover;
  // What happens. slot_*: states of a ring's slot.
  Color fault, notice, violation, good, bad;
  Color slot_empty, slot_published, slot_taken, slot_answered;
  // Kinds of wires; `in` reaches the guest.
  Color message, call, signal, sampled;
  // For things that only need to differ: eight, again and again.
  Color series(size_t number) const;

  float text_size = 15;  // logical pixels; presentations have more
  bool is_presentation = false;

  Font font() const { return {Face::text, text_size}; }
  Font small() const { return {Face::text, text_size * 0.87F}; }
  Font bold() const { return {Face::bold, text_size}; }
  Font title() const { return {Face::bold, text_size * 1.25F}; }
  Font mono() const { return {Face::mono, text_size * 0.95F}; }
  float row_height() const { return text_size * 1.6F; }
  float gap() const { return text_size * 0.5F; }

  Color of(WireKind kind) const;
};

enum class ThemeName : uint8_t { dark, light, presentation };
// `scale`: 1 where a logical pixel is about a 96th of an inch.
Theme make_theme(ThemeName name, float scale = 1);

}  // namespace ringside::viewer
