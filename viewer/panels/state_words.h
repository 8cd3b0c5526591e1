// Words, letters and colours that the state panels share. A state is told by a letter or a shape as well as
// by its colour.
#pragma once

#include <string>
#include <string_view>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

std::string_view slot_word(SlotState state);    // "published"
std::string_view slot_letter(SlotState state);  // "P"; empty slots have none
Color slot_color(const Theme& theme, SlotState state);
// Letters on any of the slots' colours other than the empty one's.
inline constexpr Color kOnSlot = rgb(0x08111c);

// "Connected", as enum xenbus_state has it (xen/io/xenbus.h).
std::string_view xenbus_word(uint8_t state);
inline constexpr uint8_t kXenbusStates = 9;  // 0 is "Unknown"

// "xvda" of "dom1/ring/xvda"; with its domain where there are several: "dom1 xvda".
std::string short_name(std::string_view name, bool with_domain);
// Whether names begin with more than one domain.
bool name_several_domains(const std::vector<std::string>& names);

// 1 where the cursor's crossing changed it, fading with the crossings between them; 0 where nothing is to be
// seen.
float freshness(Row changed, Row cursor);
// When a row was, short: "1.234 ms"; "-" for none.
std::string when_text(const CrossingTable& table, Row row);
// How long before the cursor.
std::string age_text(ViewState& view, Row row);
// Rows that later crossings of the table may have taken away are none.
inline bool is_row(const CrossingTable& table, Row row) { return row != kNoRow && row < table.size(); }

// Goes there, where there is such a row, and brings it into the timeline's range.
void visit(ViewState& view, Row row);

// A lamp with a letter: filled when it is on, a thin circle when not.
void draw_lamp(Frame& frame, Point centre, float radius, bool is_on, Color color, std::string_view letter);
// A heading's strip, cut off the area's top; gives what is left.
void draw_heading(Frame& frame, Rect& area, std::string_view text);

// Swatches with words in lines as wide as the area; gives the height that they need. Drawn where `draw` is
// set.
struct LegendEntry {
  Color color;
  std::string letter, word;
  float inner = 0, outer = 1;  // the part of the swatch that is filled, as thin slots show it
};
float draw_legend(Frame& frame, Rect area, const std::vector<LegendEntry>& entries, bool draw);

}  // namespace ringside::viewer
