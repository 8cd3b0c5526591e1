// The one cursor: a moment, and the last crossing that has happened by then. Several crossings may share a
// moment, so that the row counts where it is one's.
#pragma once

#include "viewer/session/crossing_table.h"

namespace ringside::viewer {

struct Cursor {
  Tick at;
  Row row = kNoRow;  // kNoRow: before the first crossing

  bool operator==(const Cursor&) const = default;
};

}  // namespace ringside::viewer
