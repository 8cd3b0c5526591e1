// A scenario's notes, one step at a time, in type for the back row: where the lesson is, what there is to
// see, and the crossing that it is about. Going to a step takes the cursor, the layout and the timeline's
// range along.
#pragma once

#include <string>
#include <vector>

#include "viewer/panels/note_layout.h"
#include "viewer/panels/panel.h"

namespace ringside::viewer {

class NotesPanel final : public Panel {
 public:
  std::string_view id() const override { return "notes"; }
  std::string_view title() const override { return "Notes"; }
  void draw(Frame& frame) override;
  bool on_key(std::string_view key, ViewState& view) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  void draw_foot(Frame& frame, Rect area);
  void draw_text(Frame& frame, Rect area, const std::vector<NoteBlock>& blocks);

  int shown_step_ = -1;
  size_t top_ = 0;  // the first line in sight
};

}  // namespace ringside::viewer
