// What `ringside view` is called with.
#pragma once

#include <string>
#include <vector>

#include "sim/result.h"
#include "viewer/panels/view_state.h"

namespace ringside::viewer {

struct Options {
  std::string target;  // a session, or a scenario
  std::string layout, at, range, wire, filter, ring;
  std::vector<std::string> settings;  // --set
  std::string scenario_folder;
  std::string screenshot, svg, script;
  std::string size;
  bool is_presentation = false, is_light = false, is_fullscreen = false, shows_help = false;
  bool is_benchmark = false;
  float scale = 0;
  int note = 0;  // a lesson's step, from 1
};

// "1440x900".
Result<std::pair<int, int>> parse_size(const std::string& text);
// Where the cursor goes: a time, "#12" (a crossing's number), "ring/xvda/request@3" (the third of a wire),
// "end".
Result<Cursor> parse_place(const std::string& text, const CrossingTable& table);
// "2ms..3ms", "2ms+500us", or a length round the cursor: "500us".
Result<> show_given_range(const std::string& text, ViewState& view);

}  // namespace ringside::viewer
