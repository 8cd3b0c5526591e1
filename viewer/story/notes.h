// Notes of a scenario: steps that a teacher clicks through, each pinned to a crossing (docs/lessons.md). A
// session holds the text (SessionHeader::notes), so that whoever is sent the file has the lesson, too.
//
//   # The lesson's name                 may be left out
//   Something to begin with.
//
//   ## A step's title
//   at: wire ~ "*/response" && id == 3  a filter; the first row behind the last step's that matches
//   nth: 2                              the second one that does
//   layout: rings                       the panel beside notes and timeline,
//   select: dom1/ring/xvda              the ring, domain or share in it,
//   range: 200us                        and how much time the timeline has
//
//   Paragraphs, `code`, **bold**, lists, and code between lines of ```.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"
#include "sim/tick.h"
#include "viewer/session/crossing_table.h"

namespace ringside::viewer {

struct NoteSpan {
  enum class Style : uint8_t { plain, bold, code };
  Style style = Style::plain;
  std::string text;

  bool operator==(const NoteSpan&) const = default;
};

struct NoteBlock {
  // code: lines as they stand there, in one span. heading: one inside a step (###).
  enum class Kind : uint8_t { paragraph, item, heading, code };
  Kind kind = Kind::paragraph;
  std::string marker;  // of an item: "-" or "2."
  uint8_t level = 0;   // of an item: how many lists it is in beside its own
  std::vector<NoteSpan> spans;

  bool operator==(const NoteBlock&) const = default;
};

struct NoteStep {
  std::string title;
  unsigned line = 0;              // of the title, from 1
  std::string text;               // as it was written
  std::vector<NoteBlock> blocks;  // the same, to be drawn
  std::string filter;             // empty: it stays where the last step is
  unsigned nth = 1;
  std::string layout, select;  // empty: as they are
  Tick range;                  // 0: as it is

  // --- place_notes() ---
  Row row = kNoRow;     // where it is; of a step without a filter, the last step's
  std::string problem;  // why it is nowhere: no such crossing, or a filter that is none
  // How far has been looked, and how many matches there were.
  Row looked_to = 0;
  unsigned matches = 0;
  bool is_placed = false;  // it has a row, or a problem
};

struct Notes {
  std::string title;
  std::vector<NoteBlock> introduction;
  std::vector<NoteStep> steps;
  uint64_t history = 0;  // of the table that they were placed in
};

// An error names every line that is wrong, up to ten.
Result<Notes> parse_notes(std::string_view text);

// Whether a row matches; an error where the filter is none.
using RowMatcher = std::function<bool(Row)>;
using NoteMatcher = std::function<Result<RowMatcher>(const std::string& filter)>;

// Finds the steps' rows, in order, and goes on where it was when the table grows. `is_whole`: the table will
// not grow, so that what is not there never will be; otherwise the steps behind such a one wait for it, too.
// Looks at about `rows_max` rows at most; false where there is more to look at.
bool place_notes(Notes& notes, const CrossingTable& table, const NoteMatcher& matcher, bool is_whole,
                 size_t rows_max = SIZE_MAX);

}  // namespace ringside::viewer
