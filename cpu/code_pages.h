// Which frames hold code that the emulator has translated, and what a refill of its TLB may therefore allow.
//
// The emulator notices a store to translated code only where its TLB entry is both writable and executable,
// and then every store to that page is slow. So a frame is normally one or the other:
//
//   data   mapped without X: the first fetch must ask, and turns the frame into
//   code   mapped without W: the first store must ask, and turns the frame into data (its blocks are
//   dropped), mixed  mapped with both: for frames that went back and forth kFlipsMax times, and for a frame
//   whose own
//          block stores into it, since only this way takes effect at the very next instruction. A store
//          through a mapping that may not be executed still turns it into data, until the next fetch.
//
// A change of state happens at the guest's first fetch or store after the last change, never at a mere
// refill, so it is the same in every run whatever the host does to the emulator's TLB.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "cpu/cpu.h"
#include "cpu/virtual_access.h"
#include "sim/ids.h"

namespace ringside {

enum class CodeState : uint8_t { data, code, mixed };

class CodePages {
 public:
  static constexpr uint8_t kFlipsMax = 8;
  // A frame that has been one thing for so long starts to count its flips anew, and a mixed one gets another
  // chance: a kernel that patches its code does so in bursts.
  static constexpr Tick kForgotten = milliseconds(2);

  explicit CodePages(size_t frames) : frames_(frames) {}

  // What an access of this kind does to the frame.
  struct Step {
    bool flush = false;        // the emulator's TLB holds entries that allow too much
    bool drop_blocks = false;  // its translated blocks are stale
    bool may_write = false;    // what the entry may allow, by the state of the frame alone
    bool may_execute = false;
  };
  // `executable`: the guest's tables allow this mapping to be executed. `own_block`: the block that is
  // running lies in this frame. `now` is virtual time; a core that gives none never forgets.
  Step access(size_t frame, Access access, bool executable, bool own_block, Tick now = {});

  // The host stored into the frame. True when there may be blocks to drop; then the frame is data again
  // (or still mixed), and the emulator's TLB must be flushed.
  bool host_store(size_t frame);
  // The same for a range: calls drop(address, length) for what may have been translated there. Of a frame
  // that was code all goes; of a mixed one only what was hit.
  template <class Drop>
  void host_store(const Memory& memory, GuestPhys address, uint64_t length, Drop drop) {
    for_each_page(address, length, [&](GuestPhys at, uint64_t part) {
      const size_t frame = memory.index_of(frame_of(at));
      const bool all = state(frame) == CodeState::code;
      if (host_store(frame)) all ? drop(frame_of(at).address(), kPageSize) : drop(at, part);
    });
  }

  // Gives frames that have been mixed for long enough another chance to be code. True when there was one;
  // then the emulator's TLB must be flushed. When to call it must depend on the guest alone.
  bool reconsider_mixed(Tick now);

  CodeState state(size_t frame) const { return frames_[frame].state; }
  // A number that two runs share exactly when all frames are in the same state.
  uint64_t digest() const { return digest_; }

 private:
  struct Frame {
    CodeState state = CodeState::data;
    uint8_t flips = 0;
    bool listed = false;  // in mixed_
    Tick last_flip;
  };
  void change(size_t frame, CodeState state);

  std::vector<Frame> frames_;
  std::vector<size_t> mixed_;  // frames that are, or were since the last reconsider_mixed()
  uint64_t digest_ = 0;
};

// Frames of code as they were when stores into them began. A kernel that patches itself changes a few bytes
// of many frames, so what was translated is kept until the next fetch from there, and then only what has
// changed goes.
class RememberedCode {
 public:
  // False when no more frames can be remembered.
  bool remember(const Memory& memory, Mfn frame);
  // At a fetch: calls drop(address, length) for what has changed since.
  template <class Drop>
  void compare(const Memory& memory, Mfn frame, Drop drop) {
    if (frames_.empty()) return;
    const auto found = frames_.find(frame.value);
    if (found == frames_.end()) return;
    const std::vector<uint8_t> before = std::move(found->second);
    frames_.erase(found);
    const uint8_t* now = memory.at(frame.address(), kPageSize);
    constexpr size_t kPiece = 64;
    for (size_t at = 0; at < kPageSize; at += kPiece) {
      if (std::memcmp(now + at, before.data() + at, kPiece) != 0) drop(frame.address() + at, kPiece);
    }
  }

 private:
  static constexpr size_t kFramesMax = 256;
  std::map<uint64_t, std::vector<uint8_t>> frames_;  // by number
};

}  // namespace ringside
