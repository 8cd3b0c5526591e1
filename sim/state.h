// A component lists its state once. Digests, dumps of a divergence and later snapshots all come from the
// list.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside {

class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  virtual void number(std::string_view name, uint64_t value) = 0;
  virtual void bytes(std::string_view name, std::span<const uint8_t> value) = 0;
  void text(std::string_view name, std::string_view value) {
    bytes(name, {reinterpret_cast<const uint8_t*>(value.data()), value.size()});
  }
};

class Stateful {
 public:
  virtual ~Stateful() = default;
  // Names the state completely: two components that list the same behave the same from here on.
  virtual void visit_state(StateVisitor& visitor) const = 0;
};

// A hash over names and values.
uint64_t state_digest(const Stateful& component);

// "name=value" lines, for people.
std::vector<std::string> state_lines(const Stateful& component);

}  // namespace ringside
