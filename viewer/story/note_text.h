// The text of a note, in blocks: as much of Markdown as notes need.
#pragma once

#include <string_view>
#include <vector>

#include "viewer/story/notes.h"

namespace ringside::viewer {

std::vector<NoteBlock> note_blocks(std::string_view text);
// Whether the line begins or ends a block of code.
bool is_note_fence(std::string_view line);

}  // namespace ringside::viewer
