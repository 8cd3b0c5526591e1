#include "checkers/xen/xen_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "hv-model/domain.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/xenstore.h"
#include "sim/memory.h"

namespace ringside {

namespace {

constexpr std::array<std::string_view, 9> kStates{"Unknown",     "Initialising",  "InitWait",
                                                  "Initialised", "Connected",     "Closing",
                                                  "Closed",      "Reconfiguring", "Reconfigured"};

// Takes the part up to the next slash off the front.
std::string_view take_part(std::string_view& path) {
  const size_t slash = path.find('/');
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return part;
}

std::optional<uint64_t> whole_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

DeviceKind kind_of(std::string_view name) {
  if (name == "vbd") return DeviceKind::vbd;
  if (name == "vif") return DeviceKind::vif;
  if (name == "9pfs") return DeviceKind::p9;
  if (name == "console") return DeviceKind::console;
  return DeviceKind::other;
}

std::string_view folder_name(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::vbd: return "vbd";
    case DeviceKind::vif: return "vif";
    case DeviceKind::p9: return "9pfs";
    case DeviceKind::console: return "console";
    case DeviceKind::other: break;
  }
  return "";
}

// The rings of one device, read from its frontend's folder. A ring of which something is missing is none.
class RingReader {
 public:
  RingReader(const XenStore& store, std::string folder, std::vector<OfferedRing>& into)
      : store_(store), folder_(std::move(folder)), into_(into) {}

  std::optional<uint64_t> number(const std::string& name) const {
    return number_node(store_, fmt::format("{}/{}", folder_, name));
  }
  std::string text(const std::string& name) const {
    return std::string(store_.peek(fmt::format("{}/{}", folder_, name)).value_or(""));
  }

  // Pages `ref0` up, as many as there are, or the one that `ref` names.
  void add(OfferedRing ring, const std::string& ref, const std::string& port, uint32_t pages = 1) {
    const auto told = number(port);
    if (!told) return;
    ring.port = EventPort{static_cast<uint32_t>(*told)};
    for (uint32_t page = 0; page < pages; ++page) {
      auto page_ref = number(fmt::format("{}{}", ref, page));
      if (!page_ref && page == 0) page_ref = number(ref);
      if (!page_ref) return;
      ring.refs.push_back(GrantRef{static_cast<uint32_t>(*page_ref)});
    }
    into_.push_back(std::move(ring));
  }

 private:
  const XenStore& store_;
  const std::string folder_;
  std::vector<OfferedRing>& into_;
};

constexpr uint64_t kQueuesMax = 64, kPageOrderMax = 4, kRingsMax = 16;

void read_vbd(RingReader& reader) {
  const auto order = std::min(reader.number("ring-page-order").value_or(0), kPageOrderMax);
  const auto queues = std::min(reader.number("multi-queue-num-queues").value_or(1), kQueuesMax);
  const std::string protocol = reader.text("protocol");
  OfferedRing ring{.kind = RingKind::blk, .native = protocol.empty() || protocol == "x86_64-abi"};
  const auto pages = static_cast<uint32_t>(1u << order);
  if (queues <= 1) return reader.add(ring, "ring-ref", "event-channel", pages);
  for (uint32_t queue = 0; queue < queues; ++queue) {
    ring.queue = queue;
    reader.add(ring, fmt::format("queue-{}/ring-ref", queue), fmt::format("queue-{}/event-channel", queue),
               pages);
  }
}

void read_vif(RingReader& reader) {
  const auto queues = std::min(reader.number("multi-queue-num-queues").value_or(1), kQueuesMax);
  for (uint32_t queue = 0; queue < queues; ++queue) {
    const std::string folder = queues > 1 ? fmt::format("queue-{}/", queue) : "";
    const bool split = reader.number(folder + "event-channel-tx").has_value();
    OfferedRing ring{.kind = RingKind::net_tx};
    if (queues > 1) ring.queue = queue;
    reader.add(ring, folder + "tx-ring-ref", folder + (split ? "event-channel-tx" : "event-channel"));
    ring.kind = RingKind::net_rx;
    reader.add(ring, folder + "rx-ring-ref", folder + (split ? "event-channel-rx" : "event-channel"));
  }
}

void read_p9(RingReader& reader) {
  const auto rings = std::min(reader.number("num-rings").value_or(0), kRingsMax);
  for (uint32_t ring = 0; ring < rings; ++ring)
    reader.add({.kind = RingKind::p9, .queue = ring}, fmt::format("ring-ref{}", ring),
               fmt::format("event-channel-{}", ring));
}

}  // namespace

