#include "viewer/panels/ring_glide.h"

#include <cmath>

namespace ringside::viewer {

namespace {

constexpr double kSeconds = 0.2, kTimeConstant = 0.05;

}  // namespace

void RingGlide::settle() {
  moves_ = false;
  for (size_t i = 0; i < kIndices; ++i) shown_[i] = wanted_[i] = indices_[i];
  slots_.clear();
  for (const Color& color : wanted_slots_)
    slots_.push_back({static_cast<float>(color.r), static_cast<float>(color.g), static_cast<float>(color.b)});
}

bool RingGlide::follow(const std::string& ring, const Indices& indices, const std::vector<Color>& slots,
                       double once, double clock) {
  if (ring != ring_ || slots.size() != slots_.size()) {
    ring_ = ring;
    indices_ = indices;
    wanted_slots_ = slots;
    clock_ = clock;
    settle();
    return false;
  }
  if (indices != indices_ || slots != wanted_slots_) {
    for (size_t i = 0; i < kIndices; ++i) {
      // Indices run freely, and over: what counts is how far they have gone. More than once round is not
      // shown.
      wanted_[i] += static_cast<int32_t>(indices[i] - indices_[i]);
      shown_[i] = std::clamp(shown_[i], wanted_[i] - once, wanted_[i] + once);
    }
    indices_ = indices;
    wanted_slots_ = slots;
    if (!moves_) clock_ = clock;
    moves_ = true;
    settled_at_ = clock + kSeconds;
  }
  if (!moves_) return false;
  if (clock >= settled_at_) {
    settle();
    return false;
  }
  const double part = 1 - std::exp(-std::max(0.0, clock - clock_) / kTimeConstant);
  clock_ = clock;
  for (size_t i = 0; i < kIndices; ++i) shown_[i] += (wanted_[i] - shown_[i]) * part;
  const auto shade = static_cast<float>(part);
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].r += (static_cast<float>(wanted_slots_[i].r) - slots_[i].r) * shade;
    slots_[i].g += (static_cast<float>(wanted_slots_[i].g) - slots_[i].g) * shade;
    slots_[i].b += (static_cast<float>(wanted_slots_[i].b) - slots_[i].b) * shade;
  }
  return true;
}

}  // namespace ringside::viewer
