// A session file as the viewer holds it: read in slices, so that the window stays alive meanwhile, and read
// on when the file grows. What is wrong with a file ends up in problem(), and what could be read stays.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/result.h"
#include "sim/session/session.h"
#include "viewer/session/crossing_table.h"

namespace ringside::viewer {

class ViewedSession {
 public:
  // An error where nothing at all can be shown: no file, no session, no header.
  static Result<std::unique_ptr<ViewedSession>> open(const std::string& path);
  // For a live machine: an empty table that somebody else fills.
  static std::unique_ptr<ViewedSession> make_live(SessionHeader header);
  ~ViewedSession();

  // Reads on for about so long. True where something has changed.
  bool read_for(std::chrono::nanoseconds budget);
  // All that is in the file by now has been read.
  bool is_read() const;
  double progress() const;  // 0 to 1, by bytes

  const std::string& path() const;
  const SessionHeader& header() const;
  CrossingTable& table();
  const CrossingTable& table() const;
  struct Input {
    InputRecord record;
    Row before = kNoRow;  // the last row when it came
  };
  const std::vector<Input>& inputs() const;
  struct Epoch {
    Tick at;
    uint64_t instructions = 0;
  };
  const std::vector<Epoch>& epochs() const;
  const std::optional<RunOutcome>& outcome() const;
  // What is wrong with the file, in words for people: "cut: 1,204 bytes behind epoch 17 are lost". Empty:
  // nothing.
  const std::string& problem() const;
  // It grows: no outcome yet, and somebody wrote to it in the last seconds.
  bool is_growing() const;

 private:
  struct Impl;
  explicit ViewedSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::viewer
