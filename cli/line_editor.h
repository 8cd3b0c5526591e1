// Lines from a person at a terminal, with editing, history and completion (libedit). The history is kept in
// the user's state folder.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::cli {

class LineEditor {
 public:
  // What may stand at the end of a line instead of its last word.
  using Complete = std::function<std::vector<std::string>(std::string_view line)>;

  explicit LineEditor(Complete complete);
  ~LineEditor();

  // Without its end; none at the end of input. Ctrl-C gives an empty line.
  std::optional<std::string> read(const std::string& prompt);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::cli
