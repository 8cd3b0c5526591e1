#include "viewer/story/story_wires.h"

#include <algorithm>
#include <charconv>

#include "hv-model/backends/blk/virtual_device.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

namespace {

// Payload types by their ids, which stand in files (docs/session-format.md).
enum PayloadId : uint16_t {
  kIdNotice = 1,
  kIdFault = 5,
  kIdImage = 20,
  kIdHypercall = 100,
  kIdEvent = 101,
  kIdGrant = 102,
  kIdXenConsole = 103,
  kIdXenbus = 105,
  kIdXenstore = 120,
  kIdConsoleBytes = 130,
  kIdFirstBlkRequest = 140,
  kIdBlkResponse = 141,
  kIdBlkIndices = 142,
  kIdBlkRequest = 143,
  kIdNetTxRequest = 150,
  kIdNetTxResponse = 152,
  kIdNetRxRequest = 153,
  kIdNetRxResponse = 154,
  kIdNetIndices = 155,
  kIdNetControlRequest = 156,
  kIdNetControlResponse = 157,
  kIdNinePRequest = 180,
  kIdNinePResponse = 181,
  kIdNinePIndices = 182,
  kIdUart = 200,
  kIdAtaCommand = 210,
  kIdAtaCompletion = 211,
  kIdEthernet = 220,
  kIdNicRing = 221,
  kIdDebugText = 231,
};

void add_once(std::vector<std::string>& names, const std::string& name) {
  constexpr size_t kNamesMax = 1024;
  if (names.size() < kNamesMax && std::find(names.begin(), names.end(), name) == names.end())
    names.push_back(name);
}

// "xvda" of "dom1/ring/xvda/queue-1"
std::string device_of_ring(std::string_view name) {
  const size_t mark = name.find("/ring/");
  if (mark != std::string_view::npos) name.remove_prefix(mark + 6);
  return std::string(first_part(name));
}

uint32_t number_in(std::string_view text) {
  uint32_t number = kNone;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// 1 of "dom1/ring/xvda/queue-1".
uint32_t queue_of_ring(std::string_view name) {
  const size_t mark = name.find("/queue-");
  return mark == std::string_view::npos ? kNone : number_in(name.substr(mark + 7));
}

}  // namespace

bool StoryWires::update(const CrossingTable& table) {
  const size_t known = roles_.size(), count = table.wires().size();
  roles_.resize(count);
  for (size_t wire = known; wire < count; ++wire) add(table, static_cast<uint32_t>(wire));
  name_consoles(table);
  return count != known;
}

uint32_t StoryWires::find_ring(const std::string& name) const {
  const auto place = rings_by_name_.find(name);
  return place == rings_by_name_.end() ? kNone : place->second;
}

uint32_t StoryWires::domain_of_number(uint16_t number) const {
  for (size_t i = 0; i < domains_.size(); ++i) {
    if (domains_[i].number == number) return static_cast<uint32_t>(i);
  }
  return kNone;
}

uint32_t StoryWires::image_of(const std::string& device) const {
  const auto place = images_.find(device);
  return place == images_.end() ? kNone : place->second;
}

// "dom1" is domain 1; others, whose names a scenario gave, are numbered on.
uint32_t StoryWires::domain(std::string_view name) {
  const auto [place, is_new] =
      domains_by_name_.try_emplace(std::string(name), static_cast<uint32_t>(domains_.size()));
  if (!is_new) return place->second;
  KnownDomain added{.name = std::string(name)};
  uint32_t number = name.starts_with("dom") ? number_in(name.substr(3)) : kNone;
  if (number > UINT16_MAX) number = static_cast<uint32_t>(domains_.size() + 1) & 0x7fff;
  added.number = static_cast<uint16_t>(number);
  domains_.push_back(std::move(added));
  return place->second;
}

uint32_t StoryWires::lane(const std::string& name) {
  const auto [place, is_new] = lanes_by_name_.try_emplace(name, static_cast<uint32_t>(lanes_.size()));
  if (is_new) lanes_.push_back(name);
  return place->second;
}

uint32_t StoryWires::ring(const std::string& name) {
  const auto [place, is_new] = rings_by_name_.try_emplace(name, static_cast<uint32_t>(rings_.size()));
  if (is_new) {
    rings_.push_back({.name = name});
    ring_names_.push_back(name);
  }
  return place->second;
}

void StoryWires::add_to_ring(uint32_t wire, std::string name, std::string device, RingState::Kind kind,
                             WirePart part) {
  WireRole& role = roles_[wire];
  role.part = part;
  role.ring = ring(name);
  KnownRing& known = rings_[role.ring];
  known.device = std::move(device);
  known.kind = kind;
  known.domain = role.domain;
  known.wires.push_back(wire);
}

void StoryWires::add_slot_wire(uint32_t wire, const std::string& name, WirePart part, bool net) {
  const std::string base(base_of(name));
  const RingState::Kind kind = !net                      ? RingState::Kind::blk
                               : last_part(base) == "rx" ? RingState::Kind::net_rx
                                                         : RingState::Kind::net_tx;
  const std::string device = device_of_ring(base);
  add_to_ring(wire, base, device, kind, part);
  WireRole& role = roles_[wire];
  role.lane = lane(base);
  KnownRing& known = rings_[role.ring];
  known.lane = role.lane;
  known.queue = queue_of_ring(base);
  add_once(net ? domains_[role.domain].nics : domains_[role.domain].disks, device);
  linked_.push_back(wire);
  if (part == WirePart::indices) {
    known.indices = wire;
  } else if (part == WirePart::response || part == WirePart::net_response) {
    known.response = wire;
  } else {
    known.request = wire;
    grant_story_.push_back(wire);
  }
}

void StoryWires::add_byte_ring(uint32_t wire, const std::string& name) {
  const std::string base(base_of(name));
  add_to_ring(wire, base, device_of_ring(base), RingState::Kind::bytes, WirePart::byte_indices);
  KnownRing& known = rings_[roles_[wire].ring];
  known.indices = wire;
  known.queue = number_in(last_part(base));
  linked_.push_back(wire);
}

void StoryWires::add_share_wire(uint32_t wire, const std::string& name, WirePart part) {
  const std::string base(base_of(name));
  const auto [place, is_new] = shares_by_name_.try_emplace(base, static_cast<uint32_t>(shares_.size()));
  if (is_new) {
    shares_.push_back({.name = base, .device = std::string(last_part(base)), .domain = roles_[wire].domain});
  }
  KnownShare& share = shares_[place->second];
  share.wires.push_back(wire);
  if (part == WirePart::ninep_request) share.request = wire;
  roles_[wire].part = part;
  roles_[wire].share = place->second;
  roles_[wire].lane = lane(base);
  linked_.push_back(wire);
}

// Out and in of a paravirtual console: what its ring must have held.
void StoryWires::add_console_ring(uint32_t wire, const std::string& name) {
  const std::string base(base_of(name)), device(last_part(base));
  const bool out = last_part(name) != "in";
  add_to_ring(wire, base, device, RingState::Kind::bytes, out ? WirePart::console_out : WirePart::console_in);
  KnownRing& known = rings_[roles_[wire].ring];
  known.is_estimate = true;
  (out ? known.request : known.response) = wire;
  if (device != "console") add_once(domains_[roles_[wire].domain].consoles, device);
  if (out) add_console(wire, name, device == "console" ? 0 : 4);
  linked_.push_back(wire);
}

void StoryWires::add_console(uint32_t wire, const std::string& name, int rank) {
  std::string shown(name);
  for (const std::string_view end : {"/out", "/tx"}) {
    if (name.ends_with(end)) shown = base_of(name);
  }
  consoles_.push_back({shown, rank, std::string(first_part(name)), wire});
}

void StoryWires::add_descriptors(uint32_t wire, const std::string& name) {
  const std::string base(base_of(name)), device(last_part(base));
  for (const char* way : {"/receive", "/transmit"}) {
    add_to_ring(wire, base + way, device, RingState::Kind::descriptors, WirePart::descriptors);
  }
  roles_[wire].ring = ring(base + "/receive");
}

// Of each domain the first of the least rank has the domain's name.
void StoryWires::name_consoles(const CrossingTable& table) {
  console_names_.clear();
  console_wires_.clear();
  const auto prints = [&](const KnownConsole& console) { return !table.wires()[console.wire].rows.empty(); };
  std::unordered_map<std::string, const KnownConsole*> first;
  for (const KnownConsole& console : consoles_) {
    if (!prints(console)) continue;
    const KnownConsole*& place = first[console.domain];
    if (place == nullptr || console.rank < place->rank) place = &console;
  }
  for (const KnownConsole& console : consoles_) {
    if (!prints(console)) continue;
    console_names_.push_back(first[console.domain] == &console ? console.domain : console.name);
    console_wires_.push_back(console.wire);
  }
}

void StoryWires::add(const CrossingTable& table, uint32_t wire) {
  const std::string& name = table.wires()[wire].name;
  const uint16_t type = table.wires()[wire].payload_type;
  WireRole& role = roles_[wire];
  switch (type) {
    case kIdNotice: role.part = WirePart::notice; return;
    case kIdFault: role.part = WirePart::fault; return;
    case kIdImage:
      role.part = WirePart::image;
      images_.try_emplace(std::string(last_part(name)), wire);
      linked_.push_back(wire);
      return;
    default: break;
  }
  const size_t domains = domains_.size();
  role.domain = domain(first_part(name));
  KnownDomain& owner = domains_[role.domain];
  switch (type) {
    case kIdHypercall:
      role.part = WirePart::hypercall;
      role.lane = lane(name);
      break;
    case kIdEvent:
      role.part = WirePart::events;
      owner.events = wire;
      events_.push_back(wire);
      linked_.push_back(wire);
      break;
    case kIdGrant:
      role.part = WirePart::grants;
      owner.grants = wire;
      grant_story_.push_back(wire);
      break;
    case kIdXenstore:
      add_to_ring(wire, name, "xenstore", RingState::Kind::bytes, WirePart::xenstore);
      rings_[roles_[wire].ring].is_estimate = true;
      roles_[wire].lane = lane(name);
      stores_.push_back(wire);
      linked_.push_back(wire);
      break;
    case kIdXenbus:
      role.part = WirePart::xenbus;
      xenbus_.push_back({owner.name + "/" + std::string(last_part(name)), wire});
      break;
    case kIdConsoleBytes: add_console_ring(wire, name); break;
    case kIdFirstBlkRequest: add_slot_wire(wire, name, WirePart::first_request, false); break;
    case kIdBlkRequest: add_slot_wire(wire, name, WirePart::request, false); break;
    case kIdBlkResponse: add_slot_wire(wire, name, WirePart::response, false); break;
    case kIdBlkIndices: add_slot_wire(wire, name, WirePart::indices, false); break;
    case kIdNetTxRequest:
    case kIdNetRxRequest: add_slot_wire(wire, name, WirePart::net_request, true); break;
    case kIdNetTxResponse:
    case kIdNetRxResponse: add_slot_wire(wire, name, WirePart::net_response, true); break;
    case kIdNetIndices: add_slot_wire(wire, name, WirePart::indices, true); break;
    case kIdNetControlRequest:
    case kIdNetControlResponse:
      role.part = type == kIdNetControlRequest ? WirePart::control_request : WirePart::control_response;
      role.lane = lane(std::string(base_of(name)));
      linked_.push_back(wire);
      break;
    case kIdNinePRequest: add_share_wire(wire, name, WirePart::ninep_request); break;
    case kIdNinePResponse: add_share_wire(wire, name, WirePart::ninep_response); break;
    case kIdNinePIndices: add_byte_ring(wire, name); break;
    case kIdNicRing: add_descriptors(wire, name); break;
    case kIdAtaCommand:
    case kIdAtaCompletion:
      role.part = type == kIdAtaCommand ? WirePart::ata_command : WirePart::ata_completion;
      role.lane = lane(std::string(base_of(name)));
      linked_.push_back(wire);
      break;
    case kIdUart:
      role.part = last_part(name) == "rx" ? WirePart::none : WirePart::text;
      if (role.part == WirePart::text) add_console(wire, name, 1);
      break;
    case kIdDebugText:
    case kIdXenConsole:
      role.part = WirePart::text;
      add_console(wire, name, type == kIdDebugText ? 3 : 2);
      break;
    case kIdEthernet:
      if (last_part(name) == "tx") add_once(owner.nics, std::string(last_part(base_of(name))));
      break;
    default:
      // No domain comes of a wire that is none of ours: "eth" or "image" is no domain.
      if (domains_.size() != domains) {
        domains_by_name_.erase(domains_.back().name);
        domains_.pop_back();
      }
      role.domain = kNone;
      break;
  }
}

}  // namespace ringside::viewer
