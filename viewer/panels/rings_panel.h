// The ring as a ring: slots round a circle and the indices as hands (slot_circle.h), behind the cursor's
// crossing. Beside it what is in flight, or the slot that was clicked with its request and response in
// fields. Rings of bytes (9P, console, XenStore) are two circles; descriptor rings have a head and a tail.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "viewer/panels/panel.h"
#include "viewer/panels/ring_glide.h"
#include "viewer/panels/scrolled_rows.h"
#include "viewer/panels/slot_circle.h"
#include "viewer/panels/table_view.h"

namespace ringside::viewer {

class RingsPanel final : public Panel {
 public:
  std::string_view id() const override { return "rings"; }
  std::string_view title() const override { return "Rings"; }
  void draw(Frame& frame) override;
  bool on_key(std::string_view key, ViewState& view) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  const RingState* shown_ring(ViewState& view);
  void draw_tabs(Frame& frame, Rect& area, const std::string& ring);
  void draw_slots(Frame& frame, Rect area, const RingState& ring);
  // Whether the hands have labels.
  bool draw_circle(Frame& frame, Rect area, const RingState& ring);
  void draw_bytes(Frame& frame, Rect area, const RingState& ring);
  // Beside the circle; with a table of the indices.
  void draw_aside(Frame& frame, Rect area, const RingState& ring, bool with_indices);
  void draw_in_flight(Frame& frame, Rect area, const RingState& ring);
  void draw_slot(Frame& frame, Rect area, const RingState& ring);
  void choose_slot(ViewState& view, const RingState& ring, uint32_t slot, bool go);

  std::string ring_;  // whose slot is chosen
  std::optional<uint32_t> slot_;
  RingGlide glide_;
  TableView in_flight_;
  ScrolledRows fields_;
};

}  // namespace ringside::viewer
