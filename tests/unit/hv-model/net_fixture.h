// A network frontend played by a test: its ring pages, grants and nodes, against the real backend,
// hypervisor, XenStore and switch. It uses Xen's own front ring macros on the shared pages. At the switch
// listens a plain station, which gets every frame finished.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/network/internet.h"
#include "host/network/network.h"
#include "hv-model/backends/net/net_backend.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenbus.h"

namespace ringside {

using Bytes = std::vector<uint8_t>;

// An IPv4 frame with a TCP or UDP message, checksums right, payload counting up.
inline Bytes ip_frame(uint8_t protocol, size_t payload, uint16_t identification = 0x1234, uint16_t port = 7) {
  const size_t transport = protocol == 6 ? 20 : 8;
  Bytes frame(14 + 20 + transport + payload);
  const MacAddress to = {0x52, 0x54, 0, 0, 0, 1}, from = {0x00, 0x16, 0x3e, 0, 0, 1};
  std::copy(to.begin(), to.end(), frame.begin());
  std::copy(from.begin(), from.end(), frame.begin() + 6);
  store_be16(frame, 12, 0x0800);
  frame[14] = 0x45;
  store_be16(frame, 16, static_cast<uint16_t>(frame.size() - 14));
  store_be16(frame, 18, identification);
  frame[22] = 64;
  frame[23] = protocol;
  const Ipv4Address source = {10, 0, 2, 15}, destination = {10, 0, 2, 1};
  std::copy(source.begin(), source.end(), frame.begin() + 26);
  std::copy(destination.begin(), destination.end(), frame.begin() + 30);
  store_be16(frame, 24, checksum_of(checksum_sum(std::span(frame).subspan(14, 20))));
  store_be16(frame, 34, 5000);
  store_be16(frame, 36, port);
  if (protocol == 6) {
    store_be32(frame, 38, 1000);
    frame[46] = 0x50;
    frame[47] = 0x18;  // PSH, ACK
  } else {
    store_be16(frame, 38, static_cast<uint16_t>(8 + payload));
  }
  for (size_t i = 0; i < payload; ++i) frame[34 + transport + i] = static_cast<uint8_t>(i * 7 + i / 256);
  const size_t at = protocol == 6 ? 50 : 40, length = transport + payload;
  const uint64_t sum =
      checksum_sum(std::span(frame).subspan(34), pseudo_header_sum(source, destination, protocol, length));
  store_be16(frame, at, checksum_of(sum));
  return frame;
}

// Takes the message out of its checksum again, as a frontend that leaves it blank does.
inline Bytes blank_checksum(Bytes frame) {
  const uint8_t protocol = frame[23];
  const uint64_t sum = pseudo_header_sum(ipv4_at(frame, 26), ipv4_at(frame, 30), protocol, frame.size() - 34);
  store_be16(frame, protocol == 6 ? 50 : 40, static_cast<uint16_t>(~checksum_of(sum)));
  return frame;
}

// IPv4 header and message sums are right.
inline bool sums_are_right(const Bytes& frame) {
  const auto all = std::span(frame);
  const size_t total = load_be16(all, 16);
  if (total + 14 > frame.size()) return false;
  const auto message = all.subspan(34, total - 20);
  return checksum_of(checksum_sum(all.subspan(14, 20))) == 0 &&
         checksum_of(checksum_sum(
             message, pseudo_header_sum(ipv4_at(all, 26), ipv4_at(all, 30), frame[23], message.size()))) == 0;
}

struct NetFixture {
  static constexpr uint32_t kTxRing = 8, kRxRing = 9, kControlRing = 10, kReadOnly = 11, kFirstData = 16;
  static constexpr unsigned kDataPages = 64;

  explicit NetFixture(NetBackendConfig config = {}) {
    domain = &hypervisor.create_domain();
    domain->max_pages = 200;
    domain->shared_info = hypervisor.frames.allocate(domain->id).value();
    REQUIRE(hypervisor.grants.create(*domain));
    tx_page = hypervisor.frames.allocate(domain->id).value();
    rx_page = hypervisor.frames.allocate(domain->id).value();
    control_page = hypervisor.frames.allocate(domain->id).value();
    grant(kTxRing, tx_page, false);
    grant(kRxRing, rx_page, false);
    grant(kControlRing, control_page, false);
    for (unsigned i = 0; i < kDataPages; ++i) {
      data_pages.push_back(hypervisor.frames.allocate(domain->id).value());
      grant(kFirstData + i, data_pages[i], false);
    }
    grant(kReadOnly, data_pages[0], true);
    store.introduce(domain->id);
    vif_port = &ethernet.attach("vif0");
    peer = &ethernet.attach("peer");
    peer->set_receiver(
        [this](std::span<const uint8_t> frame) { seen.emplace_back(frame.begin(), frame.end()); });
    backend = std::make_unique<NetBackend>(hypervisor, toolstack, *domain, *vif_port, config);
    backend->attach();
    guest = std::make_unique<XenStoreClient>(store, events, clock, microseconds(1), domain->id);
    run();
  }

