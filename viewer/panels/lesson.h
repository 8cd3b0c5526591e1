// A session's notes as the window steps through them: read once, and placed in slices as the table grows.
#pragma once

#include <string>

#include "viewer/session/row_text.h"
#include "viewer/story/notes.h"

namespace ringside::viewer {

class Lesson {
 public:
  // Of SessionHeader::notes; empty: there is no lesson.
  explicit Lesson(const std::string& text);

  bool is_there() const { return is_there_; }
  // Why the notes cannot be read, line by line; empty: nothing.
  const std::string& problem() const { return problem_; }
  const Notes& notes() const { return notes_; }
  int steps() const { return static_cast<int>(notes_.steps.size()); }
  // The one that is shown; -1: the introduction.
  int step = -1;
  const NoteStep* shown() const {
    return step >= 0 && step < steps() ? &notes_.steps[static_cast<size_t>(step)] : nullptr;
  }

  // Looks on for the steps' crossings; true where it has looked at any. `is_whole`: the table will not grow.
  bool update(const CrossingTable& table, RowText& text, bool is_whole);

 private:
  bool is_there_ = false, is_done_ = false;
  std::string problem_;
  Notes notes_;
  Row placed_to_ = 0;  // rows that there were at the last look
  uint64_t history_ = 0;
};

}  // namespace ringside::viewer
