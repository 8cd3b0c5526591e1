// Event channels (public/event_channel.h), of the 2-level ABI and, once a guest asks for it, of the FIFO ABI
// (event_fifo.h). A table per domain; ports are bound to virtual interrupts, inter-processor interrupts, or
// to a port of another domain. Domain 0 has no core: what reaches its ports calls the handler that a backend
// gave, from the event queue, never from within a guest's call.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "hv-model/event_fifo.h"
#include "sim/event_queue.h"
#include "sim/ids.h"
#include "sim/state.h"
#include "sim/wire.h"

namespace ringside {

class Hypervisor;
class RemoteEnds;  // hv-model/remote_ends.h
class Domain;

// What a crossing of "<domain>/evtchn" tells.
enum class EventOperation : uint8_t {
  send = 1,
  deliver,
  unmask,
  alloc_unbound,
  bind_interdomain,
  bind_virq,
  bind_ipi,
  bind_vcpu,
  close,
  reset,
  init_control,
  expand_array,
  set_priority
};

enum class ChannelState : uint8_t { free, reserved, unbound, interdomain, pirq, virq, ipi };

struct Channel {
  ChannelState state = ChannelState::free;
  bool xen_consumer = false;  // bound by the toolstack for the domain: closing is refused
  DomainId remote_domain;     // unbound: who may bind; interdomain: the other end
  EventPort remote_port;
  uint32_t virq = 0;
  uint32_t vcpu = 0;              // notified vCPU
  FifoPort fifo;                  // kept when the port is freed
  std::function<void()> handler;  // domain 0 only
  bool pending_call = false;      // domain 0 only: an event waits for the handler
  EventQueue::Handle call;        // domain 0 only: the call of the handler
};

class EventChannels : public Stateful {
 public:
  static constexpr uint32_t kPortsMax = 4096;  // EVTCHN_2L_NR_CHANNELS of a 64-bit guest

  static constexpr uint32_t kPortsPerBucket = 64;  // a table grows by so many; Xen's EVTCHNS_PER_BUCKET

  // Of an event that a fault repeats, each further one comes so much later: longer than a handler needs to
  // begin, so that it finds work of its own.
  static constexpr Tick kRepeatSpacing = microseconds(20);

  explicit EventChannels(Hypervisor& hypervisor);

  // An empty table, and for a domain with memory the wire "<domain>/evtchn".
  void add_domain(Domain& domain);

  // Each returns a port or 0 and more, or a negated XEN_ error. They are the semantics behind the hypercall;
  // backends and the toolstack call them directly.
  int64_t alloc_unbound(DomainId domain, DomainId remote);
  int64_t bind_interdomain(DomainId domain, DomainId remote, EventPort remote_port);
  int64_t bind_virq(DomainId domain, uint32_t virq, uint32_t vcpu);
  int64_t bind_ipi(DomainId domain, uint32_t vcpu);
  int64_t close(DomainId domain, EventPort port);
  int64_t send(DomainId domain, EventPort port);
  int64_t unmask(DomainId domain, EventPort port);
  int64_t bind_vcpu(DomainId domain, EventPort port, uint32_t vcpu);
  int64_t reset(DomainId domain);
  int64_t init_control(Domain& domain, uint64_t frame, uint32_t offset, uint32_t vcpu);
  int64_t expand_array(Domain& domain, uint64_t frame);
  int64_t set_priority(DomainId domain, EventPort port, uint32_t priority);
  const Channel* find(DomainId domain, EventPort port) const;

  // Who is at the other end of channels whose domain is not here; null: nobody. It outlives this, or is taken
  // back. It has its say through the two functions behind.
  void set_remote_ends(RemoteEnds* ends) { remote_ends_ = ends; }
  void bind_from_outside(DomainId domain, EventPort port, DomainId remote, EventPort remote_port);
  void deliver_from_outside(DomainId domain, EventPort port);

  // For domain 0: what to do when an event arrives at this port.
  void set_handler(EventPort port, std::function<void()> handler);
  // Raises a virtual interrupt that the domain has bound; does nothing otherwise.
  void raise_virq(Domain& domain, uint32_t virq);
  // Sets a port pending by the domain's ABI (Xen's evtchn_2l_set_pending, evtchn_fifo_set_pending).
  void set_pending(Domain& domain, EventPort port);
  bool is_pending(const Domain& domain, EventPort port) const;
  // Where the port's word is; nothing unless the domain uses the FIFO ABI and has given a page for it.
  std::optional<GuestPhys> fifo_word(DomainId domain, EventPort port) const;

  // EVTCHNOP_*: reads and writes the guest's argument.
  int64_t hypercall(Domain& domain, uint32_t command, GuestVirt argument);
  // EVTCHNOP_reset closes what is open; the toolstack's channels stay.
  uint32_t ports_in_use(DomainId domain) const;
  // The guest's pages that the FIFO ABI holds, each with a reference to its writable type.
  std::vector<Mfn> held_frames(DomainId domain) const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Table {
    std::vector<Channel> channels;          // grows on demand up to kPortsMax; port 0 is reserved
    std::array<uint32_t, 24> virq_ports{};  // NR_VIRQS; 0: not bound
    Wire* wire = nullptr;                   // "<domain>/evtchn"; null for domain 0
    std::unique_ptr<EventFifo> fifo;        // null: 2-level ABI
  };
  Channel* channel(DomainId domain, EventPort port);
  int64_t free_port(DomainId domain);
  int64_t bind_elsewhere(DomainId domain, DomainId remote, EventPort remote_port);
  void occupy(DomainId domain, EventPort port, Channel fresh);
  void leave_fifo(Domain& domain);
  void set_pending_fifo(Domain& domain, EventPort port);
  bool is_fifo(DomainId domain) const;
  void release(DomainId domain, EventPort port);
  Verdict show(DomainId domain, EventOperation operation, EventPort port, Direction direction);
  void transmit(DomainId from, DomainId to, EventPort port);
  void deliver(Domain& domain, EventPort port);
  void deliver_later(DomainId domain, EventPort port, Tick delay);
  void raise_spurious(Domain& domain, std::span<const uint8_t> payload);
  // Does `action` for each copy that the verdict leaves of an event of the domain's wire, while `port` is in
  // use. The first one of a punctual verdict is done at once.
  void release(DomainId wired, const Verdict& verdict, DomainId domain, EventPort port,
               const std::function<void()>& action);
  void call_handler(EventPort port);
  void schedule_handler(EventPort port);
  int64_t status(Domain& domain, GuestVirt argument);

  bool is_elsewhere(DomainId domain) const { return remote_ends_ != nullptr && !tables_.contains(domain); }

  Hypervisor& hypervisor_;
  std::map<DomainId, Table> tables_;
  RemoteEnds* remote_ends_ = nullptr;
};

}  // namespace ringside
