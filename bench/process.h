// Other processes, for benchmarks of whole commands: run one, talk to it, and take its CPU time by wait4().
#pragma once

#include <string>
#include <vector>

#include <filesystem>
#include <optional>

namespace ringside::bench {

struct CpuUse {
  double user = 0, system = 0;  // seconds
};

// With nothing to read and its output thrown away. Nothing: it did not end with 0.
std::optional<CpuUse> run_quietly(const std::vector<std::string>& words);

// Runs it until its output has held `text`, then ends it. Nothing: it ended before.
std::optional<CpuUse> run_until(const std::vector<std::string>& words, const std::string& text);

// A folder of our own, because several may run at once.
class Folder {
 public:
  Folder();
  ~Folder();
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace ringside::bench
