// Scripts of what a person would do, one command a line: they push SDL's events, look at what the viewer says
// of itself, and at its picture. `ringside view FILE --script FILE` runs one (docs/viewer.md); the tests are
// such files.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "sim/result.h"
#include "viewer/window/app.h"

namespace ringside::viewer {

class Script {
 public:
  // "-": standard input, whole. An unknown command, or one with too few words, is an error with its line.
  static Result<Script> load(const std::string& path);

  bool is_done() const { return next_ >= commands_.size(); }
  // Before each frame: goes on as far as the window need not be drawn in between. An error is an expectation
  // that failed, with its line.
  Result<> step(App& app, double seconds);

 private:
  struct Command {
    unsigned line = 0;
    std::vector<std::string> words;
    std::string rest;  // all behind the first word
  };
  tl::unexpected<Error> wrong(const Command& command, const std::string& what) const;
  Result<> execute(const Command& command, App& app);
  Result<Point> place(const Command& command, App& app, const std::string& word) const;
  Result<bool> holds(const Command& command, App& app, size_t first) const;
  Result<> execute_live(const Command& command, App& app) const;
  Result<> expect_color(const Command& command, App& app) const;

  std::string name_;
  std::vector<Command> commands_;
  size_t next_ = 0;
  int frames_left_ = 0;
  double waited_ = 0;
  std::vector<std::string> later_;  // the button that is let go in the next frame
  Point released_at_;
};

}  // namespace ringside::viewer
