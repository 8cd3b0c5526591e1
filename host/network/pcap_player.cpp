#include "host/network/pcap_player.h"

#include "host/network/internet.h"

namespace ringside {

PcapPlayer::PcapPlayer(std::vector<CapturedFrame> frames, Tick start, SwitchPort& port, EventQueue& events)
    : frames_(std::move(frames)), start_(start), port_(port), events_(events) {
  port_.set_receiver([](std::span<const uint8_t>) {});
  schedule();
}

PcapPlayer::~PcapPlayer() {
  port_.set_receiver({});
  events_.cancel(event_);
}

void PcapPlayer::schedule() {
  if (finished()) return;
  event_ = events_.schedule(saturating_add(start_, frames_[next_].at), "pcap/frame", [this] { send_next(); });
}

void PcapPlayer::send_next() {
  event_ = {};
  // A frame that was captured where it was sent may lack its padding.
  std::vector<uint8_t> frame = frames_[next_++].bytes;
  if (frame.size() < ethernet::frame_bytes_min) frame.resize(ethernet::frame_bytes_min);
  schedule();
  port_.transmit(frame);
}

void PcapPlayer::visit_state(StateVisitor& visitor) const {
  visitor.number("next_frame", next_);
  visitor.number("next_at", event_.at.ps);
}

}  // namespace ringside
