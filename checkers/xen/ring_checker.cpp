#include "checkers/xen/ring_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "checkers/xen/crossing_record.h"
#include "checkers/xen_checkers.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/event_channels.h"
#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/xenstore.h"

namespace ringside {

namespace {

// "queue-1" in the middle, or a 9P ring's number at the end.
std::optional<uint32_t> queue_of(const std::string& base, RingKind kind) {
  std::string_view text = base;
  const size_t mark = text.find("/queue-");
  if (mark != std::string_view::npos) {
    text.remove_prefix(mark + std::string_view("/queue-").size());
  } else if (kind == RingKind::p9) {
    text.remove_suffix(1);
    text.remove_prefix(text.rfind('/') + 1);
  } else {
    return std::nullopt;
  }
  uint32_t queue = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), queue);
  return queue;
}

}  // namespace

KnownChecker ring_checker() {
  return {
      "ring", "Shared rings: indices, slots, ids, and the events that they ask for",
      [](Checkers& checkers) -> std::unique_ptr<Checker> { return std::make_unique<RingChecker>(checkers); },
      RingChecker::rules};
}

std::vector<CheckerRule> RingChecker::rules() {
  return {
      {"index_overrun", "the frontend publishes more requests than the ring has slots"},
      {"index_backwards", "an index of the shared page runs back"},
      {"stale_indices", "a ring begins a connection with the indices of an earlier one"},
      {"unasked_response", "the backend answers what was not asked"},
      {"double_response", "the backend answers a request twice"},
      {"id_in_use", "the frontend gives a request the id of one that is in flight"},
      {"changed_after_publish", "the frontend fills or changes a slot after req_prod has published it"},
      {"event_missing", "the frontend waits, and has not sent the event that req_event asked for"},
      {"answer_event_missing", "the backend does not send the event that rsp_event asked for"},
      {"final_check_missing", "the frontend waits, and rsp_event does not ask for the next response"},
      {"unanswered", "a request is not answered when all has ended in order"},
      {"needless_event", "the frontend sends an event that nobody asked for", true},
  };
}

std::vector<std::string> RingChecker::wires() const { return {"ring/*", "evtchn", "hypercall"}; }

bool RingChecker::wants(const Wire& wire) const {
  const auto ends_in = [&](std::string_view end) { return std::string_view(wire.name()).ends_with(end); };
  return !wire.name().starts_with("dom0/") && !ends_in("/extra") &&
         wire.name().find("/ctrl/") == std::string::npos;
}

void RingChecker::on_wire_added(const Wire& wire) {
  if (roles_.size() <= wire.index()) roles_.resize(wire.index() + 1);
  Role& role = roles_[wire.index()];
  const PayloadType& type = wire.payload_type();
  role.domain = &rings_of(domain_of_wire(wire.name()));
  const auto is = [&](Part part, size_t record_bytes) {
    role.look = look_of(part);
    role.record_bytes = record_bytes;
  };
  const auto in_group = [&](RingKind kind, Part part, size_t record_bytes) {
    is(part, record_bytes);
    role.group = &group_of(base_of_wire(wire.name()), kind);
  };
  const RingKind net = wire.name().find("/rx/") != std::string::npos ? RingKind::net_rx : RingKind::net_tx;
  is(Part::none, 0);
  if (type.id == kHypercallPayload.id) {
    is(Part::hypercall, sizeof(HypercallRecord));
    role.domain->wire = &wire;
    CrossingFilter filter(offsetof(HypercallRecord, operation));
    for (const uint32_t operation : {kYield, kBlock, kPoll, kBlockCompat})
      filter.want(Direction::out, operation);
    machine().wiring.set_filter(wire, *this, filter);
  } else if (type.id == kEventPayload.id) {
    is(Part::events, sizeof(EventRecord));
  } else if (type.id == kBlkIndicesPayload.id) {
    in_group(RingKind::blk, Part::indices, sizeof(BlkIndicesRecord));
  } else if (type.id == kBlkRequestPayload.id) {
    in_group(RingKind::blk, Part::request, sizeof(BlkRequestRecord));
  } else if (type.id == kBlkResponsePayload.id) {
    in_group(RingKind::blk, Part::response, sizeof(BlkResponseRecord));
  } else if (type.id == kNetIndicesPayload.id) {
    in_group(net, Part::indices, sizeof(NetIndicesRecord));
  } else if (type.id == kNetTxRequestPayload.id) {
    in_group(net, Part::request, sizeof(NetTxRequestRecord));
  } else if (type.id == kNetRxRequestPayload.id) {
    in_group(net, Part::request, sizeof(NetRxRequestRecord));
  } else if (type.id == kNetTxResponsePayload.id) {
    in_group(net, Part::response, sizeof(NetTxResponseRecord));
  } else if (type.id == kNetRxResponsePayload.id) {
    in_group(net, Part::response, sizeof(NetRxResponseRecord));
  } else if (type.id == kP9IndicesPayload.id) {
    in_group(RingKind::p9, Part::byte_indices, sizeof(P9IndicesRecord));
  }
}

