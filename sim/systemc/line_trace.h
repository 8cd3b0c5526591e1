// Interrupt lines as a VCD file, by SystemC's own sc_trace, for GTKWave and its like. Each line is a signal
// whose changes stand at their virtual time, in picoseconds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/result.h"
#include "sim/systemc/timeline.h"

namespace ringside {

class LineTrace {
 public:
  // Before the timeline runs. `path` should end in ".vcd".
  static Result<std::unique_ptr<LineTrace>> create(const std::string& path,
                                                   const std::vector<std::string>& names, Timeline& timeline);
  ~LineTrace();

  void set(size_t line, bool level);
  // In the timeline's body, as its last act: SystemC writes a change only when its time goes on.
  void catch_up();
  // Closes the file.
  Result<> finish();

 private:
  struct Impl;
  explicit LineTrace(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
