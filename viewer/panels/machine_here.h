// What only a machine knows is shown where one stands behind the cursor's crossing. Where none does, this
// offers to bring it there, and shows how far it is.
#pragma once

#include <string>
#include <string_view>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

// True where the machine stands at the cursor. Otherwise the area says what is missing ("registers"), with a
// button "here" that brings it.
bool machine_is_here(Frame& frame, std::string_view what);

// The domain whose processor and memory are meant, and tabs to choose another one where there are several;
// they are cut off the area's left.
std::string machine_domain(Frame& frame, Rect& area);
std::string machine_domain(ViewState& view);

// Of a view's answer: the first view; null where there is none yet, or it is an error, which `error` then
// has.
const Json* first_view(const Json* answer, std::string& error);
std::vector<std::string> view_lines(const Json& view);

// How far something is, with words in it.
void draw_progress(Frame& frame, Rect area, double part, std::string_view text);

}  // namespace ringside::viewer
