// Sends the frames of a capture into a switch, at the distances at which they were captured: the first one at
// `start`. What comes back goes nowhere.
#pragma once

#include <vector>

#include "host/network/capture_file.h"
#include "host/network/network.h"
#include "sim/state.h"

namespace ringside {

class PcapPlayer final : public Stateful {
 public:
  // Takes the port's receiver. `frames` as read_capture gives them.
  PcapPlayer(std::vector<CapturedFrame> frames, Tick start, SwitchPort& port, EventQueue& events);
  ~PcapPlayer() override;
  PcapPlayer(const PcapPlayer&) = delete;
  PcapPlayer& operator=(const PcapPlayer&) = delete;

  size_t sent() const { return next_; }
  bool finished() const { return next_ == frames_.size(); }
  void visit_state(StateVisitor& visitor) const override;

 private:
  void schedule();
  void send_next();

  const std::vector<CapturedFrame> frames_;
  const Tick start_;
  SwitchPort& port_;
  EventQueue& events_;
  size_t next_ = 0;
  EventQueue::Handle event_;
};

}  // namespace ringside
