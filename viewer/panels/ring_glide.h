// Between two crossings a ring's hands do not jump: they glide, and slots fade into their new colours, within
// a fifth of a second. While the session plays, each frame brings another target, and the glide follows.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

class RingGlide {
 public:
  static constexpr size_t kIndices = 6;
  using Indices = std::array<uint32_t, kIndices>;
  // Takes what is to be shown, `once` being how far once round is; true while it still moves. Another ring is
  // shown at once.
  bool follow(const std::string& ring, const Indices& indices, const std::vector<Color>& slots, double once,
              double clock);

  // Free-running; between two numbers while it moves.
  double index(size_t which) const { return shown_[which]; }
  Color slot(uint32_t which) const { return which < slots_.size() ? slots_[which].color() : Color{}; }

 private:
  struct Shade {
    float r = 0, g = 0, b = 0;
    Color color() const {
      return {static_cast<uint8_t>(r + 0.5F), static_cast<uint8_t>(g + 0.5F), static_cast<uint8_t>(b + 0.5F)};
    }
  };
  void settle();

  std::string ring_;
  Indices indices_{};
  std::vector<Color> wanted_slots_;
  std::array<double, kIndices> shown_{}, wanted_{};
  std::vector<Shade> slots_;
  double clock_ = 0, settled_at_ = 0;
  bool moves_ = false;
};

}  // namespace ringside::viewer