std::optional<DeviceNode> device_node(std::string_view path) {
  constexpr std::string_view kHome = "/local/domain/";
  if (!path.starts_with(kHome)) return std::nullopt;
  std::string_view rest = path.substr(kHome.size());
  const auto owner = whole_number(take_part(rest));
  const std::string_view role = take_part(rest);
  DeviceNode node;
  node.backend = role == "backend";
  if (!owner || (!node.backend && role != "device")) return std::nullopt;
  node.kind = kind_of(take_part(rest));
  const auto domain = node.backend ? whole_number(take_part(rest)) : owner;
  node.device = take_part(rest);
  if (!domain || node.device.empty()) return std::nullopt;
  node.domain = DomainId{static_cast<uint16_t>(*domain)};
  node.name = rest;
  node.folder = path.substr(0, path.size() - rest.size() - (rest.empty() ? 0 : 1));
  return node;
}

DeviceFolders device_folders(const DeviceNode& node) {
  const std::string_view kind = folder_name(node.kind);
  return {fmt::format("/local/domain/{}/device/{}/{}", node.domain.value, kind, node.device),
          fmt::format("/local/domain/0/backend/{}/{}/{}", kind, node.domain.value, node.device)};
}

std::optional<uint64_t> number_node(const XenStore& store, const std::string& path) {
  const auto value = store.peek(path);
  return value ? whole_number(*value) : std::nullopt;
}

std::optional<unsigned> xenbus_state(const XenStore& store, std::string_view folder) {
  const auto value = store.peek(fmt::format("{}/state", folder));
  if (!value) return 0;
  const auto state = whole_number(*value);
  if (!state || *state == 0 || *state >= kStates.size()) return std::nullopt;
  return static_cast<unsigned>(*state);
}

std::string_view xenbus_state_name(unsigned state) {
  return state < kStates.size() ? kStates[state] : "no state";
}

std::vector<OfferedRing> offered_rings(const XenStore& store, const DeviceNode& node) {
  std::vector<OfferedRing> rings;
  RingReader reader(store, device_folders(node).frontend, rings);
  switch (node.kind) {
    case DeviceKind::vbd: read_vbd(reader); break;
    case DeviceKind::vif: read_vif(reader); break;
    case DeviceKind::p9: read_p9(reader); break;
    case DeviceKind::console: reader.add({.kind = RingKind::console}, "ring-ref", "port"); break;
    case DeviceKind::other: break;
  }
  return rings;
}

void OfferedDevices::on_store_change(const XenStore& store, const std::string& path) {
  if (!path.ends_with("/state")) return;
  const auto node = device_node(path);
  if (!node || node->backend || node->name != "state") return;
  const unsigned state = xenbus_state(store, node->folder).value_or(0);
  if (state != kInitialised && state != kConnected) return;
  for (const auto& [domain, folder] : folders_) {
    if (folder == node->folder) return;
  }
  folders_.emplace_back(node->domain.value, node->folder);
}

bool OfferedDevices::all_closed(const XenStore& store, uint16_t domain) const {
  bool any = false;
  for (const auto& [owner, folder] : folders_) {
    if (owner != domain) continue;
    any = true;
    const unsigned state = xenbus_state(store, folder).value_or(0);
    if (state != 0 && state != kClosed) return false;
  }
  return any;
}

bool Connections::on_frontend_state(const std::string& frontend, unsigned state,
                                    std::vector<OfferedRing> rings) {
  const bool connected =
      state == kInitialised || state == kConnected || state == kReconfiguring || state == kReconfigured;
  if (!connected) {
    connections_.erase(frontend);
    return false;
  }
  return connections_.try_emplace(frontend, Connection{std::move(rings)}).second;
}

Connections::Served Connections::serve(const std::string& frontend, std::vector<OfferedRing> rings) {
  Connection& connection = connections_[frontend];
  const bool same = connection.rings == rings, before = connection.served;
  connection = {std::move(rings), true};
  if (!same) return Served::other_rings;
  return before ? Served::again : Served::first;
}

std::optional<GrantEntry> grant_entry(const Memory& memory, const Domain& granter, GrantRef ref) {
  const GrantTable& table = granter.grants;
  if (ref.value >= table.entries()) return std::nullopt;
  const uint32_t per_frame = table.entries_per_frame();
  const GuestPhys frame = table.frames[ref.value / per_frame].address();
  GrantEntry entry;
  if (table.version == 1) {
    const auto v1 = memory.load<grant_entry_v1>(frame + ref.value % per_frame * sizeof(grant_entry_v1));
    return GrantEntry{v1.flags, DomainId{v1.domid}, Mfn{v1.frame}};
  }
  const auto v2 = memory.load<grant_entry_v2>(frame + ref.value % per_frame * sizeof(grant_entry_v2));
  entry = {v2.hdr.flags, DomainId{v2.hdr.domid}, Mfn{v2.full_page.frame}};
  const uint32_t status_frame = ref.value / GrantTable::kStatusPerFrame;
  if (status_frame < table.status_frames.size()) {
    entry.flags |= memory.load<uint16_t>(table.status_frames[status_frame].address() +
                                         ref.value % GrantTable::kStatusPerFrame * sizeof(uint16_t));
  }
  return entry;
}

}  // namespace ringside
