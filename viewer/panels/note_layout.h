// Notes' blocks as lines that fit a width: words in their faces, lists with their markers, code with its
// lines.
#pragma once

#include <string>
#include <vector>

#include "viewer/canvas/canvas.h"
#include "viewer/canvas/theme.h"
#include "viewer/story/notes.h"

namespace ringside::viewer {

struct NoteLine {
  struct Run {
    float x = 0, width = 0;
    std::string text;
    NoteSpan::Style style = NoteSpan::Style::plain;
    size_t span = 0;  // words of one span have the same
  };
  std::vector<Run> runs;
  float before = 0, height = 0;  // space above it, and its own
  bool is_code = false, is_heading = false;
};

struct NoteFonts {
  Font text, bold, code, heading;
  explicit NoteFonts(const Theme& theme);
  Font of(const NoteLine& line, NoteSpan::Style style) const;
};

std::vector<NoteLine> lay_out(const Canvas& canvas, const NoteFonts& fonts,
                              const std::vector<NoteBlock>& blocks, float width);
void draw_note_line(Canvas& canvas, const Theme& theme, const NoteFonts& fonts, Rect area,
                    const NoteLine& line);

}  // namespace ringside::viewer
