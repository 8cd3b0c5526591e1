#include "machine/outside.h"

#include <unistd.h>

#include <algorithm>

#include "sim/assert.h"

namespace ringside {

MachineOutside::MachineOutside(const Clock& clock, Recorder* recorder, Replayer* replayer, uint64_t& inputs)
    : clock_(clock), recorder_(recorder), replayer_(replayer), inputs_(inputs), owner_(getpid()) {}

Outside::Answer MachineOutside::exchange(std::string_view wire, const Ask& ask) {
  Answer answer;
  if (replayer_ != nullptr) {
    auto recorded = replayer_->take_answer(wire);
    if (!recorded) return {};
    answer = std::move(*recorded);
  } else {
    answer = ask();
    SIM_ASSERT(!answer.empty());
  }
  record(wire, answer);
  return answer;
}

void MachineOutside::record(std::string_view wire, const Answer& answer) {
  for (size_t at = 0; at < answer.size();) {
    const size_t size = std::min<size_t>(answer.size() - at, InputRecord::bytes_max);
    InputRecord part{++inputs_, clock_.now, clock_.instructions, std::string(wire), {}, true, false};
    if (recorder_ != nullptr) {
      part.bytes.assign(answer.begin() + static_cast<ptrdiff_t>(at),
                        answer.begin() + static_cast<ptrdiff_t>(at + size));
      part.continued = at + size < answer.size();
      recorder_->record_input(part);
    }
    at += size;
  }
}

bool MachineOutside::may_converse() const { return getpid() == owner_; }

void MachineOutside::take_over() { owner_ = getpid(); }

}  // namespace ringside
