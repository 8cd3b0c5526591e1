#include "cpu/code_pages.h"

#include "sim/hash.h"

namespace ringside {

void CodePages::change(size_t frame, CodeState state) {
  frames_[frame].state = state;
  if (state == CodeState::mixed && !frames_[frame].listed) {
    frames_[frame].listed = true;
    mixed_.push_back(frame);
  }
  digest_ = hash_mix(digest_, frame * 4 + static_cast<uint64_t>(state));
}

CodePages::Step CodePages::access(size_t frame, Access access, bool executable, bool own_block, Tick now) {
  Frame& entry = frames_[frame];
  Step step;
  if (access == Access::fetch && entry.state == CodeState::data) {
    step.flush = true;
    change(frame, entry.flips >= kFlipsMax ? CodeState::mixed : CodeState::code);
  } else if (access == Access::write && entry.state == CodeState::code && own_block && executable) {
    step.flush = true;
    entry.flips = kFlipsMax;
    entry.last_flip = now;
    change(frame, CodeState::mixed);
  } else if (access == Access::write &&
             (entry.state == CodeState::code || (entry.state == CodeState::mixed && !executable))) {
    step.flush = step.drop_blocks = true;
    if (now - entry.last_flip > kForgotten) entry.flips = 0;
    if (entry.flips < kFlipsMax) ++entry.flips;
    entry.last_flip = now;
    change(frame, CodeState::data);
  }
  step.may_write = entry.state == CodeState::data || (entry.state == CodeState::mixed && executable);
  step.may_execute = entry.state != CodeState::data;
  return step;
}

bool CodePages::reconsider_mixed(Tick now) {
  bool any = false;
  std::erase_if(mixed_, [&](size_t frame) {
    Frame& entry = frames_[frame];
    const bool mixed = entry.state == CodeState::mixed;
    if (mixed && now - entry.last_flip <= kForgotten) return false;
    entry.listed = false;
    if (!mixed) return true;
    entry.flips = 0;
    entry.last_flip = now;
    change(frame, CodeState::code);
    any = true;
    return true;
  });
  return any;
}

bool RememberedCode::remember(const Memory& memory, Mfn frame) {
  if (frames_.count(frame.value) != 0) return true;
  if (frames_.size() >= kFramesMax) return false;
  const uint8_t* now = memory.at(frame.address(), kPageSize);
  frames_[frame.value].assign(now, now + kPageSize);
  return true;
}

bool CodePages::host_store(size_t frame) {
  if (frames_[frame].state == CodeState::data) return false;
  if (frames_[frame].state == CodeState::code) change(frame, CodeState::data);
  return true;
}

}  // namespace ringside
