// What processes of a campaign tell each other: plain records in shared memory and in a pipe, because a child
// of a fork should not ask for memory more than its guest makes it.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "campaign/run_result.h"

namespace ringside {

// Text in a record; what does not fit is cut.
template <size_t kSize>
class FixedText {
 public:
  void operator=(std::string_view text) {
    size_ = static_cast<uint16_t>(std::min(text.size(), kSize));
    std::copy_n(text.data(), size_, text_.data());
  }
  std::string_view view() const { return {text_.data(), size_}; }
  std::string string() const { return std::string(view()); }

 private:
  uint16_t size_ = 0;
  std::array<char, kSize> text_;
};

struct FaultRecord {
  uint64_t nth = 0;
  FixedText<160> kind, wire;
  FixedText<120> action;
  CampaignFault fault() const { return {kind.string(), wire.string(), nth, action.string()}; }
};

// How a run ended, in memory that the child shares with its parent.
struct ChildReport {
  bool done = false;
  RunVerdict verdict = RunVerdict::survived;
  int32_t exit_code = 0;
  uint64_t instructions = 0;
  uint64_t at_ps = 0;
  // Points behind the fault: what a second one may strike.
  uint64_t later_points = 0;
  FixedText<200> symptom;
  FixedText<400> reason;

  void take(const Judgement& judgement);
  Judgement judgement() const;
};

// To the campaign's own process, through a pipe. Small enough to be written as a whole by whoever writes.
struct TrunkMessage {
  enum class Kind : uint8_t { result, pairs_done, failed };
  static constexpr uint64_t kNoSecond = UINT64_MAX;

  Kind kind = Kind::result;
  uint64_t point = 0;
  uint64_t second = kNoSecond;  // pairs_done: how many
  FaultRecord second_fault;
  ChildReport report;  // failed: `reason` says what
};

}  // namespace ringside
