// The world outside as a machine's devices may ask it (sim/exchange.h): asked where the machine runs freely,
// and its answers recorded; taken from the recording where it replays.
#pragma once

#include <sys/types.h>

#include "sim/clock.h"
#include "sim/exchange.h"
#include "sim/session/recorder.h"
#include "sim/session/replayer.h"

namespace ringside {

class MachineOutside final : public Outside {
 public:
  // `inputs` numbers what comes from outside, together with the run loop. Recorder and replayer may be null.
  MachineOutside(const Clock& clock, Recorder* recorder, Replayer* replayer, uint64_t& inputs);

  Answer exchange(std::string_view wire, const Ask& ask) override;
  bool may_converse() const override;

  // From a child that goes on as the machine: conversations are its own now.
  void take_over();

 private:
  void record(std::string_view wire, const Answer& answer);

  const Clock& clock_;
  Recorder* recorder_;
  Replayer* replayer_;
  uint64_t& inputs_;
  pid_t owner_;
};

}  // namespace ringside
