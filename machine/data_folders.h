// Where Ringside's own files lie: the scenarios that came with it, and what a build made for them.
#pragma once

#include <string>

namespace ringside {

struct DataFolders {
  std::string scenarios;        // a folder each, with its scenario.toml
  std::string built_scenarios;  // kernels and images, a folder each; where installed, the same
};

// In a build tree, what that was made from. Installed, PREFIX/share/ringside, found from where this code
// itself lies (the command, or libringside.so), so that a prefix can be moved.
const DataFolders& data_folders();

}  // namespace ringside