RingChecker::DomainRings& RingChecker::rings_of(uint16_t domain) {
  for (const auto& rings : domains_) {
    if (rings->id == domain) return *rings;
  }
  domains_.push_back(std::make_unique<DomainRings>(DomainRings{.id = domain}));
  return *domains_.back();
}

RingChecker::Group& RingChecker::group_of(const std::string& base, RingKind kind) {
  for (const auto& group : groups_) {
    if (group->base == base) return *group;
  }
  groups_.push_back(std::make_unique<Group>(Group{base, kind, queue_of(base, kind), domain_of_wire(base)}));
  return *groups_.back();
}

void RingChecker::on_store_change(const std::string& path) {
  if (!path.ends_with("/state")) return;
  const auto node = device_node(path);
  if (!node || node->kind == DeviceKind::other || node->name != "state") return;
  const unsigned state = xenbus_state(*machine().xenstore, node->folder).value_or(0);
  if (!node->backend) {
    std::vector<OfferedRing> rings = offered_rings(*machine().xenstore, *node);
    if (connections_.on_frontend_state(std::string(node->folder), state, rings)) {
      for (const OfferedRing& offered : rings) look_for_stale(offered, *node);
    }
  }
  if (state == 0 || state == kClosed) disconnect(device_folders(*node).frontend);
  if (node->backend && state == kConnected) connect(*node);
}

const uint8_t* RingChecker::page_of(uint16_t domain, GrantRef ref) const {
  Hypervisor& hypervisor = *machine().hypervisor;
  const Domain* granter = hypervisor.find_domain(DomainId{domain});
  if (granter == nullptr) return nullptr;
  const auto entry = grant_entry(hypervisor.memory, *granter, ref);
  return entry ? hypervisor.memory.at(entry->frame.address(), kPageSize) : nullptr;
}

// The state may be written again as it is, with the device going on.
void RingChecker::connect(const DeviceNode& node) {
  const std::string frontend = device_folders(node).frontend;
  DomainRings& domain = rings_of(node.domain.value);
  for (const auto& ring : domain.slots)
    if (ring->frontend == frontend) return;
  for (const auto& ring : domain.bytes)
    if (ring->frontend == frontend) return;
  std::vector<OfferedRing> rings = offered_rings(*machine().xenstore, node);
  const auto served = connections_.serve(frontend, rings);
  for (const OfferedRing& offered : rings) {
    if (served == Connections::Served::other_rings) look_for_stale(offered, node);
    add_ring(offered, node, served == Connections::Served::again);
  }
}

bool RingChecker::has_backend(DomainId domain, EventPort port) const {
  const Channel* channel = machine().hypervisor->channels.find(domain, port);
  return channel != nullptr && channel->state == ChannelState::interdomain;
}

