#include "viewer/story/device_facts.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <iterator>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/virtual_device.h"
#include "hv-model/payloads.h"
#include "hv-model/ring.h"
#include "viewer/story/record.h"
#include "viewer/story/store_message.h"

namespace ringside::viewer {

namespace {

constexpr uint32_t kRingPagesMax = 512, kSlotsMax = 4096, kBlkSlotBytes = 112;

std::optional<uint32_t> unsigned_of(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return number;
}

DeviceClass device_class_of(std::string_view text) {
  if (text == "vbd") return DeviceClass::vbd;
  if (text == "vif") return DeviceClass::vif;
  if (text == "9pfs") return DeviceClass::ninepfs;
  return text == "console" ? DeviceClass::console : DeviceClass::other;
}

// Takes the part before the next slash off `path`.
std::string_view next_part(std::string_view& path) {
  const size_t slash = path.find('/');
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return part;
}

// What a node of that name says; its queue where the name ends in one. False: nothing of interest.
bool read_leaf(std::string_view leaf, DeviceFact& fact) {
  const auto is = [&](std::string_view name, FactKind kind, RingWay way = RingWay::both) {
    if (leaf != name) return false;
    fact.kind = kind;
    fact.way = way;
    return true;
  };
  const auto numbered = [&](std::string_view name, FactKind kind) {
    if (!leaf.starts_with(name)) return false;
    const auto number = unsigned_of(leaf.substr(name.size()));
    if (!number) return false;
    fact.kind = kind;
    if (fact.device_class == DeviceClass::ninepfs) fact.queue = *number;
    return true;
  };
  return is("event-channel", FactKind::port) || is("event-channel-tx", FactKind::port, RingWay::tx) ||
         is("event-channel-rx", FactKind::port, RingWay::rx) ||
         is("event-channel-ctrl", FactKind::port, RingWay::control) ||
         (fact.device_class == DeviceClass::console && is("port", FactKind::port)) ||
         is("ring-ref", FactKind::ring_ref) || is("tx-ring-ref", FactKind::ring_ref, RingWay::tx) ||
         is("rx-ring-ref", FactKind::ring_ref, RingWay::rx) ||
         is("ctrl-ring-ref", FactKind::ring_ref, RingWay::control) ||
         is("ring-page-order", FactKind::ring_pages) || is("num-ring-pages", FactKind::ring_pages) ||
         numbered("event-channel-", FactKind::port) || numbered("ring-ref", FactKind::ring_ref);
}

}  // namespace

// Takes a device's folder off a path, and says whose it is: "device/vbd/51712/" of the domain itself,
// "/local/domain/1/device/...", or a backend's, "/local/domain/0/backend/vbd/1/51712/".
bool DeviceFacts::read_folder(std::string_view& path, uint32_t wire_domain, DeviceState& place) const {
  const auto take_domain = [&] {
    const auto number = unsigned_of(next_part(path));
    if (!number || *number > UINT16_MAX) return kNone;
    return wires_.domain_of_number(static_cast<uint16_t>(*number));
  };
  place.domain = wire_domain;
  constexpr std::string_view kDomains = "/local/domain/";
  const bool is_absolute = path.starts_with(kDomains);
  if (is_absolute) {
    path.remove_prefix(kDomains.size());
    place.domain = take_domain();
  }
  const std::string_view kind = next_part(path);
  place.backend = is_absolute && kind == "backend";
  if (!place.backend && kind != "device") return false;
  place.device_class = device_class_of(next_part(path));
  if (place.backend) place.domain = take_domain();
  const auto device = unsigned_of(next_part(path));
  place.device = device.value_or(0);
  return device && place.domain != kNone;
}

void DeviceFacts::take(const CrossingTable& table, Row row) {
  if (row < done_ || table.direction(row) != Direction::out || facts_.size() >= kFactsMax) return;
  const auto message = store_message(table.payload(row));
  if (!message || message->type != XS_WRITE) return;
  std::string_view body = message->body;
  std::string_view path = next_text(body);
  DeviceState place;
  if (!read_folder(path, wires_.role(table.wire(row)).domain, place) || place.backend) return;
  DeviceFact fact{
      .row = row, .domain = place.domain, .device_class = place.device_class, .device = place.device};
  std::string_view leaf = next_part(path);
  if (leaf.starts_with("queue-")) {
    fact.queue = unsigned_of(leaf.substr(6)).value_or(kNone);
    leaf = next_part(path);
  }
  const auto value = unsigned_of(body);
  if (!value || !path.empty() || !read_leaf(leaf, fact)) return;
  fact.value = *value;
  if (leaf == "ring-page-order") fact.value = *value < 16 ? 1u << *value : kRingPagesMax;
  facts_.push_back(fact);
}

void DeviceFacts::take_answer(const CrossingTable& table, Row request, Row answer) {
  if (answer < done_ || states_.size() >= kStatesMax) return;
  const auto asked = store_message(table.payload(request)), told = store_message(table.payload(answer));
  if (!asked || !told || told->type != asked->type) return;
  if (asked->type != XS_WRITE && asked->type != XS_READ) return;
  std::string_view body = asked->body;
  std::string_view path = next_text(body);
  if (!path.ends_with("/state")) return;
  DeviceState shown{.row = answer};
  if (!read_folder(path, wires_.role(table.wire(request)).domain, shown) || path != "state") return;
  const auto value = unsigned_of(asked->type == XS_WRITE ? body : told->body);
  if (!value || *value > UINT8_MAX) return;
  shown.state = static_cast<uint8_t>(*value);
  // Who waits for a state reads the same one often.
  const auto is_same_end = [&](const DeviceState& known) {
    return known.domain == shown.domain && known.device_class == shown.device_class &&
           known.device == shown.device && known.backend == shown.backend;
  };
  const auto recent = states_.end() - static_cast<ptrdiff_t>(std::min<size_t>(states_.size(), 64));
  const auto first = std::make_reverse_iterator(recent);
  const auto known = std::find_if(states_.rbegin(), first, is_same_end);
  if (known == first || known->state != shown.state) states_.push_back(shown);
}

void DeviceFacts::truncate(Row first) {
  facts_.resize(count_before(first));
  std::erase_if(states_, [first](const DeviceState& state) { return state.row >= first; });
  done_ = std::min(done_, first);
  names_.clear();
}

size_t DeviceFacts::count_before(Row end) const {
  return static_cast<size_t>(std::partition_point(facts_.begin(), facts_.end(),
                                                  [end](const DeviceFact& fact) { return fact.row < end; }) -
                             facts_.begin());
}

const std::string& DeviceFacts::name_of(const CrossingTable& table, uint32_t domain, DeviceClass device_class,
                                        uint32_t device) const {
  const auto [place, is_new] = names_.try_emplace({domain, device_class, device});
  if (is_new) place->second = find_name(table, domain, device_class, device);
  return place->second;
}

// Disks have their number by name. Interfaces, shares and consoles are numbered in the scenario's order,
// which is that of their wires.
std::string DeviceFacts::find_name(const CrossingTable& table, uint32_t owner, DeviceClass device_class,
                                   uint32_t device) const {
  const KnownDomain& domain = wires_.domains()[owner];
  const char* folder = "device";
  switch (device_class) {
    case DeviceClass::vbd:
      for (const std::string& disk : domain.disks) {
        if (virtual_device_number(disk) == device) return disk;
      }
      folder = "vbd";
      break;
    case DeviceClass::vif:
      if (device < domain.nics.size()) return domain.nics[device];
      folder = "vif";
      break;
    case DeviceClass::ninepfs: {
      uint32_t rank = 0;
      for (const KnownShare& share : wires_.shares()) {
        if (share.domain != owner || share.request == kNone) continue;
        const std::vector<Row>& rows = table.wires()[share.request].rows;
        P9MessageRecord record{};
        const bool known = !rows.empty() && read_record(table.payload(rows[0]), record);
        if ((known ? record.device : rank) == device) return share.device;
        ++rank;
      }
      folder = "9pfs";
      break;
    }
    case DeviceClass::console:
      if (device - 1 < domain.consoles.size()) return domain.consoles[device - 1];
      folder = "console";
      break;
    case DeviceClass::other: break;
  }
  return folder + ("/" + std::to_string(device));
}

bool DeviceFacts::matches(const CrossingTable& table, const DeviceFact& fact, const KnownRing& ring) const {
  if (fact.domain != ring.domain || fact.queue != ring.queue) return false;
  if (fact.way == RingWay::control) return false;
  if (fact.way == RingWay::tx && ring.kind != RingState::Kind::net_tx) return false;
  if (fact.way == RingWay::rx && ring.kind != RingState::Kind::net_rx) return false;
  return name_of(table, fact) == ring.device;
}

const DeviceFact* DeviceFacts::last_of(const CrossingTable& table, const KnownRing& ring, FactKind kind,
                                       Row end) const {
  const size_t count = count_before(end);
  for (size_t i = count; i > 0 && count - i < kLookBack; --i) {
    const DeviceFact& fact = facts_[i - 1];
    if (fact.kind != kind) continue;
    // A device has one size of rings for all of its queues.
    KnownRing any = kind == FactKind::ring_pages ? KnownRing{} : KnownRing{.queue = ring.queue};
    any.domain = ring.domain;
    any.device = ring.device;
    any.kind = ring.kind;
    if (matches(table, fact, any)) return &fact;
  }
  return nullptr;
}

// Without the node a ring has one page; a ring whose frontend's nodes are not known at all may have more.
std::optional<uint32_t> DeviceFacts::block_slots(const CrossingTable& table, const KnownRing& ring,
                                                 Row end) const {
  const DeviceFact* pages = last_of(table, ring, FactKind::ring_pages, end);
  if (pages == nullptr && last_of(table, ring, FactKind::port, end) == nullptr) return std::nullopt;
  const uint64_t count = pages == nullptr ? 1 : std::clamp(pages->value, 1u, kRingPagesMax);
  return std::min(BackRingIndices::slots_in(count * kPageSize, kBlkSlotBytes), kSlotsMax);
}

std::optional<uint32_t> DeviceFacts::share_ring_bytes(const CrossingTable& table, const KnownRing& ring,
                                                      Row end) const {
  const DeviceFact* ref = last_of(table, ring, FactKind::ring_ref, end);
  if (ref == nullptr || wires_.domains()[ring.domain].grants == kNone) return std::nullopt;
  const std::vector<Row>& rows = table.wires()[wires_.domains()[ring.domain].grants].rows;
  const auto is_ring_ref = [&](uint32_t value) {
    return std::any_of(
        facts_.begin(), facts_.begin() + static_cast<ptrdiff_t>(std::min(count_before(end), kLookBack)),
        [&](const DeviceFact& fact) {
          return fact.kind == FactKind::ring_ref && fact.domain == ring.domain && fact.value == value;
        });
  };
  // The mapping of the ring's own page; behind it come its data's.
  auto place = std::upper_bound(rows.begin(), rows.end(), ref->row);
  uint32_t pages = 0;
  bool found = false;
  for (size_t looked = 0; place != rows.end() && *place < end && looked < kLookBack; ++place, ++looked) {
    GrantRecord record;
    if (!read_record(table.payload(*place), record)) break;
    const bool maps = record.operation == static_cast<uint8_t>(GrantOperation::map);
    if (!found) {
      found = maps && record.ref == ref->value;
    } else if (!maps || is_ring_ref(record.ref)) {
      break;
    } else {
      ++pages;
    }
  }
  if (pages == 0 || pages > kRingPagesMax) return std::nullopt;
  return std::bit_floor(pages) * static_cast<uint32_t>(kPageSize) / 2;
}

}  // namespace ringside::viewer
