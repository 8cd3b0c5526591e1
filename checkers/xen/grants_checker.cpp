#include "checkers/xen/grants_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "checkers/xen/crossing_record.h"
#include "checkers/xen/xen_device.h"
#include "checkers/xen_checkers.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/xenstore.h"

namespace ringside {

namespace {

constexpr uint32_t kReserved = GrantTable::kReserved;
constexpr size_t kUsedMax = 8192;
constexpr unsigned kOutputsSeen = 64;
constexpr size_t kNamedMax = 8;  // grants that a message names

constexpr uint32_t kDecrease = operation_code(__HYPERVISOR_memory_op, XENMEM_decrease_reservation),
                   kExchange = operation_code(__HYPERVISOR_memory_op, XENMEM_exchange);

// What a request of blkif uses stands behind its record.
size_t segments_in(std::span<const uint8_t> request) {
  return (request.size() - sizeof(BlkRequestRecord)) / sizeof(BlkSegmentRecord);
}
BlkSegmentRecord segment_in(std::span<const uint8_t> request, size_t i) {
  BlkSegmentRecord segment;
  std::memcpy(&segment, &request[sizeof(BlkRequestRecord) + i * sizeof segment], sizeof segment);
  return segment;
}

bool permits(const GrantEntry& entry) { return (entry.flags & GTF_type_mask) == GTF_permit_access; }

// Refusals that mean that the entry does not say what the backend was promised.
bool is_refusal(int16_t status) {
  return status == GNTST_general_error || status == GNTST_bad_gntref || status == GNTST_bad_page ||
         status == GNTST_permission_denied;
}

}  // namespace

KnownChecker grants_checker() {
  return {"grants", "Grants: given for as long as they are used, and taken back",
          [](Checkers& checkers) -> std::unique_ptr<Checker> {
            return std::make_unique<GrantsChecker>(checkers);
          },
          GrantsChecker::rules};
}

std::vector<CheckerRule> GrantsChecker::rules() {
  return {
      {"ended_while_mapped", "a grant is ended, or made another one, while a backend has it mapped"},
      {"used_after_end", "a request names a grant that is none (any more)"},
      {"reused_in_flight",
       "a request names a page that another one in flight fills, or fills one that it reads"},
      {"freed_while_granted", "a granted page was given back to Xen, or made a page table"},
      {"writable_for_output", "a page that is only read is granted for writing"},
      {"leaked", "the domain shuts down with all its devices closed, and still grants pages"},
  };
}

std::vector<std::string> GrantsChecker::wires() const { return {"grant", "ring/*", "hypercall"}; }

bool GrantsChecker::wants(const Wire& wire) const {
  const uint16_t id = wire.payload_type().id;
  return id == kGrantPayload.id || id == kHypercallPayload.id || id == kBlkRequestPayload.id ||
         id == kBlkResponsePayload.id || id == kNetTxRequestPayload.id || id == kNetRxRequestPayload.id;
}

// A part of the wire's own function: see Wire::show_sieved().
[[gnu::always_inline]] inline bool GrantsChecker::DomainGrants::is_wanted(
    const std::vector<uint8_t>& payload) const {
  if (payload.size() < sizeof(GrantRecord)) return true;
  const auto status = record_at<int16_t>(payload, offsetof(GrantRecord, status));
  const auto ref = record_at<uint32_t>(payload, offsetof(GrantRecord, ref));
  if (status != GNTST_okay || ref >= refs.size() || !refs[ref].used) return true;
  const auto operation = record_at<GrantOperation>(payload, offsetof(GrantRecord, operation));
  if (operation != GrantOperation::unmap) return false;
  const auto frame = record_at<uint64_t>(payload, offsetof(GrantRecord, frame));
  return granter == nullptr || !still_permits(*memory, *granter, GrantRef{ref}, Mfn{frame});
}

// Each part is a function of its own, to which on_crossing() only jumps: what one needs of a frame costs the
// others nothing.
GrantsChecker::Role GrantsChecker::role_of(uint16_t payload_type) {
  const auto is = [&](const PayloadType& type) { return payload_type == type.id; };
  if (is(kGrantPayload)) return {look_at<&GrantsChecker::on_grant>, sizeof(GrantRecord)};
  if (is(kHypercallPayload)) return {look_at<&GrantsChecker::on_return>, sizeof(HypercallRecord)};
  if (is(kBlkRequestPayload)) return {look_at<&GrantsChecker::on_blk_request>, sizeof(BlkRequestRecord)};
  if (is(kBlkResponsePayload)) return {look_at<&GrantsChecker::on_blk_response>, sizeof(BlkResponseRecord)};
  if (is(kNetTxRequestPayload)) return {look_at<&GrantsChecker::on_tx_request>, sizeof(NetTxRequestRecord)};
  return {look_at<&GrantsChecker::on_rx_request>, sizeof(NetRxRequestRecord)};
}

void GrantsChecker::on_wire_added(const Wire& wire) {
  if (roles_.size() <= wire.index()) roles_.resize(wire.index() + 1);
  DomainGrants& domain = grants_of(domain_of_wire(wire.name()));
  const uint16_t id = wire.payload_type().id;
  if (id == kGrantPayload.id) {
    domain.wire = &wire;
    machine().wiring.set_sieve(wire, *this, domain);
  }
  if (id == kHypercallPayload.id) {
    CrossingFilter filter(offsetof(HypercallRecord, operation));
    machine().wiring.set_filter(wire, *this,
                                filter.want(Direction::in, kDecrease).want(Direction::in, kExchange));
  }
  Role& role = roles_[wire.index()] = role_of(id);
  role.domain = &domain;
  role.ring = &ring_of(base_of_wire(wire.name()));
}

GrantsChecker::DomainGrants& GrantsChecker::grants_of(uint16_t domain) {
  for (const auto& grants : domains_) {
    if (grants->id == domain) return *grants;
  }
  domains_.push_back(std::make_unique<DomainGrants>(domain));
  return *domains_.back();
}

GrantsChecker::Ring& GrantsChecker::ring_of(const std::string& base) {
  for (const auto& ring : rings_) {
    if (ring->base == base) return *ring;
  }
  rings_.push_back(std::make_unique<Ring>(Ring{.base = base}));
  return *rings_.back();
}

const Domain* GrantsChecker::domain_of(const DomainGrants& grants) const {
  return machine().hypervisor->find_domain(DomainId{grants.id});
}

// Entries come into use when they are named, and all of a table at once.
GrantsChecker::Ref* GrantsChecker::new_ref_of(DomainGrants& domain, uint32_t ref) const {
  const Domain* granter = domain_of(domain);
  if (granter == nullptr || ref >= granter->grants.entries()) return nullptr;
  domain.all_refs.resize(granter->grants.entries());
  domain.refs = domain.all_refs;
  domain.used.resize(std::min(domain.refs.size(), kUsedMax));
  return &domain.refs[ref];
}

std::optional<GrantEntry> GrantsChecker::entry_of(DomainGrants& domain, uint32_t ref) const {
  if (domain.granter == nullptr) {
    domain.granter = domain_of(domain);
    domain.memory = &machine().hypervisor->memory;
  }
  return grant_entry(machine().hypervisor->memory, *domain.granter, GrantRef{ref});
}

void GrantsChecker::on_store_change(const std::string& path) {
  devices_.on_store_change(*machine().xenstore, path);
  if (!path.ends_with("/state")) return;
  const auto node = device_node(path);
  if (!node || node->kind == DeviceKind::other || node->name != "state") return;
  const unsigned state = xenbus_state(*machine().xenstore, node->folder).value_or(0);
  DomainGrants& domain = grants_of(node->domain.value);
  if (node->backend) {
    if (state == 0) on_death(domain);
    return;
  }
  if (state == kClosed || state == 0) {
    // Whatever was in flight is over.
    const std::string base = fmt::format("dom{}/ring/", domain.id);
    for (const auto& ring : rings_) {
      if (!ring->base.starts_with(base)) continue;
      clear({nullptr, 0, &domain, ring.get()});
      ring->next = 0;
      ring->unsure = false;
    }
    for (Ref& ref : domain.refs) ref.done_anew = false;
  }
  if (state != kInitialised && state != kConnected) return;
  if (number_node(*machine().xenstore, std::string(node->folder) + "/feature-persistent").value_or(0) != 0)
    domain.persistent = true;
}

// Its mappings have ended: nothing is in flight, and of the frontend's devices it is not known which is
// meant.
void GrantsChecker::on_death(DomainGrants& domain) {
  for (Ref& ref : domain.refs) ref.done_anew = true;
}

bool GrantsChecker::is_anew(const Role& role, uint32_t index) {
  if (static_cast<int32_t>(index - role.ring->next) < 0) return true;
  role.ring->next = index + 1;
  return false;
}

bool GrantsChecker::is_in_flight(const Ring& ring, uint64_t id) const {
  const auto begin = ring.flights.begin(), end = begin + static_cast<ptrdiff_t>(ring.count);
  return std::any_of(begin, end, [id](const auto& flight) { return flight->id == id; });
}

void GrantsChecker::on_crossing(const Wire& wire, Crossing& crossing, Verdict&) {
  const Role& role = roles_[wire.index()];
  if (crossing.payload->size() < role.record_bytes) [[unlikely]]
    return on_cut_crossing(wire, crossing, role);
  role.look(*this, wire, crossing, role);
}

void GrantsChecker::on_cut_crossing(const Wire& wire, const Crossing& crossing, const Role& role) {
  const CompletedCrossing completed(crossing, role.record_bytes);
  role.look(*this, wire, completed.crossing(), role);
}

[[gnu::always_inline]] inline void GrantsChecker::on_grant(const Role& role, const Wire& wire,
                                                           const Crossing& crossing) {
  DomainGrants& domain = *role.domain;
  if (record_at<uint16_t>(crossing, offsetof(GrantRecord, by)) == domain.id) return;
  const auto status = record_at<int16_t>(crossing, offsetof(GrantRecord, status));
  if (status != GNTST_okay) return on_refusal(domain, wire, crossing);
  const auto number = record_at<uint32_t>(crossing, offsetof(GrantRecord, ref));
  if (number >= domain.refs.size()) [[unlikely]]
    return on_first_use(role, wire, crossing);
  Ref& ref = domain.refs[number];
  if (!ref.used && domain.used_count < domain.used.size()) {
    ref.used = true;
    domain.used[domain.used_count++] = number;
  }
  const auto operation = record_at<GrantOperation>(crossing, offsetof(GrantRecord, operation));
  if (operation == GrantOperation::unmap) on_unmapping(domain, wire, crossing);
}

// Of the table.
void GrantsChecker::on_first_use(const Role& role, const Wire& wire, const Crossing& crossing) {
  const auto ref = record_at<uint32_t>(crossing, offsetof(GrantRecord, ref));
  if (new_ref_of(*role.domain, ref) != nullptr) role.look(*this, wire, crossing, role);
}

void GrantsChecker::on_refusal(DomainGrants& domain, const Wire& wire, const Crossing& crossing) {
  const auto record = record_at<GrantRecord>(crossing);
  const Ref* ref = ref_of(domain, record.ref);
  if (!is_refusal(record.status) || meddled_with(crossing) ||
      (ref != nullptr && (ref->suspect || ref->done_anew)))
    return;
  const bool freed = record.status == GNTST_bad_page;
  violate(freed ? "freed_while_granted" : "used_after_end", wire, &crossing,
          fmt::format("grant {} with flags {:#x} cannot be used by domain {}: status {}", record.ref,
                      record.flags, record.by, record.status));
}

void GrantsChecker::on_unmapping(DomainGrants& domain, const Wire& wire, const Crossing& crossing) {
  const auto record = record_at<GrantRecord>(crossing);
  const auto entry = entry_of(domain, record.ref);
  if (!entry || domain.granter->end || (permits(*entry) && entry->frame.value == record.frame)) return;
  violate("ended_while_mapped", wire, &crossing,
          permits(*entry)
              ? fmt::format("grant {} was frame {:#x} when domain {} mapped it, and is frame {:#x} now",
                            record.ref, record.frame, record.by, entry->frame.value)
              : fmt::format("grant {} of frame {:#x} was ended while domain {} had it mapped", record.ref,
                            record.frame, record.by));
}

void GrantsChecker::on_return(const Role& role, const Wire& wire, const Crossing& crossing) {
  if (crossing.direction != Direction::in) return;
  const auto operation = record_at<uint32_t>(crossing, offsetof(HypercallRecord, operation));
  if (operation == kDecrease || operation == kExchange) look_for_freed(*role.domain, wire, crossing);
}

// Pages that a backend has used and may use again must still be the domain's.
void GrantsChecker::look_for_freed(DomainGrants& domain, const Wire& wire, const Crossing& crossing) {
  const Domain* granter = domain_of(domain);
  if (granter == nullptr) return;
  for (const uint32_t ref : std::span(domain.used).first(domain.used_count)) {
    const auto entry = grant_entry(machine().hypervisor->memory, *granter, GrantRef{ref});
    if (!entry || !permits(*entry)) continue;
    const PageInfo* page = machine().hypervisor->frames.find(entry->frame);
    if (page != nullptr && page->owner == granter->id) continue;
    violate("freed_while_granted", wire, &crossing,
            fmt::format("grant {} permits access to frame {:#x}, which is not the domain's any more", ref,
                        entry->frame.value));
  }
}

// Behind those in flight: one with room for so many segments, and none yet.
inline GrantsChecker::Flight& GrantsChecker::open(Ring& ring, size_t segments) {
  const bool has_room =
      ring.count < ring.flights.size() && ring.flights[ring.count]->segments.size() >= segments;
  return has_room ? *ring.flights[ring.count] : new_flight(ring, segments);
}

GrantsChecker::Flight& GrantsChecker::new_flight(Ring& ring, size_t segments) {
  if (ring.count == ring.flights.size()) ring.flights.push_back(std::make_unique<Flight>());
  Flight& flight = *ring.flights[ring.count];
  flight.segments.resize(segments);
  return flight;
}

[[gnu::always_inline]] inline void GrantsChecker::on_blk_request(const Role& role, const Wire& wire,
                                                                 const Crossing& crossing) {
  const auto indirect_op = record_at<uint8_t>(crossing, offsetof(BlkRequestRecord, indirect_op));
  const auto direct_op = record_at<uint8_t>(crossing, offsetof(BlkRequestRecord, operation));
  const uint8_t operation = indirect_op != kNoIndirectOp ? indirect_op : direct_op;
  if (operation == BLKIF_OP_DISCARD) return;
  Ring& ring = *role.ring;
  const auto id = record_at<uint64_t>(crossing, offsetof(BlkRequestRecord, id));
  const bool meddled = meddled_with(crossing);
  if (!meddled && is_anew(role, record_at<uint32_t>(crossing, offsetof(BlkRequestRecord, req_cons)))) {
    if (!is_in_flight(ring, id)) ring.unsure = true;
    end(role, id);
  }
  if (meddled || ring.unsure) return on_doubtful_request(role, crossing);
  const std::span<const uint8_t> request = crossing.bytes();
  const size_t count = segments_in(request);
  Flight& flight = open(ring, count);
  BlkSegmentRecord* into = flight.segments.data();
  std::span<Ref> refs = role.domain->refs;
  bool shared = false;  // with another request, or with itself
  for (size_t i = 0; i < count; ++i) {
    const BlkSegmentRecord segment = segment_in(request, i);
    const bool is_data = segment.kind == static_cast<uint8_t>(BlkSegmentKind::data);
    if (segment.gref >= refs.size()) [[unlikely]] {
      (void)new_ref_of(*role.domain, segment.gref);
      refs = role.domain->refs;
    }
    if (segment.gref < refs.size()) [[likely]] {
      Ref& ref = refs[segment.gref];
      ref.done_anew = false;
      if (is_data) shared |= ref.in_flight++ != 0;
    }
    if (is_data) *into++ = segment;
  }
  if (into == flight.segments.data()) return;
  flight.count = static_cast<size_t>(into - flight.segments.data());
  flight.id = id;
  flight.fills = operation == BLKIF_OP_READ;
  ring.places[id % ring.places.size()] = static_cast<uint16_t>(ring.count++);
  if (operation == BLKIF_OP_WRITE && !role.domain->persistent)
    check_read_only(role, flight.segments.front().gref, "a write to the disk", wire, crossing);
  if (shared) report_clash(ring, flight, wire, crossing);
}

// A fault has changed it, or nobody can say what is in flight.
void GrantsChecker::on_doubtful_request(const Role& role, const Crossing& crossing) {
  const bool meddled = meddled_with(crossing);
  for (size_t i = 0; i < segments_in(crossing.bytes()); ++i) {
    Ref* ref = ref_of(*role.domain, segment_in(crossing.bytes(), i).gref);
    if (ref == nullptr) continue;
    ref->done_anew = role.ring->unsure;
    ref->suspect |= meddled;
  }
}

[[gnu::always_inline]] inline void GrantsChecker::on_blk_response(const Role& role, const Wire&,
                                                                  const Crossing& crossing) {
  // Where one was changed, some request has been answered, and nobody can say which.
  if (meddled_with(crossing)) return forget_flights(role);
  end(role, record_at<uint64_t>(crossing, offsetof(BlkResponseRecord, id)));
}

// Buffers are given back in order: one that is posted has not been used.
void GrantsChecker::on_rx_request(const Role& role, const Wire&, const Crossing& crossing) {
  Ref* ref = ref_of(*role.domain, record_at<uint32_t>(crossing, offsetof(NetRxRequestRecord, gref)));
  if (ref == nullptr) return;
  if (meddled_with(crossing)) ref->suspect = true;
  ref->done_anew = false;
}

void GrantsChecker::on_tx_request(const Role& role, const Wire& wire, const Crossing& crossing) {
  const auto record = record_at<NetTxRequestRecord>(crossing);
  if (meddled_with(crossing)) {
    if (Ref* ref = ref_of(*role.domain, record.gref)) ref->suspect = true;
    return;
  }
  if (is_anew(role, record.req_cons)) role.ring->unsure = true;
  if (Ref* ref = ref_of(*role.domain, record.gref)) ref->done_anew = role.ring->unsure;
  if (role.ring->unsure) return;
  check_read_only(role, record.gref, "a frame that is sent", wire, crossing);
}

// Only the first ones of a ring, and told once: a driver that does it, does it always.
void GrantsChecker::check_read_only(const Role& role, uint32_t ref, const char* what, const Wire& wire,
                                    const Crossing& crossing) {
  if (role.ring->outputs_seen >= kOutputsSeen) return;
  ++role.ring->outputs_seen;
  const auto entry = grant_entry(machine().hypervisor->memory, *domain_of(*role.domain), GrantRef{ref});
  if (!entry || !permits(*entry) || (entry->flags & GTF_readonly)) return;
  role.ring->outputs_seen = kOutputsSeen;
  violate("writable_for_output", wire, &crossing,
          fmt::format("grant {}, the page of {}, has flags {:#x}, where GTF_readonly would do", ref, what,
                      entry->flags));
}

// Of a flight with those before it.
void GrantsChecker::report_clash(const Ring& ring, const Flight& flight, const Wire& wire,
                                 const Crossing& crossing) {
  for (const BlkSegmentRecord& use : flight.uses()) {
    const Flight* other = clash_of(ring, use, flight.fills);
    if (other == nullptr) continue;
    violate(
        "reused_in_flight", wire, &crossing,
        fmt::format("request id {} uses sectors {} to {} of grant {}, and so does id {}, which is in flight",
                    flight.id, use.first_sect, use.last_sect, use.gref, other->id));
    return;
  }
}

// All but the last one, which asks.
const GrantsChecker::Flight* GrantsChecker::clash_of(const Ring& ring, const BlkSegmentRecord& use,
                                                     bool fills) const {
  for (size_t i = 0; i + 1 < ring.count; ++i) {
    const Flight& flight = *ring.flights[i];
    if (!flight.fills && !fills) continue;
    for (const BlkSegmentRecord& held : flight.uses()) {
      if (held.gref == use.gref && use.first_sect <= held.last_sect && held.first_sect <= use.last_sect)
        return &flight;
    }
  }
  return nullptr;
}

void GrantsChecker::end(const Role& role, uint64_t id) {
  Ring& ring = *role.ring;
  const auto place = [&](uint64_t of) -> uint16_t& { return ring.places[of % ring.places.size()]; };
  size_t at = place(id);
  if (at >= ring.count || ring.flights[at]->id != id) [[unlikely]] {
    for (at = 0; at < ring.count && ring.flights[at]->id != id;) ++at;
    if (at == ring.count) return;
  }
  // A number without an entry was none's use, either.
  const std::span<Ref> refs = role.domain->refs;
  for (const BlkSegmentRecord& use : ring.flights[at]->uses()) {
    if (use.gref < refs.size() && refs[use.gref].in_flight != 0) --refs[use.gref].in_flight;
  }
  if (at != --ring.count) {
    std::swap(ring.flights[at], ring.flights[ring.count]);
    place(ring.flights[at]->id) = static_cast<uint16_t>(at);
  }
}

void GrantsChecker::forget_flights(const Role& role) {
  while (role.ring->count != 0) end(role, role.ring->flights[0]->id);
}

void GrantsChecker::clear(const Role& role) {
  forget_flights(role);
  role.ring->outputs_seen = 0;
}

void GrantsChecker::look_for_leaks(const DomainGrants& domain) {
  const Domain* granter = domain_of(domain);
  size_t count = 0;
  std::string named;
  for (uint32_t ref = kReserved; ref < granter->grants.entries(); ++ref) {
    const auto entry = grant_entry(machine().hypervisor->memory, *granter, GrantRef{ref});
    if (!entry || !permits(*entry) || entry->domain.value != 0) continue;
    if (++count <= kNamedMax) named += fmt::format("{}{}", named.empty() ? "" : ", ", ref);
  }
  if (count == 0) return;
  violate("leaked", *domain.wire, nullptr,
          fmt::format("all devices are closed, and {} grant{} still permit{} access: {}{}", count,
                      count == 1 ? "" : "s", count == 1 ? "s" : "", named, count > kNamedMax ? ", ..." : ""));
}

void GrantsChecker::on_end(bool orderly) {
  if (!orderly) return;
  for (const auto& domain : domains_) {
    if (domain->wire != nullptr && domain_of(*domain) != nullptr &&
        devices_.all_closed(*machine().xenstore, domain->id))
      look_for_leaks(*domain);
  }
}

}  // namespace ringside