void RingChecker::add_ring(const OfferedRing& offered, const DeviceNode& node, bool taken_over) {
  DomainRings& domain = rings_of(node.domain.value);
  const std::string frontend = device_folders(node).frontend;
  std::vector<const uint8_t*> pages;
  for (const GrantRef ref : offered.refs) {
    pages.push_back(page_of(domain.id, ref));
    if (pages.back() == nullptr) return;
  }
  if (offered.kind == RingKind::p9 || offered.kind == RingKind::console) {
    const bool p9 = offered.kind == RingKind::p9;
    domain.bytes.push_back(std::make_unique<ByteRing>(
        ByteRing{p9 ? "9pfs" : "console", node.domain, frontend, p9 ? offered.queue : std::nullopt,
                 offered.port, pages[0], p9 ? p9_layout(pages[0]) : console_layout()}));
    ByteRing& added = *domain.bytes.back();
    added.seen = added.indices();
    added.told = added.seen.out_prod;
    return;
  }
  domain.slots.push_back(std::make_unique<SlotRing>(offered, node.domain, frontend, std::move(pages)));
  SlotRing& added = *domain.slots.back();
  added.moved_at = machine().clock.now;
  // Buffers are given back in the order of their requests: of them nothing is done twice.
  added.taken_over = taken_over && offered.kind != RingKind::net_rx && added.req_prod != added.rsp_prod;
}

// netback serves a ring before it says Connected, so that this is judged when the frontend offers it.
void RingChecker::look_for_stale(const OfferedRing& offered, const DeviceNode& node) {
  const DomainRings& domain = rings_of(node.domain.value);
  if (offered.kind == RingKind::p9 || offered.kind == RingKind::console || offered.refs.empty()) return;
  const uint8_t* page = page_of(domain.id, offered.refs[0]);
  if (page == nullptr || domain.wire == nullptr) return;
  RingIndices now;
  std::memcpy(&now, page, sizeof now);
  if (now.rsp_prod == 0) return;
  violate("stale_indices", *domain.wire, nullptr,
          fmt::format("{} connects with rsp_prod {}: nobody has answered on this connection",
                      device_folders(node).frontend, now.rsp_prod));
}

void RingChecker::disconnect(const std::string& frontend) {
  for (const auto& domain : domains_) {
    for (const auto& group : groups_) {
      if (group->ring != nullptr && group->ring->frontend == frontend) group->ring = nullptr;
      if (group->bytes != nullptr && group->bytes->frontend == frontend) group->bytes = nullptr;
    }
    std::erase_if(domain->slots, [&](const auto& ring) { return ring->frontend == frontend; });
    std::erase_if(domain->bytes, [&](const auto& ring) { return ring->frontend == frontend; });
  }
}

// The first console and XenStore: their pages are granted by reserved entries, before the guest starts.
void RingChecker::find_fixed_rings(DomainRings& domain) {
  domain.has_fixed = true;
  struct Fixed {
    const char* name;
    uint32_t ref;
    ByteRing::Layout layout;
  };
  for (const Fixed& fixed : {Fixed{"console", GNTTAB_RESERVED_CONSOLE, console_layout()},
                             Fixed{"xenstore", GNTTAB_RESERVED_XENSTORE, xenstore_layout()}}) {
    const Domain* granter = machine().hypervisor->find_domain(DomainId{domain.id});
    if (granter == nullptr) return;
    const auto entry = grant_entry(machine().hypervisor->memory, *granter, GrantRef{fixed.ref});
    if (!entry || (entry->flags & GTF_type_mask) != GTF_permit_access) continue;
    const uint8_t* page = machine().hypervisor->memory.at(entry->frame.address(), kPageSize);
    if (page == nullptr) continue;
    domain.bytes.push_back(std::make_unique<ByteRing>(
        ByteRing{fixed.name, DomainId{domain.id}, "", std::nullopt, std::nullopt, page, fixed.layout}));
    domain.bytes.back()->seen = domain.bytes.back()->indices();
    domain.bytes.back()->told = domain.bytes.back()->seen.out_prod;
  }
}

