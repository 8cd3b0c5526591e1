// What the viewer shows at this moment, and what can be done to it. One per window; all panels share it:
// there is one cursor, one filter, one selection.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "viewer/live/live_machine.h"
#include "viewer/panels/lesson.h"
#include "viewer/session/filter.h"
#include "viewer/session/row_text.h"
#include "viewer/session/viewed_session.h"
#include "viewer/story/cursor.h"
#include "viewer/story/story.h"

namespace ringside::viewer {

class ViewState {
 public:
  // `live` may be null: there is no machine, nor can one be made.
  ViewState(std::unique_ptr<ViewedSession> session, LiveMachine* live);
  ~ViewState();

  ViewedSession& session() { return *session_; }
  const CrossingTable& table() const { return session_->table(); }
  Story& story() { return story_; }
  RowText& text() { return text_; }
  LiveMachine* live() { return live_; }
  // A scenario that runs, as opposed to a session that is looked at.
  bool is_live = false;

  // Each frame, with the time since the last one: reads on, takes in what the machine has done, plays, and
  // filters. True where something has changed, so that the next frame must be drawn at once.
  bool update(double seconds);

  // --- The cursor ---
  const Cursor& cursor() const { return cursor_; }
  void go_to_row(Row row);  // kNoRow: before the first
  void go_to_time(Tick at);
  // By crossings, forward or back; of the selected wire alone; of those that the filter found.
  void step(int by);
  void step_on_wire(int by);
  void step_found(int by);
  // To the next or previous fault, notice or violation.
  void step_highlight(int by);

  // --- Selections ---
  void select_wire(std::optional<uint32_t> wire);
  std::optional<uint32_t> selected_wire() const { return selected_wire_; }
  // A device or ring that panels show, by its lane's or ring's name ("dom1/ring/xvda"); empty: each panel's
  // own choice.
  std::string selected_ring;
  std::string selected_domain;  // "dom1"; empty: the first
  // Under the mouse in some panel: others mark it, too. Forgotten each frame.
  Row hovered = kNoRow;
  // Bytes of the cursor's crossing that the mouse points at, as a field or in the dump.
  size_t hovered_offset = 0, hovered_size = 0;

  // --- The filter ---
  std::string filter_text;  // what is typed
  void apply_filter();
  const std::string& filter_error() const { return filter_error_; }
  bool is_filtered() const { return filter_.has_value(); }
  // Rows that match; complete when filter_done().
  const std::vector<Row>& found() const { return found_; }
  bool filter_done() const { return !filter_ || filtered_to_ >= table().size(); }

  // --- The timeline's range, in picoseconds; shared with the minimap ---
  double range_begin = 0, range_end = 0;
  bool range_is_whole = true;  // follows the session as it grows
  void show_range(double begin, double end);
  void zoom(double factor, double around_ps);
  void show_cursor();  // moves the range so that the cursor is in it
  std::optional<Tick> mark_a, mark_b;

  // --- Playing ---
  bool is_playing = false;
  double play_speed = 1e-3;  // virtual seconds per second

  // --- The notes ---
  const Lesson& lesson() const { return lesson_; }
  // Takes the cursor, the layout, the selection and the range along; -1: the introduction. Beyond the last
  // step, or before the introduction, nothing happens.
  void go_to_note(int step);

  // --- The rest ---
  double clock = 0;    // seconds of update() so far: what glides is timed by it
  std::string status;  // a line at the bottom, for some seconds
  double status_left = 0;
  void say(std::string text);
  // The layout that is wanted ("rings"), or panes as panes.h has them; the window takes it.
  std::string wanted_layout;
  // What the cursor's machine is asked for, where it stands there: null otherwise (see LiveMachine::view).
  const Json* machine_view(const std::string& name, Json request);
  // The machine stands behind the cursor's crossing; and what brings it there.
  bool machine_is_here();
  void bring_machine_here();

 private:
  std::unique_ptr<ViewedSession> session_;
  LiveMachine* live_;
  Story story_;
  RowText text_;
  Lesson lesson_;
  Cursor cursor_;
  uint64_t machine_sequence_ = 0;  // where the live machine was
  std::optional<uint32_t> selected_wire_;
  std::optional<Filter> filter_;
  std::string filter_error_;
  std::vector<Row> found_;
  Row filtered_to_ = 0;
  uint64_t history_ = 0;
  bool story_done_ = false;
};

}  // namespace ringside::viewer
