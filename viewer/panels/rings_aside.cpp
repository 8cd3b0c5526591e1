// What stands beside the circle: what the event thresholds mean just now, and what is in flight, or the slot
// that was clicked, field by field.
#include <fmt/format.h>

#include <algorithm>

#include "viewer/panels/ring_words.h"
#include "viewer/panels/rings_panel.h"
#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

// A line of the slot's details: a crossing, or a field of its payload.
struct DetailLine {
  std::string name, text;
  float indent = 0;
  Row row = kNoRow;  // of a heading
  std::string hit;
};

void add_fields(std::vector<DetailLine>& lines, const std::vector<DecodedField>& fields, float indent) {
  constexpr size_t kLinesMax = 1000;
  for (const DecodedField& field : fields) {
    if (lines.size() >= kLinesMax) return;
    lines.push_back({field.name, field.children.empty() ? field.text : "", indent, kNoRow, ""});
    add_fields(lines, field.children, indent + 1);
  }
}

}  // namespace

void RingsPanel::draw_aside(Frame& frame, Rect area, const RingState& ring, bool with_indices) {
  const Theme& theme = frame.theme;
  const float line = frame.canvas.line_height(theme.font());
  if (with_indices) {
    // Requests on the left, responses on the right.
    std::vector<CircleHand> hands = ring_hands(theme, ring, glide_);
    if (hands.size() == 6) hands = {hands[0], hands[3], hands[1], hands[4], hands[2], hands[5]};
    const float high = theme.row_height() * static_cast<float>((hands.size() + 1) / 2);
    draw_tips(frame, area.take_top(high), hands, 2);
    area.take_top(theme.gap());
  }
  for (const std::string& sentence : ring_sentences(ring)) {
    const auto lines = frame.canvas.wrapped(sentence, theme.font(), area.w);
    const size_t below = slot_ ? 6 : 0;  // what was asked for comes first
    if (static_cast<float>(lines.size() + below) * line > area.h) break;
    for (const std::string& part : lines)
      frame.canvas.text_in(area.take_top(line), part, theme.text, theme.font());
    area.take_top(theme.gap() / 2);
  }
  area.take_top(theme.gap() / 2);
  if (ring.kind == RingState::Kind::descriptors) return;
  if (slot_ && *slot_ < ring.slots.size()) {
    draw_slot(frame, area, ring);
  } else {
    draw_in_flight(frame, area, ring);
  }
}

void RingsPanel::draw_in_flight(Frame& frame, Rect area, const RingState& ring) {
  ViewState& view = frame.view;
  const Theme& theme = frame.theme;
  std::vector<uint32_t> slots;
  for (uint32_t slot = 0; slot < ring.slots.size(); ++slot)
    if (ring.slots[slot].state != SlotState::empty) slots.push_back(slot);
  std::stable_sort(slots.begin(), slots.end(), [&](uint32_t a, uint32_t b) {
    return static_cast<int32_t>(ring.slots[a].index - ring.slots[b].index) < 0;
  });
  if (area.h < theme.row_height() * (slots.empty() ? 1 : 3)) return;
  draw_heading(frame, area, slots.empty() ? "no slot is in use" : "slots in use, the oldest first");
  if (slots.empty()) return;

  const std::vector<uint32_t> marked = slots_of_row(ring, view.cursor().row);
  TableView::Source source;
  source.rows = slots.size();
  // What has no room is left out, the least needed first.
  const float letter = frame.canvas.text_width("0", theme.mono());
  const bool has_what = area.w > letter * 36, has_since = area.w > letter * 29;
  std::vector<TableView::Column> columns = {{"slot", 4, false, Canvas::Align::right},
                                            {"state", has_since ? 11.0F : 0}};
  if (has_what) columns.push_back({"what", 0});
  if (has_since) columns.push_back({"since", 8, false, Canvas::Align::right});
  source.cell = [&](size_t row, size_t column) -> TableView::Cell {
    const RingSlot& slot = ring.slots[slots[row]];
    if (column == 0) return {fmt::format("{}", slots[row]), {}};
    if (column == 1) return {fmt::format("{} {}", slot_letter(slot.state), slot_word(slot.state)), {}};
    if (column == 2 && has_what)
      return {is_row(view.table(), slot.request) ? std::string(view.text().verb(slot.request)) : "", {}};
    return {age_text(view, slot.published != kNoRow ? slot.published : slot.request), theme.dim};
  };
  source.background = [&](size_t row) -> std::optional<Color> {
    if (std::find(marked.begin(), marked.end(), slots[row]) == marked.end()) return std::nullopt;
    return theme.cursor.with_alpha(60);
  };
  const auto result = in_flight_.draw(frame, area, "in_flight", columns, source);
  if (result.clicked) choose_slot(view, ring, slots[*result.clicked], false);
  if (result.double_clicked) choose_slot(view, ring, slots[*result.double_clicked], true);
  if (result.hovered) view.hovered = last_row_of(ring.slots[slots[*result.hovered]]);
}

void RingsPanel::draw_slot(Frame& frame, Rect area, const RingState& ring) {
  ViewState& view = frame.view;
  const Theme& theme = frame.theme;
  const RingSlot& slot = ring.slots[*slot_];
  Rect head = area.take_top(theme.row_height());
  if (frame.button(head.take_right(frame.canvas.text_width("close", theme.font()) + theme.text_size),
                   "details/close", "close")) {
    slot_.reset();
    return;
  }
  const std::string held = slot.published == kNoRow && slot.request == kNoRow
                               ? std::string("never used so far")
                               : fmt::format("index {}, {}", slot.index, slot_word(slot.state));
  frame.canvas.text_in(head, fmt::format("Slot {}: {}", *slot_, held), theme.text, theme.bold());
  area.take_top(theme.gap() / 2);

  std::vector<DetailLine> lines;
  const auto add_row = [&](Row row, std::string_view name, bool with_fields) {
    if (!is_row(view.table(), row)) return;
    lines.push_back({fmt::format("{} {}", name, row_name(row)), when_text(view.table(), row), 0, row,
                     fmt::format("details/{}", name)});
    if (with_fields) add_fields(lines, view.text().fields(row), 1);
  };
  add_row(slot.published, "published", false);
  add_row(slot.request, "request", true);
  add_row(slot.response, "response", true);
  const float indent = theme.text_size * 0.9F;
  fields_.draw(frame, area, "fields", lines.size(), theme.row_height(), [&](size_t i, Rect strip) {
    const DetailLine& line = lines[i];
    if (line.row != kNoRow) {
      const Hit on = frame.hit(strip, line.hit);
      frame.canvas.fill(strip,
                        line.row == view.cursor().row ? theme.selection
                        : on.hovered                  ? theme.hover
                                                      : theme.raised,
                        3);
      if (on.hovered) view.hovered = line.row;
      if (on.clicked) visit(view, line.row);
    }
    Rect room = strip.inset(theme.gap() / 2, 0);
    room.take_left(line.indent * indent);
    const Rect name = room.take_left(room.w * (line.row != kNoRow ? 0.62F : 0.42F));
    frame.canvas.text_in({name.x, name.y, name.w - 6, name.h}, line.name,
                         line.row != kNoRow ? theme.text : theme.dim,
                         line.row != kNoRow ? theme.bold() : theme.font());
    frame.canvas.text_in(room, line.text, theme.text, line.row != kNoRow ? theme.font() : theme.mono(),
                         line.row != kNoRow ? Canvas::Align::right : Canvas::Align::left);
  });
}

}  // namespace ringside::viewer