  void grant(uint32_t reference, Mfn frame, bool read_only) {
    grant_entry_v1_t entry{};
    entry.flags = static_cast<uint16_t>(GTF_permit_access | (read_only ? GTF_readonly : 0));
    entry.frame = static_cast<uint32_t>(frame.value);
    memory->store(grant_entry(reference), entry);
  }
  void revoke(uint32_t reference) { memory->store(grant_entry(reference), grant_entry_v1_t{}); }
  GuestPhys grant_entry(uint32_t reference) const {
    return domain->grants.frames.at(0).address() + reference * sizeof(grant_entry_v1_t);
  }
  bool any_grant_in_use() const {
    for (uint32_t reference = kTxRing; reference < kFirstData + kDataPages; ++reference) {
      if (memory->load<uint16_t>(grant_entry(reference)) & (GTF_reading | GTF_writing)) return true;
    }
    return false;
  }

  void run(Tick duration = milliseconds(5)) {
    const Tick end = clock.now + duration;
    while (events.next_tick() <= end) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = end;
  }

  // --- XenStore ---
  std::string frontend_folder() const { return "/local/domain/1/device/vif/0"; }
  std::string backend_folder() const { return "/local/domain/0/backend/vif/1/0"; }
  std::string backend_node(const std::string& name) {
    return toolstack.read(backend_folder() + "/" + name).value_or("(none)");
  }
  std::string error_node() { return toolstack.read("error/backend/vif/1/0/error").value_or("(none)"); }
  void put_node(const std::string& name, const std::string& value) {
    REQUIRE(guest->write(frontend_folder() + "/" + name, value).has_value());
  }
  void set_state(XenbusState state) {
    put_node("state", std::to_string(static_cast<unsigned>(state)));
    run();
  }
  XenbusState backend_state() { return parse_xenbus_state(backend_node("state")); }

  EventPort new_port() {
    const int64_t port = hypervisor.channels.alloc_unbound(domain->id, DomainId{0});
    REQUIRE(port > 0);
    return EventPort{static_cast<uint32_t>(port)};
  }

  // --- Connecting ---
  template <class Shared>
  Shared* shared(Mfn page) {
    return reinterpret_cast<Shared*>(page_bytes(page));
  }
  netif_tx_sring* tx_shared() { return shared<netif_tx_sring>(tx_page); }
  netif_rx_sring* rx_shared() { return shared<netif_rx_sring>(rx_page); }
  void init_rings(uint32_t first_index = 0) {
    for (const Mfn page : {tx_page, rx_page, control_page}) {
      auto* ring = shared<netif_tx_sring>(page);
      std::memset(ring, 0, kPageSize);
      ring->req_prod = ring->rsp_prod = first_index;
      ring->req_event = ring->rsp_event = first_index + 1;
    }
    FRONT_RING_ATTACH(&tx, tx_shared(), first_index, kPageSize);
    FRONT_RING_ATTACH(&rx, rx_shared(), first_index, kPageSize);
  }
  void publish_nodes(bool split = true) {
    tx_port = new_port();
    rx_port = split ? new_port() : tx_port;
    put_node("tx-ring-ref", std::to_string(kTxRing));
    put_node("rx-ring-ref", std::to_string(kRxRing));
    if (split) {
      put_node("event-channel-tx", std::to_string(tx_port.value));
      put_node("event-channel-rx", std::to_string(rx_port.value));
    } else {
      put_node("event-channel", std::to_string(tx_port.value));
    }
    put_node("request-rx-copy", "1");
    put_node("feature-rx-notify", "1");
    put_node("feature-sg", "1");
  }
  void connect(uint32_t first_index = 0, bool split = true) {
    init_rings(first_index);
    publish_nodes(split);
    set_state(XenbusState::connected);
    REQUIRE(error_node() == "(none)");
    REQUIRE(backend_state() == XenbusState::connected);
  }
  void reconnect() {
    set_state(XenbusState::closing);
    set_state(XenbusState::closed);
    REQUIRE(backend_state() == XenbusState::closed);
    for (const EventPort port : {tx_port, rx_port}) (void)hypervisor.channels.close(domain->id, port);
    set_state(XenbusState::initialising);
    REQUIRE(backend_state() == XenbusState::init_wait);
    connect();
  }

