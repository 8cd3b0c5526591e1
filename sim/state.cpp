#include "sim/state.h"

#include <fmt/format.h>

#include "sim/hash.h"

namespace ringside {

namespace {

class Hasher : public StateVisitor {
 public:
  void number(std::string_view name, uint64_t value) override {
    running_ = hash_mix(hash64(name, running_), value);
  }
  void bytes(std::string_view name, std::span<const uint8_t> value) override {
    running_ = hash_mix(hash64(name, running_), hash64(value));
  }
  uint64_t result() const { return running_; }

 private:
  uint64_t running_ = 0;
};

class Lister : public StateVisitor {
 public:
  void number(std::string_view name, uint64_t value) override {
    lines_.push_back(fmt::format("{}={:#x}", name, value));
  }
  void bytes(std::string_view name, std::span<const uint8_t> value) override {
    constexpr size_t kShown = 32;
    std::string hex;
    for (const uint8_t byte : value.first(std::min(value.size(), kShown))) hex += fmt::format("{:02x}", byte);
    lines_.push_back(
        fmt::format("{}={}{} ({} bytes)", name, hex, value.size() > kShown ? "..." : "", value.size()));
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

}  // namespace

uint64_t state_digest(const Stateful& component) {
  Hasher hasher;
  component.visit_state(hasher);
  return hasher.result();
}

std::vector<std::string> state_lines(const Stateful& component) {
  Lister lister;
  component.visit_state(lister);
  return lister.take();
}

}  // namespace ringside
