// Rings as a person sees them: what the frontend has written about them into XenStore, the shared indices,
// what the backend has consumed, and every slot.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "hv-model/backends/blk/blk_layout.h"
#include "hv-model/backends/blk/blk_request.h"
#include "hv-model/backends/blk/virtual_device.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "machine/views.h"
#include "machine/xen_guest.h"
#include "machine/xen_host.h"
#include "sim/near_names.h"

namespace ringside {

namespace {

// The numbers of a part's state, in their order.
class Numbers final : public StateVisitor {
 public:
  void number(std::string_view name, uint64_t value) override { list.emplace_back(name, value); }
  void bytes(std::string_view, std::span<const uint8_t>) override {}
  // The nth of this name.
  std::optional<uint64_t> find(std::string_view name, size_t nth) const {
    for (const auto& [known, value] : list) {
      if (known == name && nth-- == 0) return value;
    }
    return std::nullopt;
  }
  std::vector<std::pair<std::string, uint64_t>> list;
};

std::optional<uint32_t> number_at(const XenStore& store, const std::string& path) {
  const auto node = store.peek(path);
  if (!node) return std::nullopt;
  return static_cast<uint32_t>(std::strtoul(std::string(*node).c_str(), nullptr, 10));
}

std::string show(std::optional<uint64_t> number) { return number ? fmt::format("{}", *number) : "-"; }

// What a slot holds, without what a crossing says besides.
std::string slot_line(std::vector<DecodedField> fields) {
  std::erase_if(fields, [](const DecodedField& field) {
    return field.name == "slot" || field.name == "req_prod" || field.name == "req_cons" ||
           field.name == "latency";
  });
  return to_line(fields);
}

template <class Record>
std::string line_of(const PayloadType& type, const Record& record) {
  return slot_line(decode(type, {reinterpret_cast<const uint8_t*>(&record), sizeof record}));
}

std::string blk_slot(const BlkLayout& layout, std::span<const uint8_t> slot, uint32_t number, bool response) {
  if (response) {
    BlkResponseRecord record{.slot = number};
    std::memcpy(&record.id, slot.data(), 8);
    record.operation = slot[8];
    std::memcpy(&record.status, slot.data() + 10, 2);
    return line_of(kBlkResponsePayload, record);
  }
  (void)layout;
  BlkRequest request;
  read_blk_request(layout, slot, request);
  request.head.slot = number;
  std::vector<uint8_t> payload;
  request.to_payload(payload);
  return slot_line(decode(kBlkRequestPayload, payload));
}

std::string net_slot(bool transmit, std::span<const uint8_t> slot, uint32_t number, bool response) {
  if (transmit && response) {
    netif_tx_response_t abi;
    std::memcpy(&abi, slot.data(), sizeof abi);
    return line_of(kNetTxResponsePayload,
                   NetTxResponseRecord{.slot = number, .id = abi.id, .status = abi.status});
  }
  if (transmit) {
    netif_tx_request_t abi;
    std::memcpy(&abi, slot.data(), sizeof abi);
    return line_of(kNetTxRequestPayload, NetTxRequestRecord{.gref = abi.gref,
                                                            .offset = abi.offset,
                                                            .flags = abi.flags,
                                                            .id = abi.id,
                                                            .size = abi.size,
                                                            .slot = number});
  }
  if (response) {
    netif_rx_response_t abi;
    std::memcpy(&abi, slot.data(), sizeof abi);
    return line_of(
        kNetRxResponsePayload,
        NetRxResponseRecord{
            .slot = number, .id = abi.id, .offset = abi.offset, .flags = abi.flags, .status = abi.status});
  }
  netif_rx_request_t abi;
  std::memcpy(&abi, slot.data(), sizeof abi);
  return line_of(kNetRxRequestPayload, NetRxRequestRecord{.gref = abi.gref, .id = abi.id, .slot = number});
}

uint64_t slot_bytes(const FoundRing& ring) {
  switch (ring.kind) {
    case FoundRing::Kind::blk: return ring.layout->slot_bytes;
    case FoundRing::Kind::net_transmit: return sizeof(netif_tx_sring_entry);
    default: return sizeof(netif_rx_sring_entry);
  }
}

std::string describe_slot(const FoundRing& ring, std::span<const uint8_t> bytes, uint32_t number,
                          bool response) {
  if (ring.kind == FoundRing::Kind::blk) return blk_slot(*ring.layout, bytes, number, response);
  return net_slot(ring.kind == FoundRing::Kind::net_transmit, bytes, number, response);
}

}  // namespace

const Stateful* MachineViews::part(const std::string& name) const {
  for (const auto& [component, part] : parts_.components) {
    if (component == name) return part;
  }
  return nullptr;
}

// The frames that references name, as the grant table has them now.
std::vector<Mfn> MachineViews::granted_frames(const Domain& domain, const std::string& folder,
                                              const std::string& name) {
  const XenStore& store = *parts_.xen->xenstore;
  std::vector<Mfn> frames;
  const auto add = [&](uint32_t ref) {
    if (const auto entry = grant_entry(domain, GrantRef{ref})) frames.push_back(entry->frame);
  };
  if (const auto single = number_at(store, folder + "/" + name)) {
    add(*single);
    return frames;
  }
  constexpr uint32_t kPagesMax = 16;
  for (uint32_t page = 0; page < kPagesMax; ++page) {
    const auto ref = number_at(store, fmt::format("{}/{}{}", folder, name, page));
    if (!ref) break;
    add(*ref);
  }
  return frames;
}

void MachineViews::find_rings(FoundRing ring, const std::string& folder,
                              const std::vector<std::pair<std::string, FoundRing::Kind>>& refs) {
  const XenStore& store = *parts_.xen->xenstore;
  const uint32_t queues = number_at(store, folder + "/multi-queue-num-queues").value_or(0);
  const std::string device = ring.name;
  for (uint32_t queue = 0; queue < std::max(queues, 1u) && queue < 64; ++queue) {
    const bool several = queues > 1 || store.peek(folder + "/queue-0/event-channel").has_value() ||
                         store.peek(folder + "/queue-0/event-channel-tx").has_value();
    const std::string place = several ? fmt::format("{}/queue-{}", folder, queue) : folder;
    for (const auto& [ref, kind] : refs) {
      ring.kind = kind;
      ring.nth = queue;
      ring.frames = granted_frames(*ring.domain, place, ref);
      if (ring.frames.empty()) continue;
      const std::string way = kind == FoundRing::Kind::net_transmit  ? "/tx"
                              : kind == FoundRing::Kind::net_receive ? "/rx"
                                                                     : "";
      ring.name = several && queues > 1 ? fmt::format("{}/queue-{}{}", device, queue, way) : device + way;
      ring.port = number_at(store, place + "/event-channel");
      if (!ring.port) ring.port = number_at(store, place + "/event-channel" + (way == "/rx" ? "-rx" : "-tx"));
      rings_.push_back(ring);
    }
  }
}

// All rings of all domains, by what stands in XenStore and in the grant tables.
void MachineViews::find_all_rings() {
  rings_.clear();
  if (parts_.xen == nullptr) return;
  const XenStore& store = *parts_.xen->xenstore;
  for (size_t i = 0; i < parts_.guests.size(); ++i) {
    auto* guest = dynamic_cast<XenGuest*>(parts_.guests[i]);
    if (guest == nullptr) continue;
    Domain& domain = guest->domain();
    const std::string& name = parts_.scenario.domains[i].name;
    const std::string home = fmt::format("/local/domain/{}/device", domain.id.value);
    FoundRing ring;
    ring.domain = &domain;
    for (const DiskScenario& disk : parts_.scenario.disks) {
      const auto number = virtual_device_number(disk.name);
      if (disk.domain != name || !number) continue;
      const std::string folder = fmt::format("{}/vbd/{}", home, *number);
      const auto protocol = store.peek(folder + "/protocol");
      ring.name = disk.name;
      ring.layout = protocol ? blk_layout_of(*protocol) : &blk_native_layout();
      if (ring.layout == nullptr) ring.layout = &blk_native_layout();
      ring.backend = part("blk/" + disk.name);
      find_rings(ring, folder, {{"ring-ref", FoundRing::Kind::blk}});
    }
    uint32_t handle = 0;
    for (const NicScenario& nic : parts_.scenario.nics) {
      if (nic.domain != name) continue;
      ring.name = nic.name;
      ring.backend = part("vif/" + nic.name);
      find_rings(
          ring, fmt::format("{}/vif/{}", home, handle++),
          {{"tx-ring-ref", FoundRing::Kind::net_transmit}, {"rx-ring-ref", FoundRing::Kind::net_receive}});
    }
    uint32_t share_number = 0;
    for (const ShareScenario& share : parts_.scenario.shares) {
      if (share.domain != name) continue;
      const std::string folder = fmt::format("{}/9pfs/{}", home, share_number++);
      ring.kind = FoundRing::Kind::bytes_9p;
      ring.backend = part("9pfs/" + share.name);
      for (uint32_t nth = 0; nth < 16; ++nth) {
        const auto ref = number_at(store, fmt::format("{}/ring-ref{}", folder, nth));
        const auto entry = ref ? grant_entry(domain, GrantRef{*ref}) : std::nullopt;
        if (!entry) break;
        ring.name = nth == 0 ? share.name : fmt::format("{}/{}", share.name, nth);
        ring.nth = nth;
        ring.frames = {entry->frame};
        ring.port = number_at(store, fmt::format("{}/event-channel-{}", folder, nth));
        rings_.push_back(ring);
      }
    }
    const std::string prefix = parts_.guests.size() > 1 ? name + "/" : "";
    for (const auto& [what, ref, kind] :
         {std::tuple{"console", GNTTAB_RESERVED_CONSOLE, FoundRing::Kind::bytes_console},
          std::tuple{"xenstore", GNTTAB_RESERVED_XENSTORE, FoundRing::Kind::bytes_xenstore}}) {
      const auto entry = grant_entry(domain, GrantRef{static_cast<uint32_t>(ref)});
      if (!entry || (entry->flags & GTF_type_mask) == GTF_invalid) continue;
      ring.kind = kind;
      ring.name = prefix + what;
      ring.frames = {entry->frame};
      ring.backend = nullptr;
      ring.port.reset();
      rings_.push_back(ring);
    }
  }
}

Result<const FoundRing*> MachineViews::find_ring(const std::string& name) {
  find_all_rings();
  std::vector<std::string> names;
  for (const FoundRing& ring : rings_) {
    // "vif0" alone is its transmit ring.
    if (ring.name == name || ring.name == name + "/tx") return &ring;
    names.push_back(ring.name);
  }
  if (names.empty()) return fail("there is no ring yet: no frontend has granted one");
  return fail(fmt::format("there is no ring '{}'; there are {}", name, fmt::join(names, ", ")));
}

Result<MachineViews::RingPage> MachineViews::ring_page(const std::string& name) {
  auto ring = find_ring(name);
  if (!ring) return tl::unexpected(ring.error());
  RingPage page{(*ring)->domain->id, (*ring)->frames[0].address(), {}};
  switch ((*ring)->kind) {
    case FoundRing::Kind::bytes_9p:
      page.fields = {{"in_cons", 0}, {"in_prod", 4}, {"out_cons", 64}, {"out_prod", 68}};
      break;
    case FoundRing::Kind::bytes_console: {
      const auto offset = static_cast<uint32_t>(offsetof(xencons_interface, in_cons));
      page.fields = {
          {"in_cons", offset}, {"in_prod", offset + 4}, {"out_cons", offset + 8}, {"out_prod", offset + 12}};
      break;
    }
    case FoundRing::Kind::bytes_xenstore: {
      const auto offset = static_cast<uint32_t>(offsetof(xenstore_domain_interface, req_cons));
      page.fields = {{"req_cons", offset},
                     {"req_prod", offset + 4},
                     {"rsp_cons", offset + 8},
                     {"rsp_prod", offset + 12}};
      break;
    }
    default: page.fields = {{"req_prod", 0}, {"req_event", 4}, {"rsp_prod", 8}, {"rsp_event", 12}};
  }
  return page;
}

View MachineViews::slots_view(const FoundRing& ring) {
  const Memory& memory = *parts_.xen->memory;
  const auto shared = memory.load<RingIndices>(ring.frames[0].address());
  Numbers numbers;
  if (ring.backend != nullptr) ring.backend->visit_state(numbers);
  const char* prefix = ring.kind == FoundRing::Kind::blk            ? "ring"
                       : ring.kind == FoundRing::Kind::net_transmit ? "tx"
                                                                    : "rx";
  const auto req_cons = numbers.find(fmt::format("{}_req_cons", prefix), ring.nth);
  const auto private_rsp_prod = numbers.find(fmt::format("{}_rsp_prod", prefix), ring.nth);
  const uint64_t bytes = ring.frames.size() * kPageSize;
  const uint32_t slots = BackRingIndices::slots_in(bytes, slot_bytes(ring));
  // A frontend asks for an event with its next response: RING_FINAL_CHECK_FOR_RESPONSES.
  const uint32_t unseen = shared.rsp_prod - (shared.rsp_event - 1);
  const bool told = unseen <= slots;
  const uint32_t rsp_cons = told ? shared.rsp_event - 1 : shared.rsp_prod;

  View view;
  view.title = fmt::format("ring {} of {}: {} slots{}", ring.name, ring.domain->name, slots,
                           ring.port ? fmt::format(", event channel {}", *ring.port) : "");
  view.facts = {{"req_prod", fmt::format("{}", shared.req_prod)},
                {"req_event", fmt::format("{}", shared.req_event)},
                {"rsp_prod", fmt::format("{}", shared.rsp_prod)},
                {"rsp_event", fmt::format("{}", shared.rsp_event)},
                {"req_cons (backend)", show(req_cons)},
                {"rsp_cons (frontend)", told ? fmt::format("{} by rsp_event", rsp_cons) : "unknown"},
                {"rsp_prod (private)", show(private_rsp_prod)}};
  const uint32_t outstanding = shared.req_prod - rsp_cons;
  if (outstanding > slots) {
    view.lines.push_back(fmt::format("the indices are broken: {} are outstanding", outstanding));
    return view;
  }
  view.columns = {"slot", "state", "contents"};
  for (uint32_t index = rsp_cons; index != shared.req_prod; ++index) {
    const uint32_t slot = index & (slots - 1);
    const bool answered = index - rsp_cons < shared.rsp_prod - rsp_cons;
    const bool taken = req_cons && index - rsp_cons < static_cast<uint32_t>(*req_cons) - rsp_cons;
    std::vector<uint8_t> contents(slot_bytes(ring));
    const uint64_t at = BackRingIndices::kSlotsOffset + uint64_t{slot} * contents.size();
    for (size_t i = 0; i < contents.size(); ++i) {
      const uint64_t byte = at + i;
      memory.read(ring.frames[byte / kPageSize].address() + byte % kPageSize, &contents[i], 1);
    }
    view.rows.push_back({fmt::format("{}", slot),
                         answered ? "answered"
                         : taken  ? "taken"
                                  : "published",
                         describe_slot(ring, contents, slot, answered)});
  }
  view.lines.push_back(
      fmt::format("{} slot{} free", slots - outstanding, slots - outstanding == 1 ? " is" : "s are"));
  return view;
}

View MachineViews::bytes_view(const FoundRing& ring) {
  const Memory& memory = *parts_.xen->memory;
  const GuestPhys page = ring.frames[0].address();
  View view;
  view.title = fmt::format("ring {} of {}{}", ring.name, ring.domain->name,
                           ring.port ? fmt::format(", event channel {}", *ring.port) : "");
  const auto way = [&](const char* name, const char* producer, uint32_t prod, const char* consumer,
                       uint32_t cons, uint32_t size) {
    view.facts.emplace_back(fmt::format("{} {}", name, producer), fmt::format("{}", prod));
    view.facts.emplace_back(fmt::format("{} {}", name, consumer), fmt::format("{}", cons));
    view.lines.push_back(prod - cons > size ? fmt::format("{}: the indices are broken", name)
                                            : fmt::format("{}: {} bytes wait, {} are free", name, prod - cons,
                                                          size - (prod - cons)));
  };
  if (ring.kind == FoundRing::Kind::bytes_console) {
    const auto shared = memory.load<xencons_interface>(page);
    way("to the backend", "out_prod", shared.out_prod, "out_cons", shared.out_cons, sizeof shared.out);
    way("to the guest", "in_prod", shared.in_prod, "in_cons", shared.in_cons, sizeof shared.in);
  } else if (ring.kind == FoundRing::Kind::bytes_xenstore) {
    const auto shared = memory.load<xenstore_domain_interface>(page);
    way("requests", "req_prod", shared.req_prod, "req_cons", shared.req_cons, XENSTORE_RING_SIZE);
    way("responses", "rsp_prod", shared.rsp_prod, "rsp_cons", shared.rsp_cons, XENSTORE_RING_SIZE);
  } else {
    const auto order = memory.load<uint32_t>(page + 128);
    const uint32_t size = order <= 9 ? static_cast<uint32_t>(kPageSize << order) / 2 : 0;
    way("requests", "out_prod", memory.load<uint32_t>(page + 68), "out_cons",
        memory.load<uint32_t>(page + 64), size);
    way("responses", "in_prod", memory.load<uint32_t>(page + 4), "in_cons", memory.load<uint32_t>(page),
        size);
    Numbers numbers;
    if (ring.backend != nullptr) ring.backend->visit_state(numbers);
    view.facts.emplace_back("in flight", show(numbers.find("ring_in_flight", ring.nth)));
  }
  return view;
}

Result<Views> MachineViews::ring(const std::string& name) {
  if (parts_.xen == nullptr) return fail("no domain of this machine is paravirtual, so there are no rings");
  if (!name.empty()) {
    auto found = find_ring(name);
    if (!found) return tl::unexpected(found.error());
    const bool bytes = (*found)->kind >= FoundRing::Kind::bytes_9p;
    return Views{bytes ? bytes_view(**found) : slots_view(**found)};
  }
  find_all_rings();
  View view;
  view.columns = {"ring", "domain", "pages", "event channel"};
  for (const FoundRing& ring : rings_) {
    view.rows.push_back({ring.name, ring.domain->name, fmt::format("{}", ring.frames.size()),
                         ring.port ? fmt::format("{}", *ring.port) : "-"});
  }
  return Views{view};
}

}  // namespace ringside
