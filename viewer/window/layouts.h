// The layouts that the window offers, and what people made of them, which is kept in
// $XDG_CONFIG_HOME/ringside/view.json (~/.config where that is not set).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/result.h"

namespace ringside::viewer {

struct Layout {
  std::string name;   // "rings": --layout, keys 1 to 9 in this order
  std::string panes;  // panes.h
  std::string what;   // a line for the help
};
const std::vector<Layout>& layouts();
const Layout* find_layout(const std::string& name);

struct Settings {
  int width = 1440, height = 900;
  bool is_light = false;
  float zoom = 1;  // of letters
  std::string layout;
  std::map<std::string, std::string> panes;  // by layout, where somebody moved something
};
// Defaults where there is none; a file that cannot be read is left as it is, and gives its error.
Result<Settings> load_settings();
Result<> save_settings(const Settings& settings);

}  // namespace ringside::viewer
