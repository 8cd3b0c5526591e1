// An Ethernet segment: a deterministic learning switch, and what is plugged into it. A device (a NIC model, a
// netback) holds a SwitchPort; so do the peers (peer.h): a responder, a pcap player, a pcap writer. Several
// machines of one process may share a switch.
//
// Frames are whole Ethernet II frames without preamble and FCS, 14 bytes at least; the sender pads. A frame
// arrives at the other ports after the switch's latency, in the order of sending.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/state.h"
#include "sim/tick.h"

namespace ringside {

using MacAddress = std::array<uint8_t, 6>;

class EthernetSwitch;

class SwitchPort {
 public:
  using Receiver = std::function<void(std::span<const uint8_t> frame)>;

  const std::string& name() const { return name_; }
  // Called from the event queue for each frame that reaches this port. Frames that arrive while there is no
  // receiver, or while the link is down, are lost and counted.
  void set_receiver(Receiver receiver) { receiver_ = std::move(receiver); }
  // Hands a frame to the switch, at the moment when its last bit has left the sender.
  void transmit(std::span<const uint8_t> frame);

  // The cable. Listeners hear changes.
  bool link_up() const { return link_up_; }
  void set_link(bool up);
  void on_link_change(std::function<void(bool up)> listener) { link_listener_ = std::move(listener); }

 private:
  friend class EthernetSwitch;
  EthernetSwitch* owner_ = nullptr;
  std::string name_;
  Receiver receiver_;
  std::function<void(bool)> link_listener_;
  bool link_up_ = true;
};

class EthernetSwitch final : public Stateful {
 public:
  // `latency`: from the last bit in to the last bit out.
  EthernetSwitch(std::string name, Tick latency, const Clock& clock, EventQueue& events);
  ~EthernetSwitch() override;
  EthernetSwitch(const EthernetSwitch&) = delete;
  EthernetSwitch& operator=(const EthernetSwitch&) = delete;

  // Ports live as long as the switch.
  SwitchPort& attach(std::string name);

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend class SwitchPort;
  void forward(SwitchPort& from, std::span<const uint8_t> frame);

  const std::string name_;
  const Tick latency_;
  const Clock& clock_;
  EventQueue& events_;
  std::vector<std::unique_ptr<SwitchPort>> ports_;
  std::map<MacAddress, SwitchPort*> learned_;  // bounded; a full table floods
  uint64_t forwarded_ = 0, lost_ = 0;
};

}  // namespace ringside
