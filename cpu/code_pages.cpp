#include "cpu/code_pages.h"

#include "sim/hash.h"

namespace ringside {

void CodePages::change(size_t frame, CodeState state) {
  frames_[frame].state = state;
  if (state == CodeState::mixed) mixed_.push_back(frame);
  digest_ = hash_mix(digest_, frame * 4 + static_cast<uint64_t>(state));
}

CodePages::Step CodePages::access(size_t frame, Access access, bool executable, bool own_block) {
  Frame& entry = frames_[frame];
  Step step;
  if (access == Access::fetch && entry.state == CodeState::data) {
    step.flush = true;
    change(frame, entry.flips >= kFlipsMax ? CodeState::mixed : CodeState::code);
  } else if (access == Access::write && entry.state == CodeState::code && own_block && executable) {
    step.flush = true;
    entry.flips = kFlipsMax;
    change(frame, CodeState::mixed);
  } else if (access == Access::write &&
             (entry.state == CodeState::code || (entry.state == CodeState::mixed && !executable))) {
    step.flush = step.drop_blocks = true;
    if (entry.flips < kFlipsMax) ++entry.flips;
    change(frame, CodeState::data);
  }
  step.may_write = entry.state == CodeState::data || (entry.state == CodeState::mixed && executable);
  step.may_execute = entry.state != CodeState::data;
  return step;
}

bool CodePages::reconsider_mixed() {
  const std::vector<size_t> frames = std::move(mixed_);
  mixed_.clear();
  for (size_t frame : frames) {
    if (frames_[frame].state != CodeState::mixed) continue;
    frames_[frame].flips = kFlipsMax / 2;
    change(frame, CodeState::code);
  }
  return !frames.empty();
}

bool CodePages::host_store(size_t frame) {
  if (frames_[frame].state == CodeState::data) return false;
  if (frames_[frame].state == CodeState::code) change(frame, CodeState::data);
  return true;
}

}  // namespace ringside
