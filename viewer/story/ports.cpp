#include "viewer/story/ports.h"

#include <unordered_map>

#include "hv-model/event_channels.h"
#include "hv-model/payloads.h"
#include "viewer/story/device_facts.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

namespace {

PortState::Kind kind_of(uint8_t channel_state) {
  switch (static_cast<ChannelState>(channel_state)) {
    case ChannelState::unbound: return PortState::Kind::unbound;
    case ChannelState::interdomain: return PortState::Kind::interdomain;
    case ChannelState::pirq: return PortState::Kind::pirq;
    case ChannelState::virq: return PortState::Kind::virq;
    case ChannelState::ipi: return PortState::Kind::ipi;
    default: return PortState::Kind::closed;
  }
}

bool opens(EventOperation operation) {
  return operation == EventOperation::alloc_unbound || operation == EventOperation::bind_interdomain ||
         operation == EventOperation::bind_virq || operation == EventOperation::bind_ipi;
}

}  // namespace

PortsTrack::Port* PortsTrack::port(Domain& domain, uint32_t number) {
  if (number == 0 || number >= kPortsMax) return nullptr;
  auto place = std::lower_bound(domain.ports.begin(), domain.ports.end(), number,
                                [](const Port& port, uint32_t wanted) { return port.state.port < wanted; });
  if (place == domain.ports.end() || place->state.port != number) {
    if (ports_ >= kPortsMax / 16) return nullptr;
    ++ports_;
    place = domain.ports.insert(place, Port{});
    place->state.port = number;
  }
  return &*place;
}

void PortsTrack::apply(const StoryParts& parts, Row row, uint32_t wire) {
  EventRecord record;
  if (!read_record(parts.table.payload(row), record)) return;
  const uint32_t index = parts.wires.role(wire).domain;
  if (domains_.size() <= index) domains_.resize(index + 1);
  Domain& domain = domains_[index];
  domain.known = true;
  Port* const place = port(domain, record.port);
  if (place == nullptr) return;
  PortState& state = place->state;
  const auto operation = static_cast<EventOperation>(record.operation);
  if (opens(operation)) {
    // The other end binds what this one has allocated: it is still the same port.
    const bool bound_from_there = operation == EventOperation::bind_interdomain &&
                                  parts.table.direction(row) == Direction::in &&
                                  state.kind == PortState::Kind::unbound;
    if (!bound_from_there) {
      *place = Port{.state = {.port = record.port}, .opened = row};
      // A PV guest finds its XenStore's and its console's port in the start info (start_info.store_evtchn).
      if (!domain.started && operation == EventOperation::alloc_unbound) {
        const uint8_t number = domain.first_ports++;
        place->fixed_use = number == 0 ? "xenstore" : number == 1 ? "console" : "";
      }
    }
    state.bound = row;
  } else {
    domain.started = true;
  }
  state.kind = kind_of(record.state);
  state.remote_domain = record.remote_domain;
  state.remote_port = record.remote_port;
  switch (operation) {
    case EventOperation::send:
      ++state.sent;
      state.last_send = row;
      raise(parts, state);
      break;
    case EventOperation::deliver:
      state.pending = is_dropped(parts.table, row);
      if (state.pending) break;
      ++state.delivered;
      state.last_delivery = row;
      break;
    case EventOperation::unmask: state.masked = false; break;
    case EventOperation::close:
      state.kind = PortState::Kind::closed;
      state.pending = false;
      place->fixed_use = {};
      break;
    default: break;
  }
}

// At the other end, where that is a domain with a wire.
void PortsTrack::raise(const StoryParts& parts, const PortState& from) {
  if (from.kind != PortState::Kind::interdomain) return;
  const uint32_t index = parts.wires.domain_of_number(from.remote_domain);
  if (index >= domains_.size() || parts.wires.domains()[index].events == kNone) return;
  Port* const remote = port(domains_[index], from.remote_port);
  if (remote != nullptr && remote->state.kind == PortState::Kind::interdomain) remote->state.pending = true;
}

std::vector<DomainPorts> PortsTrack::shown(const StoryParts& parts, Row end) const {
  // The last fact about a port counts.
  std::vector<std::unordered_map<uint32_t, const DeviceFact*>> facts(domains_.size());
  const std::vector<DeviceFact>& all = parts.facts.all();
  for (size_t i = 0; i < parts.facts.count_before(end); ++i) {
    if (all[i].kind == FactKind::port && all[i].domain < facts.size())
      facts[all[i].domain][all[i].value] = &all[i];
  }
  std::vector<DomainPorts> shown;
  for (size_t i = 0; i < domains_.size(); ++i) {
    if (!domains_[i].known) continue;
    DomainPorts& domain = shown.emplace_back();
    domain.domain = parts.wires.domains()[i].name;
    for (const Port& port : domains_[i].ports) {
      PortState& state = domain.ports.emplace_back(port.state);
      if (state.kind == PortState::Kind::closed) continue;
      state.use = port.fixed_use;
      const auto fact = facts[i].find(state.port);
      if (fact != facts[i].end() && (port.opened == kNoRow || fact->second->row > port.opened))
        state.use = parts.facts.name_of(parts.table, *fact->second);
    }
  }
  return shown;
}

}  // namespace ringside::viewer
