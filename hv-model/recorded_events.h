// The other ends of event channels as a recording: for each channel of a domain what was sent to it, the
// recorded delay behind the domain's own sends. It is learnt from "<domain>/evtchn" of a session in which the
// other domain ran; in a run without it the channels go on as if it did.
//
// Channels are told apart by their port and by which use of that port it is. What the other end sent is kept
// by the domain's own sends on the same channel: what came before the first belongs to its making, what came
// behind the nth to the nth. A driver that sends once more than the recorded one did has asked what the
// recording cannot answer: nothing comes, there is a notice, and a place in the run's list.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hv-model/hypervisor.h"
#include "hv-model/remote_ends.h"
#include "sim/session/unanswered.h"

namespace ringside {

class EventRecording {
 public:
  // A payload of the wire, with the flags of its crossing.
  void learn(std::span<const uint8_t> payload, bool out, uint8_t flags, Tick at);
  bool empty() const { return channels_.empty(); }

 private:
  friend class RecordedEvents;
  struct Step {
    Tick delay;
    bool binds = false;  // the other end binds the port; else it sends
    uint32_t remote_port = 0;
  };
  struct Channel {
    uint16_t remote = 0;
    uint32_t remote_port = 0;
    bool bound_here = false;               // by the domain itself
    std::vector<std::vector<Step>> steps;  // by how often the domain had sent
    Tick sent_at;                          // while learning
    bool told = false;                     // while learning: of a binding of its own, by Xen
  };
  using Channels = std::map<uint32_t, std::vector<Channel>>;  // by port, use by use
  Channels channels_;
  std::map<uint32_t, bool> open_;
};

class RecordedEvents final : public RemoteEnds {
 public:
  RecordedEvents(Hypervisor& hypervisor, std::string source, UnansweredRequests& unanswered);
  ~RecordedEvents() override;

  void add(DomainId domain, EventRecording recording);

  void allocated(DomainId domain, EventPort port, DomainId remote) override;
  bool can_bind(DomainId domain, DomainId remote, EventPort remote_port) override;
  void bound(DomainId domain, EventPort port, DomainId remote, EventPort remote_port) override;
  void sent(DomainId domain, EventPort port) override;
  void closed(DomainId domain, EventPort port) override;

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Live {
    const EventRecording::Channel* recorded = nullptr;  // null: the recording has no such channel
    uint32_t sends = 0;
    Tick last_due;
    std::map<uint64_t, EventQueue::Handle> pending;
  };
  struct Side {
    EventRecording recording;
    std::map<uint32_t, uint32_t> uses;  // of each port
    std::map<uint32_t, Live> live;      // by port
  };

  void start(DomainId domain, EventPort port, DomainId remote, bool bound_here);
  void start_steps(DomainId domain, EventPort port, Live& live, uint32_t sends);
  void take_step(DomainId domain, EventPort port, const EventRecording::Step& step);
  void cannot_answer(DomainId domain, const std::string& request, const std::string& why);

  Hypervisor& hypervisor_;
  const std::string source_;
  UnansweredRequests& unanswered_;
  std::map<DomainId, Side> sides_;
  uint64_t last_number_ = 0;
  uint64_t history_hash_ = 0;
};

}  // namespace ringside