  // --- Transmitting ---
  void put(uint32_t gref, size_t offset, size_t size, uint16_t flags = 0, uint16_t id = 1) {
    *RING_GET_REQUEST(&tx, tx.req_prod_pvt++) = {gref, static_cast<uint16_t>(offset), flags, id,
                                                 static_cast<uint16_t>(size)};
  }
  void put_extra(const netif_extra_info& extra) {
    std::memcpy(RING_GET_REQUEST(&tx, tx.req_prod_pvt++), &extra, sizeof extra);
  }
  void kick() {
    tx_shared()->req_prod = tx.req_prod_pvt;
    notify();
    run(milliseconds(1));
  }
  void notify() { REQUIRE(hypervisor.channels.send(domain->id, tx_port) == 0); }
  // Puts a frame into data pages from `page` on, `piece` bytes to a slot, and its requests into the ring.
  void put_frame(const Bytes& frame, uint16_t flags = 0, size_t piece = kPageSize, unsigned page = 0,
                 const netif_extra_info* extra = nullptr) {
    if (extra != nullptr) flags |= NETTXF_extra_info;
    size_t at = 0;
    for (uint16_t id = 100; at < frame.size(); ++id, ++page) {
      const size_t length = std::min(piece, frame.size() - at);
      std::memcpy(data(page), frame.data() + at, length);
      const bool more = at + length < frame.size();
      put(kFirstData + page, 0, at == 0 ? frame.size() : length,
          static_cast<uint16_t>((at == 0 ? flags : 0) | (more ? NETTXF_more_data : 0)), id);
      if (at == 0 && extra != nullptr) put_extra(*extra);
      at += length;
    }
  }
  std::vector<netif_tx_response> responses() {
    std::vector<netif_tx_response> taken;
    while (tx.rsp_cons != tx_shared()->rsp_prod) taken.push_back(*RING_GET_RESPONSE(&tx, tx.rsp_cons++));
    tx_shared()->rsp_event = tx.rsp_cons + 1;
    return taken;
  }
  // The statuses of a frame that is sent alone.
  std::vector<int16_t> statuses() {
    kick();
    std::vector<int16_t> all;
    for (const netif_tx_response& response : responses()) all.push_back(response.status);
    return all;
  }

  // --- Receiving ---
  void give_buffers(unsigned count, uint32_t first_gref = kFirstData) {
    for (unsigned i = 0; i < count; ++i) {
      const auto id = static_cast<uint16_t>(rx.req_prod_pvt % 256);
      *RING_GET_REQUEST(&rx, rx.req_prod_pvt++) = {id, 0, first_gref + i};
    }
    rx_shared()->req_prod = rx.req_prod_pvt;
    REQUIRE(hypervisor.channels.send(domain->id, rx_port) == 0);
    run(milliseconds(1));
  }
  std::vector<netif_rx_response> received() {
    std::vector<netif_rx_response> taken;
    while (rx.rsp_cons != rx_shared()->rsp_prod) taken.push_back(*RING_GET_RESPONSE(&rx, rx.rsp_cons++));
    rx_shared()->rsp_event = rx.rsp_cons + 1;
    return taken;
  }
  void from_peer(const Bytes& frame, const FrameOffload& offload = {}) {
    peer->transmit(frame, offload);
    run(milliseconds(1));
  }
  Bytes data_bytes(unsigned page, size_t length) { return {data(page), data(page) + length}; }

  uint8_t* page_bytes(Mfn frame) { return memory->data() + (frame.address().value - memory->base().value); }
  uint8_t* data(unsigned page) { return page_bytes(data_pages.at(page)); }
  uint64_t notices() const { return domain->notices.count(NoticeKind::unusual); }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  std::unique_ptr<Memory> memory = std::move(Memory::create(GuestPhys{0x100000}, 256 * kPageSize).value());
  Hypervisor hypervisor{HypervisorConfig{}, *memory, clock, events, wiring};
  XenStore store;
  XenStoreClient toolstack{store, events, clock, microseconds(1)};
  EthernetSwitch ethernet{"net0", microseconds(1), clock, events};
  SwitchPort *vif_port = nullptr, *peer = nullptr;
  std::vector<Bytes> seen;  // by the peer
  Domain* domain = nullptr;
  Mfn tx_page, rx_page, control_page;
  std::vector<Mfn> data_pages;
  std::unique_ptr<NetBackend> backend;
  std::unique_ptr<XenStoreClient> guest;
  EventPort tx_port, rx_port;
  netif_tx_front_ring_t tx{};
  netif_rx_front_ring_t rx{};
};

inline netif_extra_info gso_extra(uint16_t size, uint8_t type = XEN_NETIF_GSO_TYPE_TCPV4, bool more = false) {
  netif_extra_info extra{};
  extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
  extra.flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0;
  extra.u.gso.size = size;
  extra.u.gso.type = type;
  return extra;
}

}  // namespace ringside
