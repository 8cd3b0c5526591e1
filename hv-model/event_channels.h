// Event channels, 2-level ABI (public/event_channel.h). A table per domain; ports are bound to virtual
// interrupts, inter-processor interrupts, or to a port of another domain. Domain 0 has no core: what reaches
// its ports calls the handler that a backend gave, from the event queue, never from within a guest's call.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "sim/ids.h"
#include "sim/state.h"
#include "sim/wire.h"

namespace ringside {

class Hypervisor;
class Domain;

enum class ChannelState : uint8_t { free, reserved, unbound, interdomain, pirq, virq, ipi };

struct Channel {
  ChannelState state = ChannelState::free;
  bool xen_consumer = false;         // bound by the toolstack for the domain: closing is refused
  DomainId remote_domain;            // unbound: who may bind; interdomain: the other end
  EventPort remote_port;
  uint32_t virq = 0;
  uint32_t vcpu = 0;                 // notified vCPU
  std::function<void()> handler;     // domain 0 only
  bool pending_call = false;         // domain 0 only: the handler is scheduled
};

class EventChannels : public Stateful {
 public:
  static constexpr uint32_t kPortsMax = 4096;  // EVTCHN_2L_NR_CHANNELS of a 64-bit guest

  explicit EventChannels(Hypervisor& hypervisor);

  // Each returns a port or 0 and more, or a negated xen::Error. They are the semantics behind the hypercall;
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
  const Channel* find(DomainId domain, EventPort port) const;

  // For domain 0: what to do when an event arrives at this port.
  void set_handler(EventPort port, std::function<void()> handler);
  // Raises a virtual interrupt that the domain has bound; does nothing otherwise.
  void raise_virq(Domain& domain, uint32_t virq);
  // Sets a port pending in the domain's shared_info, as Xen's evtchn_2l_set_pending.
  void set_pending(Domain& domain, EventPort port);

  // EVTCHNOP_*: reads and writes the guest's argument.
  int64_t hypercall(Domain& domain, uint32_t command, GuestVirt argument);

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Table {
    std::vector<Channel> channels;  // grows on demand up to kPortsMax; port 0 is reserved
    Wire* wire = nullptr;           // "<domain>/evtchn"
  };
  Hypervisor& hypervisor_;
  std::map<DomainId, Table> tables_;
  friend class Hypervisor;
};

}  // namespace ringside