// The wires have the scenario's names, XenStore has numbers: which ring a wire shows is told by its indices.
// Where two rings are alike just then, the mistake shows as soon as they are not. `group`'s own is another
// one.
SlotRing* RingChecker::ring_of(Group& group, const RingIndices& shown) {
  for (const auto& ring : rings_of(group.domain).slots) {
    if (ring->kind != group.kind || ring->queue != group.queue || ring->indices() != shown) continue;
    const bool taken = std::any_of(groups_.begin(), groups_.end(), [&](const auto& other) {
      return other.get() != &group && other->ring == ring.get() && other->ring->indices() == shown;
    });
    if (!taken || group.ring != nullptr) return group.ring = ring.get();
  }
  return nullptr;
}

// For a message before the first indices: there may be only one that it can be about.
SlotRing* RingChecker::find_only_ring_of(Group& group) {
  SlotRing* only = nullptr;
  for (const auto& ring : rings_of(group.domain).slots) {
    if (ring->kind != group.kind || ring->queue != group.queue) continue;
    if (only != nullptr) return nullptr;
    only = ring.get();
  }
  return group.ring = only;
}

ByteRing* RingChecker::bytes_of(Group& group, const ByteRing::Indices& shown) {
  if (group.bytes != nullptr && group.bytes->indices() == shown) return group.bytes;
  for (const auto& ring : rings_of(group.domain).bytes) {
    if (std::string_view(ring->name) == "9pfs" && ring->queue == group.queue && ring->indices() == shown)
      return group.bytes = ring.get();
  }
  return nullptr;
}

void RingChecker::on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) {
  const Role& role = roles_[wire.index()];
  if (crossing.payload->size() < role.record_bytes) [[unlikely]]
    return on_cut_crossing(wire, crossing, verdict, role);
  role.look(*this, wire, crossing, verdict, role);
}

void RingChecker::on_cut_crossing(const Wire& wire, const Crossing& crossing, const Verdict& verdict,
                                  const Role& role) {
  const CompletedCrossing completed(crossing, role.record_bytes);
  role.look(*this, wire, completed.crossing(), verdict, role);
}

void RingChecker::on_byte_indices(const Role& role, Sight sight, const Verdict&) {
  const auto record = record_at<P9IndicesRecord>(*sight.crossing);
  ByteRing* ring = bytes_of(*role.group, {record.in_cons, record.in_prod, record.out_cons, record.out_prod});
  if (ring == nullptr) return;
  ring->wire = &sight.wire;
  ring->told = record.out_prod;
  look(*ring, sight);
}

void RingChecker::on_scheduling(DomainRings& domain, bool waits, Sight sight) {
  if (!domain.has_fixed) find_fixed_rings(domain);
  for (const auto& ring : domain.slots) {
    look_again(*ring, sight);
    if (waits) frontend_waits(*ring, sight);
  }
  if (!waits) return;
  for (const auto& ring : domain.bytes) {
    look(*ring, sight);
    frontend_waits(*ring, sight);
  }
}

void RingChecker::frontend_sends(DomainRings& domain, uint32_t port, Sight sight) {
  bool known = false, wanted = false;
  for (const auto& ring : domain.slots) {
    if (ring->port.value != port) continue;
    known = true;
    look_again(*ring, sight);
    wanted = wanted || asks_event(ring->told, ring->req_prod, ring->indices().req_event);
    ring->told = ring->req_prod;
  }
  if (tells_needless_ && known && !wanted)
    violate("needless_event", sight.wire, sight.crossing,
            fmt::format("port {}: no request beyond req_event has been published since the last one", port));
  // Nobody tells the ports of the first console and of XenStore: what is no other ring's is theirs.
  for (const auto& ring : domain.bytes) {
    if (ring->port ? ring->port->value != port : known) continue;
    look(*ring, sight);
    ring->told = ring->indices().out_prod;
  }
}

void RingChecker::on_end(bool orderly) {
  if (!orderly) return;
  for (const auto& domain : domains_) {
    for (const auto& ring : domain->slots) {
      if (ring->wire != nullptr) end(*ring, *ring->wire);
    }
  }
}

}  // namespace ringside
