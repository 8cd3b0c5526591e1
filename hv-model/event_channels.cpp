// Event channels: the table, and how an event travels (xen/common/event_channel.c, event_2l.c). The
// hypercall's face is event_channel_op.cpp.
#include "hv-model/event_channels.h"

#include <fmt/format.h>

#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "hv-model/remote_ends.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"
#include "sim/hash.h"

namespace ringside {
namespace {

constexpr DomainId kBackendDomain{0};

// Raised for a domain as a whole, so that only vCPU 0 may bind them (xen/common/event_channel.c,
// virq_is_global).
bool virq_is_global(uint32_t virq) {
  switch (virq) {
    case VIRQ_TIMER:
    case VIRQ_DEBUG:
    case VIRQ_XENOPROF:
    case VIRQ_XENPMU: return false;
    default: return true;  // those of the architecture, too
  }
}

// One bit of evtchn_pending, evtchn_mask or evtchn_pending_sel.
struct SharedBit {
  GuestPhys word;
  uint64_t bit;
};

SharedBit bit_of(GuestPhys base, size_t field, uint32_t number) {
  return {base + field + uint64_t{number / 64} * 8, uint64_t{1} << (number % 64)};
}

bool test(const Memory& memory, SharedBit bit) {
  return memory.contains(bit.word, 8) && (memory.load<uint64_t>(bit.word) & bit.bit) != 0;
}

// Both return what the bit was before.
bool test_and_set(Memory& memory, SharedBit bit) {
  if (!memory.contains(bit.word, 8)) return true;
  const uint64_t old = memory.load<uint64_t>(bit.word);
  if (old & bit.bit) return true;
  memory.store<uint64_t>(bit.word, old | bit.bit);
  return false;
}

bool test_and_clear(Memory& memory, SharedBit bit) {
  if (!test(memory, bit)) return false;
  memory.store<uint64_t>(bit.word, memory.load<uint64_t>(bit.word) & ~bit.bit);
  return true;
}

SharedBit pending_bit(const Domain& domain, EventPort port) {
  return bit_of(domain.shared_info.address(), offsetof(shared_info, evtchn_pending), port.value);
}

SharedBit mask_bit(const Domain& domain, EventPort port) {
  return bit_of(domain.shared_info.address(), offsetof(shared_info, evtchn_mask), port.value);
}

SharedBit selector_bit(const Domain& domain, EventPort port) {
  return bit_of(vcpu_info_address(domain), offsetof(vcpu_info, evtchn_pending_sel), port.value / 64);
}

}  // namespace

EventChannels::EventChannels(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}

void EventChannels::add_domain(Domain& domain) {
  Table& table = tables_[domain.id];
  table.channels.resize(kPortsPerBucket);
  table.channels[0].state = ChannelState::reserved;
  if (domain.id != kBackendDomain) {
    table.wire = &hypervisor_.wiring.add(domain.name + "/evtchn", WireKind::signal, kEventPayload);
    table.wire->set_stimulus(
        [this, &domain](std::span<const uint8_t> payload) { raise_spurious(domain, payload); });
  }
}

Channel* EventChannels::channel(DomainId domain, EventPort port) {
  const auto table = tables_.find(domain);
  if (table == tables_.end() || port.value >= table->second.channels.size()) return nullptr;
  return &table->second.channels[port.value];
}

const Channel* EventChannels::find(DomainId domain, EventPort port) const {
  return const_cast<EventChannels*>(this)->channel(domain, port);
}

// A port that is free, but whose word is still linked, waits until the guest has taken it off its queue.
int64_t EventChannels::free_port(DomainId domain) {
  const auto found = tables_.find(domain);
  if (found == tables_.end()) return -XEN_ESRCH;
  Table& table = found->second;
  for (uint32_t port = 1; port < kPortsMax; ++port) {
    if (port >= table.channels.size()) table.channels.resize(table.channels.size() + kPortsPerBucket);
    if (table.channels[port].state != ChannelState::free) continue;
    if (!table.fifo || !table.fifo->is_busy({port})) return port;
  }
  return -XEN_ENOSPC;
}

// What the FIFO ABI remembers of the port outlives its uses, but for its priority.
void EventChannels::occupy(DomainId domain, EventPort port, Channel fresh) {
  Channel& place = *channel(domain, port);
  fresh.fifo = place.fifo;
  fresh.fifo.priority = FifoPort{}.priority;
  place = std::move(fresh);
}

bool EventChannels::is_fifo(DomainId domain) const {
  const auto table = tables_.find(domain);
  return table != tables_.end() && table->second.fifo;
}

Verdict EventChannels::show(DomainId domain, EventOperation operation, EventPort port, Direction direction) {
  const auto table = tables_.find(domain);
  if (table == tables_.end() || !table->second.wire || !table->second.wire->tapped()) return {};
  EventRecord record;
  record.port = port.value;
  record.operation = static_cast<uint8_t>(operation);
  if (const Channel* shown = channel(domain, port)) {
    record.state = static_cast<uint8_t>(shown->state);
    record.remote_domain = shown->remote_domain.value;
    record.remote_port = shown->state == ChannelState::virq ? shown->virq : shown->remote_port.value;
  }
  return table->second.wire->show(direction, record);
}

int64_t EventChannels::alloc_unbound(DomainId domain, DomainId remote) {
  const int64_t port = free_port(domain);
  if (port < 0) return port;
  Channel fresh;
  fresh.state = ChannelState::unbound;
  fresh.remote_domain = remote;
  const EventPort name{static_cast<uint32_t>(port)};
  occupy(domain, name, std::move(fresh));
  show(domain, EventOperation::alloc_unbound, name, Direction::out);
  if (is_elsewhere(remote)) remote_ends_->allocated(domain, name, remote);
  return port;
}

int64_t EventChannels::bind_interdomain(DomainId domain, DomainId remote, EventPort remote_port) {
  if (is_elsewhere(remote)) return bind_elsewhere(domain, remote, remote_port);
  if (!tables_.contains(remote)) return -XEN_ESRCH;
  const int64_t port = free_port(domain);
  if (port < 0) return port;
  Channel* far = channel(remote, remote_port);
  if (!far || far->state != ChannelState::unbound || far->remote_domain != domain) return -XEN_EINVAL;
  const EventPort name{static_cast<uint32_t>(port)};
  Channel near;
  near.state = ChannelState::interdomain;
  near.remote_domain = remote;
  near.remote_port = remote_port;
  occupy(domain, name, std::move(near));
  far->state = ChannelState::interdomain;
  far->remote_domain = domain;
  far->remote_port = name;
  show(domain, EventOperation::bind_interdomain, name, Direction::out);
  show(remote, EventOperation::bind_interdomain, remote_port, Direction::in);
  // Events sent to the unbound port are lost, so that Xen always raises one for the end that binds.
  if (domain == kBackendDomain) {
    call_handler(name);
  } else if (Domain* binder = hypervisor_.find_domain(domain)) {
    deliver(*binder, name);
  }
  return port;
}

int64_t EventChannels::bind_elsewhere(DomainId domain, DomainId remote, EventPort remote_port) {
  Domain* binder = hypervisor_.find_domain(domain);
  if (!binder || !remote_ends_->can_bind(domain, remote, remote_port)) return -XEN_EINVAL;
  const int64_t port = free_port(domain);
  if (port < 0) return port;
  const EventPort name{static_cast<uint32_t>(port)};
  Channel near;
  near.state = ChannelState::interdomain;
  near.remote_domain = remote;
  near.remote_port = remote_port;
  occupy(domain, name, std::move(near));
  show(domain, EventOperation::bind_interdomain, name, Direction::out);
  remote_ends_->bound(domain, name, remote, remote_port);
  deliver(*binder, name);
  return port;
}

void EventChannels::bind_from_outside(DomainId domain, EventPort port, DomainId remote,
                                      EventPort remote_port) {
  Channel* bound = channel(domain, port);
  if (!bound || bound->state != ChannelState::unbound || bound->remote_domain != remote) return;
  bound->state = ChannelState::interdomain;
  bound->remote_port = remote_port;
  show(domain, EventOperation::bind_interdomain, port, Direction::in);
}

void EventChannels::deliver_from_outside(DomainId domain, EventPort port) {
  Domain* receiver = hypervisor_.find_domain(domain);
  const Channel* target = channel(domain, port);
  if (receiver && target && target->state == ChannelState::interdomain) deliver(*receiver, port);
}

int64_t EventChannels::bind_virq(DomainId domain, uint32_t virq, uint32_t vcpu) {
  const auto table = tables_.find(domain);
  if (table == tables_.end()) return -XEN_ESRCH;
  if (virq >= table->second.virq_ports.size()) return -XEN_EINVAL;
  if (virq_is_global(virq) && vcpu != 0) return -XEN_EINVAL;
  if (vcpu != 0) return -XEN_ENOENT;
  if (table->second.virq_ports[virq] != 0) return -XEN_EEXIST;
  const int64_t port = free_port(domain);
  if (port < 0) return port;
  const EventPort name{static_cast<uint32_t>(port)};
  Channel fresh;
  fresh.state = ChannelState::virq;
  fresh.virq = virq;
  occupy(domain, name, std::move(fresh));
  table->second.virq_ports[virq] = name.value;
  show(domain, EventOperation::bind_virq, name, Direction::out);
  return port;
}

int64_t EventChannels::bind_ipi(DomainId domain, uint32_t vcpu) {
  if (vcpu != 0) return -XEN_ENOENT;
  const int64_t port = free_port(domain);
  if (port < 0) return port;
  const EventPort name{static_cast<uint32_t>(port)};
  Channel fresh;
  fresh.state = ChannelState::ipi;
  occupy(domain, name, std::move(fresh));
  show(domain, EventOperation::bind_ipi, name, Direction::out);
  return port;
}

void EventChannels::release(DomainId domain, EventPort port) {
  Channel* closed = channel(domain, port);
  if (!closed) return;
  hypervisor_.events.cancel(closed->call);
  const FifoPort kept = closed->fifo;
  *closed = Channel{};
  closed->fifo = kept;
  if (domain == kBackendDomain) return;
  if (is_fifo(domain)) return tables_[domain].fifo->clear_pending(port);
  if (Domain* owner = hypervisor_.find_domain(domain)) {
    test_and_clear(hypervisor_.memory, pending_bit(*owner, port));
  }
}

int64_t EventChannels::close(DomainId domain, EventPort port) {
  Channel* closed = channel(domain, port);
  if (!closed || closed->xen_consumer) return -XEN_EINVAL;
  switch (closed->state) {
    case ChannelState::free:
    case ChannelState::reserved: return -XEN_EINVAL;
    case ChannelState::virq: tables_[domain].virq_ports[closed->virq] = 0; break;
    case ChannelState::interdomain: {
      // The other end stays, unbound, for this domain to bind again.
      Channel* far = channel(closed->remote_domain, closed->remote_port);
      if (far && far != closed && far->state == ChannelState::interdomain) {
        far->state = ChannelState::unbound;
        far->remote_domain = domain;
        far->remote_port = {};
      }
      break;
    }
    case ChannelState::unbound:
    case ChannelState::pirq:
    case ChannelState::ipi: break;
  }
  show(domain, EventOperation::close, port, Direction::out);
  if (is_elsewhere(closed->remote_domain)) remote_ends_->closed(domain, port);
  release(domain, port);
  return 0;
}

int64_t EventChannels::send(DomainId domain, EventPort port) {
  const Channel* sender = channel(domain, port);
  if (!sender || sender->xen_consumer) return -XEN_EINVAL;
  switch (sender->state) {
    case ChannelState::interdomain:
    case ChannelState::ipi: break;
    case ChannelState::unbound: return 0;  // dropped silently
    default: return -XEN_EINVAL;
  }
  const bool to_itself = sender->state == ChannelState::ipi;
  const DomainId target = to_itself ? domain : sender->remote_domain;
  const EventPort target_port = to_itself ? port : sender->remote_port;
  const Verdict verdict = show(domain, EventOperation::send, port, Direction::out);
  if (is_elsewhere(target)) {
    if (verdict.copies != 0) remote_ends_->sent(domain, port);
    return 0;
  }
  if (verdict.intact()) {
    transmit(domain, target, target_port);
    return 0;
  }
  release(domain, verdict, target, target_port,
          [this, domain, target, target_port] { transmit(domain, target, target_port); });
  return 0;
}

void EventChannels::transmit(DomainId from, DomainId to, EventPort port) {
  if (to == kBackendDomain) return call_handler(port);
  if (from == kBackendDomain) return deliver_later(to, port, hypervisor_.config.event_latency);
  if (Domain* receiver = hypervisor_.find_domain(to)) deliver(*receiver, port);
}

void EventChannels::deliver_later(DomainId domain, EventPort port, Tick delay) {
  const Tick at = saturating_add(hypervisor_.clock.now, delay);
  hypervisor_.events.schedule(at, "event", [this, domain, port] {
    Domain* receiver = hypervisor_.find_domain(domain);
    const Channel* target = channel(domain, port);
    // A port that was closed while the event was under way has lost it.
    if (receiver && target && target->state > ChannelState::reserved) deliver(*receiver, port);
  });
}

void EventChannels::deliver(Domain& domain, EventPort port) {
  const Verdict verdict = show(domain.id, EventOperation::deliver, port, Direction::in);
  if (verdict.intact()) return set_pending(domain, port);
  release(domain.id, verdict, domain.id, port, [this, &domain, port] { set_pending(domain, port); });
}

void EventChannels::set_pending(Domain& domain, EventPort port) {
  if (domain.end || port.value >= kPortsMax) return;
  if (is_fifo(domain.id)) return set_pending_fifo(domain, port);
  Memory& memory = hypervisor_.memory;
  if (test_and_set(memory, pending_bit(domain, port))) return;
  if (!test(memory, mask_bit(domain, port)) && !test_and_set(memory, selector_bit(domain, port))) {
    mark_events_pending(hypervisor_, domain);
  }
  check_poller(hypervisor_, domain, port);
}

bool EventChannels::is_pending(const Domain& domain, EventPort port) const {
  const auto table = tables_.find(domain.id);
  if (table != tables_.end() && table->second.fifo) return table->second.fifo->is_pending(port);
  return test(hypervisor_.memory, pending_bit(domain, port));
}

std::optional<GuestPhys> EventChannels::fifo_word(DomainId domain, EventPort port) const {
  const auto table = tables_.find(domain);
  if (table == tables_.end() || !table->second.fifo) return std::nullopt;
  return table->second.fifo->word(port);
}

int64_t EventChannels::unmask(DomainId domain, EventPort port) {
  const Channel* unmasked = channel(domain, port);
  if (!unmasked) return -XEN_EINVAL;
  Domain* owner = hypervisor_.find_domain(domain);
  if (!owner || domain == kBackendDomain || unmasked->state <= ChannelState::reserved) return 0;
  show(domain, EventOperation::unmask, port, Direction::out);
  if (EventFifo* fifo = tables_[domain].fifo.get()) {
    fifo->clear_masked(port);
    if (fifo->is_pending(port)) set_pending_fifo(*owner, port);
    return 0;
  }
  Memory& memory = hypervisor_.memory;
  if (test_and_clear(memory, mask_bit(*owner, port)) && test(memory, pending_bit(*owner, port)) &&
      !test_and_set(memory, selector_bit(*owner, port))) {
    mark_events_pending(hypervisor_, *owner);
  }
  return 0;
}

int64_t EventChannels::bind_vcpu(DomainId domain, EventPort port, uint32_t vcpu) {
  if (vcpu != 0) return -XEN_ENOENT;
  Channel* bound = channel(domain, port);
  if (!bound || bound->xen_consumer) return -XEN_EINVAL;
  switch (bound->state) {
    case ChannelState::virq:
      if (!virq_is_global(bound->virq)) return -XEN_EINVAL;
      break;
    case ChannelState::unbound:
    case ChannelState::interdomain:
    case ChannelState::pirq: break;
    default: return -XEN_EINVAL;
  }
  bound->vcpu = vcpu;
  show(domain, EventOperation::bind_vcpu, port, Direction::out);
  return 0;
}

int64_t EventChannels::reset(DomainId domain) {
  const auto table = tables_.find(domain);
  if (table == tables_.end()) return -XEN_ESRCH;
  show(domain, EventOperation::reset, {}, Direction::out);
  for (uint32_t port = 1; port < table->second.channels.size(); ++port) close(domain, {port});
  if (Domain* owner = hypervisor_.find_domain(domain)) leave_fifo(*owner);
  return 0;
}

void EventChannels::set_handler(EventPort port, std::function<void()> handler) {
  Channel* backend = channel(kBackendDomain, port);
  if (!backend) return;
  backend->handler = std::move(handler);
  if (backend->handler && backend->pending_call && !backend->call) schedule_handler(port);
}

// Domain 0's port is pending from the sending until its handler runs: events between coalesce.
void EventChannels::call_handler(EventPort port) {
  Channel* backend = channel(kBackendDomain, port);
  if (!backend || backend->pending_call) return;
  backend->pending_call = true;
  if (backend->handler) schedule_handler(port);
}

void EventChannels::schedule_handler(EventPort port) {
  const Tick at = saturating_add(hypervisor_.clock.now, hypervisor_.config.event_latency);
  channel(kBackendDomain, port)->call = hypervisor_.events.schedule(at, "event to backend", [this, port] {
    Channel* backend = channel(kBackendDomain, port);
    if (!backend) return;
    backend->call = {};
    backend->pending_call = false;
    // The handler may close the port, or make the table grow: it runs as a copy.
    const std::function<void()> handler = backend->handler;
    if (handler) handler();
  });
}

void EventChannels::raise_virq(Domain& domain, uint32_t virq) {
  const auto table = tables_.find(domain.id);
  if (table == tables_.end() || virq >= table->second.virq_ports.size()) return;
  const uint32_t port = table->second.virq_ports[virq];
  if (port != 0) deliver(domain, {port});
}

uint32_t EventChannels::ports_in_use(DomainId domain) const {
  const auto table = tables_.find(domain);
  if (table == tables_.end()) return 0;
  uint32_t used = 0;
  for (const Channel& channel : table->second.channels) used += channel.state > ChannelState::reserved;
  return used;
}

void EventChannels::visit_state(StateVisitor& visitor) const {
  for (const auto& [domain, table] : tables_) {
    visitor.number("table", uint64_t{domain.value} << 32 | table.channels.size());
    if (table.fifo) table.fifo->visit_state(visitor);
    for (size_t port = 0; port < table.channels.size(); ++port) {
      const Channel& channel = table.channels[port];
      if (table.fifo) {
        const FifoPort& fifo = channel.fifo;
        visitor.number("fifo", uint64_t{fifo.priority} | uint64_t{fifo.last_priority} << 8 |
                                   uint64_t{fifo.saved_pending} << 16);
      }
      if (channel.state <= ChannelState::reserved) continue;
      uint64_t value =
          hash_mix(port, static_cast<uint64_t>(channel.state) | uint64_t{channel.xen_consumer} << 8 |
                             uint64_t{channel.pending_call} << 9);
      value = hash_mix(value, uint64_t{channel.remote_domain.value} << 32 | channel.remote_port.value);
      value = hash_mix(value, uint64_t{channel.virq} << 32 | channel.vcpu);
      visitor.number(fmt::format("dom{}/port{}", domain.value, port), value);
    }
  }
}

}  // namespace ringside
