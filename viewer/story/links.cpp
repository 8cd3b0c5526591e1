#include "viewer/story/links.h"

#include <unordered_map>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/event_channels.h"
#include "hv-model/payloads.h"
#include "viewer/story/record.h"
#include "viewer/story/row_merge.h"
#include "viewer/story/slot_ring.h"

namespace ringside::viewer {

namespace {

// How long an event takes to a backend (Hypervisor::Config::event_latency).
constexpr Tick kEventLatency = microseconds(2);

std::vector<Row>::const_iterator rows_after(const std::vector<Row>& rows, Row row) {
  return std::upper_bound(rows.begin(), rows.end(), row);
}

}  // namespace

std::vector<Link> Links::find(Row first, Row last, size_t most) {
  std::vector<Link> links;
  const Row done = std::min(spans_.done(), parts_.facts.done());
  if (done == 0 || first >= done || last < first || most == 0) return links;
  last = std::min(last, done - 1);
  if (!is_known_) learn();
  // What leads into the range from before it begins a little before it; where it is a request that took
  // longer, the answer knows.
  const Row start = first > kLookBack ? first - kLookBack : 0;
  RowMerge rows;
  rows.seek(parts_.table, parts_.wires.linked(), start);
  std::vector<Link> found;
  for (size_t looked = 0; rows.next() <= last && looked < kRowsMax && links.size() < most; ++looked) {
    const Row row = rows.next();
    rows.pop(parts_.table);
    found.clear();
    add_link(found, row);
    const Span* span = row < first ? nullptr : spans_.span_of(row);
    if (span != nullptr && span->end == row && span->begin < start) {
      const Row request = spans_.request_of(*span) == kNoRow ? span->begin : spans_.request_of(*span);
      if (request < start) add_link(found, request);
    }
    for (const Link& link : found) {
      if (links.size() < most && (link.from >= first || (link.to >= first && link.to <= last)))
        links.push_back(link);
    }
  }
  return links;
}

// Those that begin with this row.
void Links::add_link(std::vector<Link>& links, Row row) const {
  const auto add = [&](Row to, Link::Kind kind) {
    if (to != kNoRow && to < spans_.done()) links.push_back({row, to, kind});
  };
  const WireRole& role = parts_.wires.role(parts_.table.wire(row));
  if (role.part == WirePart::events) {
    add(delivered_elsewhere(row), Link::Kind::event);
    add(handled(row), Link::Kind::handler);
    return;
  }
  if (role.part == WirePart::image) {
    const Row request = request_of_image(row);
    if (request != kNoRow) add(spans_.span_of(request)->end, Link::Kind::completion);
    return;
  }
  if (role.part == WirePart::indices || role.part == WirePart::byte_indices) return;
  const Span* const span = spans_.span_of(row);
  if (span != nullptr && span->end != row) {
    const Row image = image_of(row, *span);
    add(image != kNoRow ? image : span->end, Link::Kind::completion);
    return;
  }
  const bool answers = parts_.table.direction(row) == Direction::in;
  if (!answers || !is_punctual(parts_.table, row)) return;
  if (role.ring != kNone) return add(delivered(row, parts_.wires.rings()[role.ring]), Link::Kind::event);
  if (role.part != WirePart::ninep_response) return;
  P9MessageRecord record{};
  if (!read_record(parts_.table.payload(row), record)) return;
  const KnownShare& share = parts_.wires.shares()[role.share];
  for (const PortUse& use : uses_of_domain_[role.domain]) {
    const KnownRing& ring = parts_.wires.rings()[use.ring];
    if (ring.device == share.device && ring.queue == record.ring)
      return add(delivered(row, ring), Link::Kind::event);
  }
}

// Which port is which ring's, from XenStore's messages, and from what is bound before a guest begins.
void Links::learn() {
  is_known_ = true;
  const auto& rings = parts_.wires.rings();
  uses_of_domain_.assign(parts_.wires.domains().size(), {});
  uses_of_ring_.assign(rings.size(), {});
  lanes_of_image_.assign(parts_.table.wires().size(), {});
  std::unordered_map<std::string, std::vector<uint32_t>> by_device;
  const auto key = [](uint32_t domain, const std::string& device) {
    return std::to_string(domain) + "/" + device;
  };
  for (uint32_t ring = 0; ring < rings.size(); ++ring)
    by_device[key(rings[ring].domain, rings[ring].device)].push_back(ring);
  constexpr size_t kRingsMax = 64;  // of one device
  for (const DeviceFact& fact : parts_.facts.all()) {
    if (fact.kind != FactKind::port || fact.way == RingWay::control) continue;
    const auto& of_device = by_device[key(fact.domain, parts_.facts.name_of(parts_.table, fact))];
    for (size_t i = 0; i < std::min(of_device.size(), kRingsMax); ++i) {
      const KnownRing& ring = rings[of_device[i]];
      const bool other_way = (fact.way == RingWay::tx && ring.kind != RingState::Kind::net_tx) ||
                             (fact.way == RingWay::rx && ring.kind != RingState::Kind::net_rx);
      if (other_way || ring.queue != fact.queue) continue;
      const PortUse use{fact.row, of_device[i], fact.value};
      uses_of_domain_[fact.domain].push_back(use);
      uses_of_ring_[use.ring].push_back(use);
    }
  }
  for (uint32_t domain = 0; domain < parts_.wires.domains().size(); ++domain) learn_fixed(domain);
  for (const uint32_t wire : parts_.wires.linked()) {
    const WireRole& role = parts_.wires.role(wire);
    const bool takes = role.part == WirePart::request || role.part == WirePart::first_request;
    if (!takes && role.part != WirePart::ata_command) continue;
    const std::string device(takes ? parts_.wires.rings()[role.ring].device
                                   : last_part(base_of(parts_.table.wires()[wire].name)));
    if (const uint32_t image = parts_.wires.image_of(device); image != kNone)
      lanes_of_image_[image].push_back(wire);
  }
}

// A PV guest's first two ports are XenStore's and the console's.
void Links::learn_fixed(uint32_t domain) {
  const KnownDomain& known = parts_.wires.domains()[domain];
  if (known.events == kNone) return;
  uint32_t number = 0;
  for (const Row row : parts_.table.wires()[known.events].rows) {
    EventRecord record;
    if (!read_record(parts_.table.payload(row), record)) return;
    const auto operation = static_cast<EventOperation>(record.operation);
    if (operation == EventOperation::bind_interdomain) continue;
    if (operation != EventOperation::alloc_unbound || number == 2) return;
    const uint32_t ring = parts_.wires.find_ring(known.name + (number == 0 ? "/xenstore" : "/console"));
    ++number;
    if (ring == kNone || parts_.wires.rings()[ring].domain != domain) continue;
    const PortUse use{row, ring, record.port};
    uses_of_domain_[domain].insert(uses_of_domain_[domain].begin(), use);
    uses_of_ring_[ring].insert(uses_of_ring_[ring].begin(), use);
  }
}

uint32_t Links::port_of(uint32_t ring, Row row) const {
  const std::vector<PortUse>& uses = uses_of_ring_[ring];
  const auto behind =
      std::partition_point(uses.begin(), uses.end(), [row](const PortUse& use) { return use.row < row; });
  return behind == uses.begin() ? kNone : std::prev(behind)->port;
}

// An event for another domain that has a wire.
Row Links::delivered_elsewhere(Row send) const {
  EventRecord record;
  if (!read_record(parts_.table.payload(send), record) || is_dropped(parts_.table, send)) return kNoRow;
  if (record.operation != static_cast<uint8_t>(EventOperation::send) ||
      record.state != static_cast<uint8_t>(ChannelState::interdomain))
    return kNoRow;
  const uint32_t remote = parts_.wires.domain_of_number(record.remote_domain);
  if (remote == kNone || parts_.wires.domains()[remote].events == kNone) return kNoRow;
  const std::vector<Row>& rows = parts_.table.wires()[parts_.wires.domains()[remote].events].rows;
  auto place = rows_after(rows, send);
  for (size_t looked = 0; place != rows.end() && looked < kLookMax; ++place, ++looked) {
    EventRecord there;
    if (!read_record(parts_.table.payload(*place), there)) continue;
    if (there.port == record.remote_port && there.operation == static_cast<uint8_t>(EventOperation::deliver))
      return is_dropped(parts_.table, *place) ? kNoRow : *place;
  }
  return kNoRow;
}

// The first request that a backend takes after the guest's event. Not where another event came in between
// that its handler could have run for: then there was nothing to do for this one.
Row Links::handled(Row send) const {
  EventRecord record;
  if (!read_record(parts_.table.payload(send), record) || is_dropped(parts_.table, send)) return kNoRow;
  if (record.operation != static_cast<uint8_t>(EventOperation::send)) return kNoRow;
  const std::vector<PortUse>& uses = uses_of_domain_[parts_.wires.role(parts_.table.wire(send)).domain];
  Row taken = kNoRow;
  size_t looked = 0;
  // The last that the port was given to, and its rings.
  Row given = kNoRow;
  for (auto use = uses.rbegin(); use != uses.rend() && looked < kLookMax; ++use, ++looked) {
    if (use->row > send || use->port != record.port) continue;
    if (given != kNoRow && use->row != given) break;
    given = use->row;
    taken = std::min(taken, first_request(parts_.wires.rings()[use->ring], send));
  }
  const bool is_cause = taken != kNoRow && !has_later_send(send, record.port, taken) &&
                        !has_earlier_send(send, record.port, taken);
  return is_cause ? taken : kNoRow;
}

bool Links::has_later_send(Row send, uint32_t port, Row handled) const {
  const std::vector<Row>& rows = parts_.table.wire_of(send).rows;
  auto place = rows_after(rows, send);
  for (size_t looked = 0; place != rows.end() && *place < handled && looked < kLookMax; ++place, ++looked) {
    EventRecord record;
    if (read_record(parts_.table.payload(*place), record) && record.port == port &&
        record.operation == static_cast<uint8_t>(EventOperation::send) &&
        parts_.table.at(*place) + kEventLatency <= parts_.table.at(handled))
      return true;
  }
  return false;
}

// One that was on its way already, so that this one added nothing: events coalesce.
bool Links::has_earlier_send(Row send, uint32_t port, Row handled) const {
  const CrossingTable& table = parts_.table;
  const std::vector<Row>& rows = table.wire_of(send).rows;
  auto place = std::lower_bound(rows.begin(), rows.end(), send);
  for (size_t looked = 0; place != rows.begin() && looked < kLookMax; ++looked) {
    const Tick arrives = table.at(*--place) + kEventLatency;
    if (arrives < table.at(send)) break;
    EventRecord record;
    if (arrives <= table.at(handled) && read_record(table.payload(*place), record) && record.port == port &&
        record.operation == static_cast<uint8_t>(EventOperation::send) && !is_dropped(table, *place))
      return true;
  }
  return false;
}

// Buffers for frames that come are not taken because of an event.
Row Links::first_request(const KnownRing& ring, Row after) const {
  if (ring.kind == RingState::Kind::net_rx) return kNoRow;
  if (ring.is_estimate) {
    const uint32_t wire = ring.request != kNone ? ring.request : ring.wires.front();
    return next_of_way(wire, after, Direction::out);
  }
  if (ring.kind != RingState::Kind::bytes) {
    return ring.request == kNone ? kNoRow : next_of_way(ring.request, after, Direction::out);
  }
  for (const KnownShare& share : parts_.wires.shares()) {
    if (share.domain != ring.domain || share.device != ring.device || share.request == kNone) continue;
    const std::vector<Row>& rows = parts_.table.wires()[share.request].rows;
    auto place = rows_after(rows, after);
    for (size_t looked = 0; place != rows.end() && looked < kLookMax; ++place, ++looked) {
      P9MessageRecord record{};
      if (read_record(parts_.table.payload(*place), record) && record.ring == ring.queue) return *place;
    }
  }
  return kNoRow;
}

Row Links::next_of_way(uint32_t wire, Row after, Direction direction) const {
  const std::vector<Row>& rows = parts_.table.wires()[wire].rows;
  auto place = rows_after(rows, after);
  for (size_t looked = 0; place != rows.end() && looked < kLookMax; ++place, ++looked) {
    if (parts_.table.direction(*place) == direction) return *place;
  }
  return kNoRow;
}

// The event that tells the guest of an answer.
Row Links::delivered(Row answer, const KnownRing& ring) const {
  const auto number = static_cast<uint32_t>(parts_.wires.find_ring(ring.name));
  const uint32_t port = number == kNone ? kNone : port_of(number, answer);
  const uint32_t events = parts_.wires.domains()[ring.domain].events;
  if (port == kNone || events == kNone || !asks_event(answer, ring)) return kNoRow;
  const std::vector<Row>& rows = parts_.table.wires()[events].rows;
  auto place = rows_after(rows, answer);
  for (size_t looked = 0; place != rows.end() && looked < kLookMax; ++place, ++looked) {
    EventRecord record;
    if (!read_record(parts_.table.payload(*place), record) || record.port != port) continue;
    if (record.operation == static_cast<uint8_t>(EventOperation::deliver))
      return is_dropped(parts_.table, *place) ? kNoRow : *place;
  }
  return kNoRow;
}

// RING_PUSH_RESPONSES_AND_CHECK_NOTIFY, by the indices before and behind. Where there are none: perhaps.
bool Links::asks_event(Row answer, const KnownRing& ring) const {
  if (ring.indices == kNone || ring.kind == RingState::Kind::bytes) return true;
  const std::vector<Row>& rows = parts_.table.wires()[ring.indices].rows;
  const auto behind = rows_after(rows, answer);
  if (behind == rows.end() || behind == rows.begin()) return true;
  SlotIndices before{}, now{};
  if (!read_record(parts_.table.payload(*std::prev(behind)), before)) return true;
  if (!read_record(parts_.table.payload(*behind), now)) return true;
  return now.rsp_prod - now.rsp_event < now.rsp_prod - before.rsp_prod;
}

}  // namespace ringside::viewer
