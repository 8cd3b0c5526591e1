// An Ethernet segment: a deterministic learning switch, and what is plugged into it. A device (a NIC model, a
// netback) holds a SwitchPort; so do the peers: a responder, a pcap player, a pcap writer. Several machines
// of one process may share a switch.
//
// Frames are whole Ethernet II frames without preamble and FCS, 14 bytes at least; the sender pads. A frame
// arrives at the other ports after the switch's latency, in the order of sending. What is too short, longer
// than kFrameBytesMax, or finds kFramesInFlightMax frames inside the switch is lost and counted.
//
// The switch learns behind which port an address is from the frames that it sends (IEEE 802.1D 7.8), and
// forgets what it has learned of a port whose cable is pulled. Frames for a group or for an unknown address
// go everywhere.
//
// A frame may be sent with something left to do (offload.h). A port whose owner can take it so gets it as it
// is; for every other one the switch finishes it, which may make many frames of one.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/network/offload.h"
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
  // The same, for one that takes frames that are not finished. It is called instead of the other.
  using OffloadReceiver = std::function<void(std::span<const uint8_t> frame, const FrameOffload& offload)>;
  void set_offload_receiver(OffloadReceiver receiver) { offload_receiver_ = std::move(receiver); }
  // Hands a frame to the switch, at the moment when its last bit has left the sender.
  void transmit(std::span<const uint8_t> frame, const FrameOffload& offload = {});

  // The cable. Listeners hear changes.
  bool link_up() const { return link_up_; }
  void set_link(bool up);
  void on_link_change(std::function<void(bool up)> listener) { link_listener_ = std::move(listener); }

  // A monitor hears every frame that passes the switch, whoever it is for.
  void set_monitor(bool on) { monitor_ = on; }

 private:
  friend class EthernetSwitch;
  EthernetSwitch* owner_ = nullptr;
  std::string name_;
  Receiver receiver_;
  OffloadReceiver offload_receiver_;
  std::function<void(bool)> link_listener_;
  bool link_up_ = true;
  bool monitor_ = false;
};

class EthernetSwitch final : public Stateful {
 public:
  static constexpr size_t kFrameBytesMin = 14;
  static constexpr size_t kFrameBytesMax = 16'384;  // jumbo frames of any NIC
  static constexpr size_t kUncutBytesMax = 65'549;  // before it is cut into segments: an IP packet's limit
  static constexpr size_t kFramesInFlightMax = 16'384;
  static constexpr size_t kLearnedMax = 1024;

  // `latency`: from the last bit in to the last bit out.
  EthernetSwitch(std::string name, Tick latency, const Clock& clock, EventQueue& events);
  ~EthernetSwitch() override;
  EthernetSwitch(const EthernetSwitch&) = delete;
  EthernetSwitch& operator=(const EthernetSwitch&) = delete;

  // Ports live as long as the switch.
  SwitchPort& attach(std::string name);

  // Frames that reached a receiver, each counted, and that did not.
  uint64_t delivered() const { return delivered_; }
  uint64_t lost() const { return lost_; }

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend class SwitchPort;
  // On its way to one port, or to all others.
  struct InFlight {
    SwitchPort* from;
    std::vector<uint8_t> frame;
    FrameOffload offload;
    EventQueue::Handle event;
  };
  void forward(SwitchPort& from, std::span<const uint8_t> frame, const FrameOffload& offload);
  void learn(const MacAddress& address, SwitchPort& port);
  void forget(const SwitchPort& port);
  void arrive();
  void deliver(SwitchPort& to, const InFlight& passing);

  const std::string name_;
  const Tick latency_;
  const Clock& clock_;
  EventQueue& events_;
  std::vector<std::unique_ptr<SwitchPort>> ports_;
  std::map<MacAddress, SwitchPort*> learned_;  // bounded; a full table floods
  std::deque<InFlight> in_flight_;             // all take the same time: first in, first out
  uint64_t delivered_ = 0, lost_ = 0;
};

}  // namespace ringside
