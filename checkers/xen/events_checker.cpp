#include "checkers/xen/events_checker.h"

#include <fmt/format.h>

#include <bit>
#include <cstddef>

#include "checkers/xen/crossing_record.h"
#include "checkers/xen_checkers.h"
#include "hv-model/event_channels.h"
#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/xenstore.h"

namespace ringside {

namespace {

constexpr uint32_t kBlock = operation_code(__HYPERVISOR_sched_op, SCHEDOP_block),
                   kBlockCompat = operation_code(__HYPERVISOR_sched_op_compat, SCHEDOP_block),
                   kSend = operation_code(__HYPERVISOR_event_channel_op, EVTCHNOP_send);

constexpr uint32_t kFifoPending = 1u << EVTCHN_FIFO_PENDING, kFifoMasked = 1u << EVTCHN_FIFO_MASKED,
                   kFifoLinked = 1u << EVTCHN_FIFO_LINKED;

bool open(const EventChannels& channels, DomainId domain, uint32_t port) {
  const Channel* channel = channels.find(domain, EventPort{port});
  return channel != nullptr && channel->state > ChannelState::reserved;
}

}  // namespace

KnownChecker events_checker() {
  return {"events", "Event channels: what is pending and not masked, the guest is told of",
          [](Checkers& checkers) -> std::unique_ptr<Checker> {
            return std::make_unique<EventsChecker>(checkers);
          },
          EventsChecker::rules};
}

std::vector<CheckerRule> EventsChecker::rules() {
  return {
      {"lost_wakeup", "the guest waits; an event is pending and not masked, and no upcall is to tell of it"},
      {"masked_pending", "the guest waits without a timer; an event is pending, and masked"},
      {"send_to_closed", "an event is sent to a port that is not open"},
      {"leaked", "the domain shuts down with all its devices closed, and ports still open for them"},
      {"send_to_unbound", "an event is sent to a port that nobody has bound, and is lost", true},
  };
}

void EventsChecker::on_wire_added(const Wire& wire) {
  if (by_wire_.size() <= wire.index()) by_wire_.resize(wire.index() + 1);
  DomainPorts& domain = ports_of(domain_of_wire(wire.name()));
  by_wire_[wire.index()] = &domain;
  (wire.kind() == WireKind::call ? domain.hypercalls : domain.events) = &wire;
}

EventsChecker::DomainPorts& EventsChecker::ports_of(uint16_t domain) {
  for (const auto& ports : domains_) {
    if (ports->id == domain) return *ports;
  }
  domains_.push_back(std::make_unique<DomainPorts>(DomainPorts{.id = domain}));
  return *domains_.back();
}

void EventsChecker::on_store_change(const std::string& path) {
  devices_.on_store_change(*machine().xenstore, path);
}

// What follows only jumps to the next function as long as nothing is to be done, which is most of the time:
// then it costs no frame.
void EventsChecker::on_crossing(const Wire& wire, Crossing& crossing, Verdict&) {
  DomainPorts& domain = *by_wire_[wire.index()];
  const size_t bytes = crossing.payload->size();
  if (&wire == domain.events) {
    if (bytes < sizeof(EventRecord)) [[unlikely]]
      return on_cut_crossing(domain, wire, crossing, sizeof(EventRecord));
    on_event(domain, crossing);
  } else {
    if (bytes < sizeof(HypercallRecord)) [[unlikely]]
      return on_cut_crossing(domain, wire, crossing, sizeof(HypercallRecord));
    on_hypercall(domain, wire, crossing);
  }
}

void EventsChecker::on_cut_crossing(DomainPorts& domain, const Wire& wire, const Crossing& crossing,
                                    size_t record_bytes) {
  const CompletedCrossing completed(crossing, record_bytes);
  if (&wire == domain.events) {
    on_event(domain, completed.crossing());
  } else {
    on_hypercall(domain, wire, completed.crossing());
  }
}

[[gnu::always_inline]] inline void EventsChecker::on_event(DomainPorts& domain, const Crossing& crossing) {
  if (crossing.flags & Crossing::kInjected) domain.faulty = true;
  const auto operation = record_at<EventOperation>(crossing, offsetof(EventRecord, operation));
  if (operation != EventOperation::send && operation != EventOperation::deliver) on_change(domain, crossing);
}

void EventsChecker::on_change(DomainPorts& domain, const Crossing& crossing) {
  const auto record = record_at<EventRecord>(crossing);
  const auto operation = static_cast<EventOperation>(record.operation);
  switch (operation) {
    case EventOperation::init_control:
    case EventOperation::expand_array: domain.fifo = true; return;
    case EventOperation::reset: domain.fifo = false; return;
    default: break;
  }
  if (record.port >= EventChannels::kPortsMax) return;
  if (record.port >= domain.ports.size()) domain.ports.resize(record.port + 1);
  Port& port = domain.ports[record.port];
  if (operation == EventOperation::alloc_unbound) port = {.own = domain.started};
}

[[gnu::always_inline]] inline void EventsChecker::on_hypercall(DomainPorts& domain, const Wire& wire,
                                                               const Crossing& crossing) {
  if (crossing.direction == Direction::out) return on_call(domain, wire, crossing);
  const auto operation = record_at<uint32_t>(crossing, offsetof(HypercallRecord, operation));
  const auto result = record_at<int64_t>(crossing, offsetof(HypercallRecord, result));
  if (operation != kSend || (result == 0 && !tells_unbound_)) return;
  if ((crossing.flags & Crossing::kInjected) == 0) on_lost_event(domain, wire, crossing);
}

void EventsChecker::on_call(DomainPorts& domain, const Wire& wire, const Crossing& crossing) {
  if (!domain.started) start(domain, wire);
  const auto operation = record_at<uint32_t>(crossing, offsetof(HypercallRecord, operation));
  if (operation == kBlock || operation == kBlockCompat) waits(domain, wire, crossing);
}

// From the first call on, few of them matter.
void EventsChecker::start(DomainPorts& domain, const Wire& wire) {
  domain.started = true;
  CrossingFilter filter(offsetof(HypercallRecord, operation));
  filter.want(Direction::out, kBlock).want(Direction::out, kBlockCompat);
  filter.want(Direction::in, kSend);
  machine().wiring.set_filter(wire, *this, filter);
}

// An event was sent that has gone nowhere, perhaps: which port was it?
void EventsChecker::on_lost_event(DomainPorts& domain, const Wire& wire, const Crossing& crossing) {
  const auto record = record_at<HypercallRecord>(crossing);
  Domain* owner = machine().hypervisor->find_domain(DomainId{domain.id});
  evtchn_send argument{};
  if (owner == nullptr || !owner->copy_from_guest(argument, GuestVirt{record.arguments[1]})) return;
  const Channel* channel = machine().hypervisor->channels.find(owner->id, EventPort{argument.port});
  if (record.result != 0 && (channel == nullptr || channel->state <= ChannelState::reserved)) {
    violate("send_to_closed", wire, &crossing, fmt::format("port {} is not open", argument.port));
  } else if (record.result == 0 && channel != nullptr && channel->state == ChannelState::unbound) {
    violate("send_to_unbound", wire, &crossing, fmt::format("nobody has bound port {}", argument.port));
  }
}

void EventsChecker::waits(DomainPorts& domain, const Wire& wire, const Crossing& crossing) {
  Hypervisor& hypervisor = *machine().hypervisor;
  Domain* owner = hypervisor.find_domain(DomainId{domain.id});
  if (owner == nullptr || owner->end) return;
  const bool told = upcall_pending(hypervisor, *owner);
  if (domain.fifo) {
    for (uint32_t port = 1; port < domain.ports.size(); ++port) {
      const auto word = hypervisor.channels.fifo_word(owner->id, EventPort{port});
      if (!word || !hypervisor.memory.contains(*word, 4)) continue;
      const auto value = hypervisor.memory.load<uint32_t>(*word);
      if (value & kFifoPending)
        look_at_port(domain, *owner, port, {true, (value & kFifoMasked) != 0, (value & kFifoLinked) != 0},
                     told, wire, crossing);
    }
    return;
  }
  const uint8_t* shared = hypervisor.memory.at(owner->shared_info.address(), kPageSize);
  const uint8_t* info = hypervisor.memory.at(vcpu_info_address(*owner), sizeof(vcpu_info));
  if (shared == nullptr || info == nullptr) return;
  const auto load = [](const uint8_t* at) {
    uint64_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  const uint64_t selector = load(info + offsetof(vcpu_info, evtchn_pending_sel));
  for (size_t word = 0; word * 64 < domain.ports.size(); ++word) {
    uint64_t pending = load(shared + offsetof(shared_info, evtchn_pending) + word * 8);
    const uint64_t masked = load(shared + offsetof(shared_info, evtchn_mask) + word * 8);
    const bool selected = (selector >> word & 1) != 0;
    for (; pending != 0; pending &= pending - 1) {
      const auto bit = static_cast<uint32_t>(std::countr_zero(pending));
      look_at_port(domain, *owner, static_cast<uint32_t>(word) * 64 + bit,
                   {true, (masked >> bit & 1) != 0, selected}, told, wire, crossing);
    }
  }
}

// `linked`: the way from the upcall to the port is there (the selector's bit, the FIFO's queue); `told`:
// there will be an upcall.
void EventsChecker::look_at_port(DomainPorts& domain, Domain& owner, uint32_t port, const PortBits& bits,
                                 bool told, const Wire& wire, const Crossing& crossing) {
  if (port >= domain.ports.size() || domain.ports[port].told || domain.faulty) return;
  if (!open(machine().hypervisor->channels, owner.id, port)) return;
  if (!bits.masked) {
    if (bits.linked && told) return;
    domain.ports[port].told = true;
    violate("lost_wakeup", wire, &crossing,
            fmt::format("port {} is pending and not masked, and {}", port,
                        told ? "nothing leads from the upcall to it" : "no upcall is pending"));
    return;
  }
  if (told || owner.vcpu.singleshot_timer || owner.vcpu.periodic_timer) return;
  domain.ports[port].told = true;
  violate("masked_pending", wire, &crossing,
          fmt::format("port {} is pending and masked, and no timer will end the wait", port));
}

void EventsChecker::on_end(bool orderly) {
  if (!orderly) return;
  for (const auto& domain : domains_) {
    if (domain->events == nullptr || !devices_.all_closed(*machine().xenstore, domain->id)) continue;
    std::string leaked;
    for (uint32_t port = 1; port < domain->ports.size(); ++port) {
      if (!domain->ports[port].own) continue;
      const Channel* channel = machine().hypervisor->channels.find(DomainId{domain->id}, EventPort{port});
      const bool for_a_backend =
          channel != nullptr && channel->remote_domain.value == 0 &&
          (channel->state == ChannelState::unbound || channel->state == ChannelState::interdomain);
      if (for_a_backend) leaked += fmt::format("{}{}", leaked.empty() ? "" : ", ", port);
    }
    if (!leaked.empty())
      violate("leaked", *domain->events, nullptr,
              fmt::format("all devices are closed, and ports are open: {}", leaked));
  }
}

}  // namespace ringside
