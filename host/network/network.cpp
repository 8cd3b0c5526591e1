#include "host/network/network.h"

#include <algorithm>

#include "sim/hash.h"

namespace ringside {

void SwitchPort::transmit(std::span<const uint8_t> frame, const FrameOffload& offload) {
  owner_->forward(*this, frame, offload);
}

void SwitchPort::set_link(bool up) {
  if (up == link_up_) return;
  link_up_ = up;
  if (!up) owner_->forget(*this);
  if (link_listener_) link_listener_(up);
}

EthernetSwitch::EthernetSwitch(std::string name, Tick latency, const Clock& clock, EventQueue& events)
    : name_(std::move(name)), latency_(latency), clock_(clock), events_(events) {}

EthernetSwitch::~EthernetSwitch() {
  for (InFlight& frame : in_flight_) events_.cancel(frame.event);
}

SwitchPort& EthernetSwitch::attach(std::string name) {
  SwitchPort& port = *ports_.emplace_back(std::make_unique<SwitchPort>());
  port.owner_ = this;
  port.name_ = std::move(name);
  return port;
}

void EthernetSwitch::forward(SwitchPort& from, std::span<const uint8_t> frame, const FrameOffload& offload) {
  const size_t bytes_max = offload.segment_bytes != 0 ? kUncutBytesMax : kFrameBytesMax;
  if (!from.link_up_ || frame.size() < kFrameBytesMin || frame.size() > bytes_max ||
      in_flight_.size() >= kFramesInFlightMax) {
    ++lost_;
    return;
  }
  MacAddress source;
  std::copy_n(frame.begin() + 6, source.size(), source.begin());
  learn(source, from);
  InFlight& entry = in_flight_.emplace_back();
  entry.from = &from;
  entry.frame.assign(frame.begin(), frame.end());
  entry.offload = offload;
  entry.event = events_.schedule(saturating_add(clock_.now, latency_), "switch/frame", [this] { arrive(); });
}

void EthernetSwitch::learn(const MacAddress& address, SwitchPort& port) {
  // A group is nobody's own address.
  if ((address[0] & 1) != 0) return;
  if (const auto known = learned_.find(address); known != learned_.end()) {
    known->second = &port;  // the station has moved
  } else if (learned_.size() < kLearnedMax) {
    learned_.emplace(address, &port);
  }
}

void EthernetSwitch::forget(const SwitchPort& port) {
  std::erase_if(learned_, [&](const auto& entry) { return entry.second == &port; });
}

// The frame that has been inside longest comes out.
void EthernetSwitch::arrive() {
  // What hears the frame may send one.
  const InFlight passing = std::move(in_flight_.front());
  in_flight_.pop_front();
  MacAddress destination;
  std::copy_n(passing.frame.begin(), destination.size(), destination.begin());
  const auto known = learned_.find(destination);
  const SwitchPort* only = known != learned_.end() ? known->second : nullptr;
  for (size_t i = 0; i < ports_.size(); ++i) {
    SwitchPort& port = *ports_[i];
    if (&port == passing.from) continue;
    if (only == nullptr || only == &port || port.monitor_) deliver(port, passing);
  }
}

void EthernetSwitch::deliver(SwitchPort& to, const InFlight& passing) {
  if (!to.link_up_ || (!to.receiver_ && !to.offload_receiver_)) {
    ++lost_;
    return;
  }
  if (to.offload_receiver_) {
    ++delivered_;
    return to.offload_receiver_(passing.frame, passing.offload);
  }
  const bool finished =
      finish_frame(passing.frame, passing.offload, [this, &to](std::span<const uint8_t> frame) {
        ++delivered_;
        if (to.receiver_) to.receiver_(frame);
      });
  if (!finished) ++lost_;
}

void EthernetSwitch::visit_state(StateVisitor& visitor) const {
  const auto index_of = [&](const SwitchPort* port) {
    return static_cast<uint64_t>(
        std::find_if(ports_.begin(), ports_.end(), [&](const auto& have) { return have.get() == port; }) -
        ports_.begin());
  };
  uint64_t table = learned_.size();
  for (const auto& [address, port] : learned_) {
    table = hash_mix(hash_mix(table, hash64(std::span<const uint8_t>(address))), index_of(port));
  }
  uint64_t frames = in_flight_.size();
  for (const InFlight& frame : in_flight_) {
    frames = hash_mix(hash_mix(frames, hash64(std::span<const uint8_t>(frame.frame))), frame.event.at.ps);
    frames = hash_mix(frames, index_of(frame.from));
    if (frame.offload.empty()) continue;
    frames = hash_mix(frames, frame.offload.segment_bytes * 2u + frame.offload.checksum_blank);
  }
  uint64_t links = ports_.size();
  for (const auto& port : ports_) links = hash_mix(links, port->link_up_ ? 1 : 0);
  visitor.number("learned", table);
  visitor.number("in_flight", frames);
  visitor.number("links", links);
  // Not the counts: they decide nothing, and a replay, which writes no capture, has one listener less.
}

}  // namespace ringside
