// What guests print, as a person reads it. A single guest's bytes pass as they are. Several guests print at
// the same time, so each of their lines stands alone behind its domain's name; a line waits until it is
// whole, except the open one of the domain at which a person types.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace ringside::cli {

class ConsoleOutput {
 public:
  using Sink = std::function<void(std::string_view)>;
  // `typed_at` is the domain at which a person types, empty without one. On a terminal its open line is
  // erased before another domain's line steps in front of it.
  ConsoleOutput(bool several, std::string typed_at, bool on_terminal, Sink sink);

  void write(const std::string& domain, std::span<const uint8_t> bytes);
  // The lines that no newline has ended.
  void finish();

 private:
  void add(const std::string& domain, std::string_view piece);
  void end_line(const std::string& domain, std::string& line);

  const bool several_;
  const std::string typed_at_;
  const bool on_terminal_;
  const Sink sink_;
  std::map<std::string, std::string> open_;  // by domain
};

}  // namespace ringside::cli
