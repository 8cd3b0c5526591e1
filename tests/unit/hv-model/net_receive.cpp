// Proves how frames reach a guest through the network backend: slots, extra information, features of the
// frontend, full and lying rings, stalls, filters, queues and the control ring. After xen-netback's rx.c,
// interface.c and hash.c.
#include "tests/unit/hv-model/net_fixture.h"
#include "tests/unit/hv-model/ring_guest.h"

namespace ringside {

TEST_CASE("net: a frame for the guest is copied into its buffer") {
  NetFixture fixture;
  const bool split = GENERATE(true, false);
  fixture.connect(0, split);
  fixture.give_buffers(4);
  const Bytes frame = ip_frame(17, 100);
  fixture.from_peer(frame);
  const auto got = fixture.received();
  REQUIRE(got.size() == 1);
  CHECK(got[0].id == 0);
  CHECK(got[0].offset == 0);
  CHECK(got[0].flags == 0);
  CHECK(got[0].status == static_cast<int16_t>(frame.size()));
  CHECK(fixture.data_bytes(0, frame.size()) == frame);
  CHECK(fixture.notices() == 0);
}

TEST_CASE("net: a frame takes as many slots as it fills pages") {
  NetFixture fixture(NetBackendConfig{.mtu = 9000});
  fixture.connect(0xfffffffe);
  fixture.give_buffers(4);
  const Bytes frame = ip_frame(17, 9000 - 28);
  fixture.from_peer(frame);
  const auto got = fixture.received();
  REQUIRE(got.size() == 3);
  Bytes whole;
  for (unsigned i = 0; i < 3; ++i) {
    CHECK(got[i].flags == (i == 2 ? 0 : NETRXF_more_data));
    const Bytes piece = fixture.data_bytes(i, static_cast<size_t>(got[i].status));
    whole.insert(whole.end(), piece.begin(), piece.end());
  }
  CHECK(whole == frame);
  CHECK(fixture.backend_node("mtu") == "9000");
}

TEST_CASE("net: another interface's frame comes as it was sent where the frontend can take it") {
  NetFixture fixture;
  fixture.init_rings();
  fixture.publish_nodes();
  const bool gso = GENERATE(true, false), no_checksum = GENERATE(true, false);
  fixture.put_node("feature-gso-tcpv4", gso ? "1" : "0");
  fixture.put_node("feature-no-csum-offload", no_checksum ? "1" : "0");
  fixture.set_state(XenbusState::connected);
  fixture.give_buffers(16);
  const Bytes blank = blank_checksum(ip_frame(6, 5000));
  fixture.from_peer(blank, FrameOffload{.checksum_blank = true, .segment_bytes = 1448});
  const auto got = fixture.received();
  if (gso && !no_checksum) {
    REQUIRE(got.size() == 3);
    CHECK(got[0].flags == (NETRXF_csum_blank | NETRXF_data_validated | NETRXF_more_data | NETRXF_extra_info));
    netif_extra_info extra;
    std::memcpy(&extra, &got[1], sizeof extra);
    CHECK(extra.type == XEN_NETIF_EXTRA_TYPE_GSO);
    CHECK(extra.flags == 0);
    CHECK(extra.u.gso.size == 1448);
    CHECK(extra.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4);
    Bytes whole = fixture.data_bytes(0, 4096);
    const Bytes rest = fixture.data_bytes(2, static_cast<size_t>(got[2].status));  // slot 1 held the extra
    whole.insert(whole.end(), rest.begin(), rest.end());
    CHECK(whole == blank);
  } else {
    REQUIRE(got.size() == 4);
    for (unsigned i = 0; i < 4; ++i) {
      CHECK(got[i].flags == NETRXF_data_validated);
      CHECK(sums_are_right(fixture.data_bytes(i, static_cast<size_t>(got[i].status))));
    }
  }
}

TEST_CASE("net: a checksum that nobody filled in is finished only for a frontend that wants it") {
  NetFixture fixture;
  fixture.init_rings();
  fixture.publish_nodes();
  const bool no_checksum = GENERATE(true, false);
  if (no_checksum) fixture.put_node("feature-no-csum-offload", "1");
  fixture.set_state(XenbusState::connected);
  fixture.give_buffers(4);
  const Bytes frame = ip_frame(17, 77);
  fixture.from_peer(blank_checksum(frame), FrameOffload{.checksum_blank = true});
  const auto got = fixture.received();
  REQUIRE(got.size() == 1);
  const Bytes there = fixture.data_bytes(0, frame.size());
  CHECK(there == (no_checksum ? frame : blank_checksum(frame)));
  CHECK(((got[0].flags & NETRXF_csum_blank) != 0) == !no_checksum);
}

TEST_CASE("net: frames wait for buffers, 512 KiB of them and ten seconds at most") {
  NetFixture fixture;
  fixture.connect();
  fixture.give_buffers(1);
  const Bytes frame = ip_frame(17, 1458);  // 1500 bytes
  for (int i = 0; i < 500; ++i) fixture.from_peer(frame);
  CHECK(fixture.received().size() == 1);
  fixture.give_buffers(200);
  CHECK(fixture.received().size() == 200);
  // 1 + 350 had been taken in: the one that passes the limit is the last.
  fixture.give_buffers(200);
  CHECK(fixture.received().size() == 350 - 200);
  fixture.give_buffers(0);
  for (int i = 0; i < 60; ++i) fixture.from_peer(frame);
  CHECK(fixture.received().size() == 50);  // those that found buffers
  fixture.run(seconds(11));
  fixture.give_buffers(30);
  CHECK(fixture.received().empty());
  CHECK(fixture.notices() > 0);
  // A fresh one comes.
  fixture.from_peer(frame);
  CHECK(fixture.received().size() == 1);
}

TEST_CASE("net: a guest without buffers for a minute loses its link, and gets it back") {
  NetFixture fixture;
  fixture.connect();
  CHECK(fixture.vif_port->link_up());
  const Bytes frame = ip_frame(17, 100);
  for (int i = 0; i < 70; ++i) {
    fixture.from_peer(frame);
    fixture.run(seconds(1));
  }
  CHECK_FALSE(fixture.vif_port->link_up());
  fixture.give_buffers(20);
  CHECK(fixture.vif_port->link_up());
  fixture.received();
  fixture.from_peer(frame);
  CHECK(fixture.received().size() == 1);
}

TEST_CASE("net: without feature-rx-notify frames wait 30 ms only, and nothing stalls") {
  NetFixture fixture;
  fixture.init_rings();
  fixture.publish_nodes();
  fixture.put_node("feature-rx-notify", "0");
  fixture.set_state(XenbusState::connected);
  fixture.from_peer(ip_frame(17, 100));
  fixture.run(milliseconds(40));
  fixture.give_buffers(4);
  CHECK(fixture.received().empty());
  fixture.run(seconds(200));
  CHECK(fixture.vif_port->link_up());
}

TEST_CASE("net: a bad buffer's response says so, and each response keeps its place") {
  NetFixture fixture;
  fixture.connect();
  const Bytes frame = ip_frame(17, 100);
  int16_t expected = GNTST_general_error;
  SECTION("withdrawn") { fixture.revoke(NetFixture::kFirstData + 1); }
  SECTION("read-only") { fixture.grant(NetFixture::kFirstData + 1, fixture.data_pages[1], true); }
  SECTION("out of the table") { expected = GNTST_bad_gntref; }
  fixture.give_buffers(1);
  if (expected == GNTST_bad_gntref) {
    fixture.give_buffers(1, 0x7fffffff);
  } else {
    fixture.give_buffers(1, NetFixture::kFirstData + 1);
  }
  fixture.give_buffers(1, NetFixture::kFirstData + 2);
  for (int i = 0; i < 3; ++i) fixture.from_peer(frame);
  const auto got = fixture.received();
  REQUIRE(got.size() == 3);
  for (uint16_t i = 0; i < 3; ++i) {
    CHECK(got[i].id == i);
    CHECK(got[i].status == (i == 1 ? expected : static_cast<int16_t>(frame.size())));
  }
  CHECK(fixture.data_bytes(2, frame.size()) == frame);
}

TEST_CASE("net: a receive ring whose producer jumps harms nobody but its guest") {
  NetFixture fixture;
  fixture.connect();
  fixture.give_buffers(2);
  fixture.rx_shared()->req_prod = GENERATE(1000u, 0xffffff00u, 0x80000000u);
  for (int i = 0; i < 600; ++i) fixture.from_peer(ip_frame(17, 100));
  CHECK(fixture.backend_state() == XenbusState::connected);
  fixture.put_frame(ip_frame(17, 10));
  CHECK(fixture.statuses().size() == 1);
}

TEST_CASE("net: multicast frames pass the filter once the frontend asks for one, at any time") {
  NetFixture fixture;
  fixture.connect();
  fixture.give_buffers(20);
  Bytes group = ip_frame(17, 30);
  group[0] = 0x01;
  Bytes everybody = group;
  std::fill(everybody.begin(), everybody.begin() + 6, 0xff);
  fixture.from_peer(group);
  CHECK(fixture.received().size() == 1);
  fixture.put_node("request-multicast-control", "1");
  fixture.run();
  fixture.from_peer(group);
  CHECK(fixture.received().empty());
  fixture.from_peer(everybody);
  CHECK(fixture.received().size() == 1);
  netif_extra_info extra{};
  extra.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
  std::copy_n(group.begin(), 6, extra.u.mcast.addr);
  fixture.put(0, 0, 0, NETTXF_extra_info, 7);
  fixture.put_extra(extra);
  REQUIRE(fixture.statuses().size() == 2);
  fixture.from_peer(group);
  CHECK(fixture.received().size() == 1);
}

namespace {

// Two queues: pages 0 and 1 of the data are the second queue's rings.
struct TwoQueues : NetFixture {
  TwoQueues() {
    init_rings();
    for (const unsigned page : {0u, 1u}) {
      auto* ring = shared<netif_tx_sring>(data_pages[page]);
      std::memset(ring, 0, kPageSize);
      ring->req_event = ring->rsp_event = 1;
    }
    tx_port = new_port();
    rx_port = new_port();
    second = new_port();
    put_node("multi-queue-num-queues", "2");
    put_node("queue-0/tx-ring-ref", std::to_string(kTxRing));
    put_node("queue-0/rx-ring-ref", std::to_string(kRxRing));
    put_node("queue-0/event-channel-tx", std::to_string(tx_port.value));
    put_node("queue-0/event-channel-rx", std::to_string(rx_port.value));
    put_node("queue-1/tx-ring-ref", std::to_string(kFirstData));
    put_node("queue-1/rx-ring-ref", std::to_string(kFirstData + 1));
    put_node("queue-1/event-channel", std::to_string(second.value));
    put_node("request-rx-copy", "1");
    put_node("feature-rx-notify", "1");
    put_node("feature-sg", "1");
    put_node("ctrl-ring-ref", std::to_string(kControlRing));
    control_port = new_port();
    put_node("event-channel-ctrl", std::to_string(control_port.value));
    FRONT_RING_ATTACH(&control, shared<xen_netif_ctrl_sring>(control_page), 0, kPageSize);
    set_state(XenbusState::connected);
    REQUIRE(error_node() == "(none)");
    give_buffers(100, kFirstData + 2);
    auto* other = shared<netif_rx_sring>(data_pages[1]);
    for (uint16_t i = 0; i < 100; ++i) other->ring[i].req = {i, 0, kFirstData + 2 + i % 50u};
    other->req_prod = 100;
    REQUIRE(hypervisor.channels.send(domain->id, second) == 0);
    run();
  }
  xen_netif_ctrl_response ask(uint16_t type, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0) {
    *RING_GET_REQUEST(&control, control.req_prod_pvt++) = {42, type, {a, b, c}};
    shared<xen_netif_ctrl_sring>(control_page)->req_prod = control.req_prod_pvt;
    REQUIRE(hypervisor.channels.send(domain->id, control_port) == 0);
    run();
    REQUIRE(shared<xen_netif_ctrl_sring>(control_page)->rsp_prod == control.req_prod_pvt);
    const xen_netif_ctrl_response response = *RING_GET_RESPONSE(&control, control.rsp_cons++);
    CHECK(response.id == 42);
    CHECK(response.type == type);
    return response;
  }
  uint32_t status_of(uint16_t type, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0) {
    return ask(type, a, b, c).status;
  }
  uint32_t in_second_queue() { return shared<netif_rx_sring>(data_pages[1])->rsp_prod; }
  uint32_t in_first_queue() { return rx_shared()->rsp_prod; }

  EventPort second, control_port;
  xen_netif_ctrl_front_ring_t control{};
};

}  // namespace

TEST_CASE("net: flows are spread over the queues, each always to the same one") {
  TwoQueues fixture;
  for (uint16_t port = 1; port <= 60; ++port) fixture.from_peer(ip_frame(17, 20, 1, port));
  const uint32_t first = fixture.in_first_queue(), second = fixture.in_second_queue();
  CHECK(first + second == 60);
  CHECK(first > 10);
  CHECK(second > 10);
  for (int i = 0; i < 20; ++i) fixture.from_peer(ip_frame(17, 20, 1, 7));
  const bool to_first = fixture.in_first_queue() == first + 20;
  const bool to_second = fixture.in_second_queue() == second + 20;
  CHECK(to_first != to_second);
}

TEST_CASE("net: the control ring sets up the hash as netback does") {
  TwoQueues fixture;
  constexpr uint32_t kOkay = XEN_NETIF_CTRL_STATUS_SUCCESS,
                     kInvalid = XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER,
                     kNot = XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS) == kNot);  // no algorithm yet
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 1) == kInvalid);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 2) == kInvalid);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 1) == kOkay);
  CHECK(fixture.ask(XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS).data == 15);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 16) == kInvalid);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 15) == kOkay);
  CHECK(fixture.ask(XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE).data == 128);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 129) == kInvalid);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 4) == kOkay);
  const uint32_t key_page = NetFixture::kFirstData + 60, mapping_page = NetFixture::kFirstData + 61;
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, key_page, 41) == kInvalid);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, 300, 40) == kInvalid);
  // The key and the first vector of Microsoft's RSS verification suite.
  constexpr uint8_t kKey[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
  std::memcpy(fixture.data(60), kKey, sizeof kKey);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, key_page, 40) == kOkay);
  const uint32_t mapping[4] = {1, 1, 1, 1}, wrong[2] = {0, 2};
  std::memcpy(fixture.data(61), wrong, sizeof wrong);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, mapping_page, 2, 0) == kInvalid);
  std::memcpy(fixture.data(61), mapping, sizeof mapping);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, mapping_page, 4, 1) == kInvalid);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, mapping_page, 4, 0xffffffff) == kInvalid);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, mapping_page, 0xffffffff, 0) == kInvalid);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, mapping_page, 4, 0) == kOkay);
  CHECK(fixture.status_of(XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE) == kNot);
  CHECK(fixture.status_of(999) == kNot);

  Bytes frame = ip_frame(6, 20);
  const Ipv4Address source = {66, 9, 149, 187}, destination = {161, 142, 100, 80};
  std::copy(source.begin(), source.end(), frame.begin() + 26);
  std::copy(destination.begin(), destination.end(), frame.begin() + 30);
  store_be16(frame, 34, 2794);
  store_be16(frame, 36, 1766);
  fixture.from_peer(frame);
  auto* queue = fixture.shared<netif_rx_sring>(fixture.data_pages[1]);
  REQUIRE(queue->rsp_prod == 2);
  netif_extra_info extra;
  std::memcpy(&extra, &queue->ring[1].rsp, sizeof extra);
  uint32_t value;
  std::memcpy(&value, extra.u.hash.value, sizeof value);
  CHECK(extra.type == XEN_NETIF_EXTRA_TYPE_HASH);
  CHECK(extra.u.hash.type == _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP);
  CHECK(extra.u.hash.algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ);
  CHECK(value == 0x51ccc178);
}

TEST_CASE("net: a control ring whose producer jumps is halted") {
  TwoQueues fixture;
  fixture.shared<xen_netif_ctrl_sring>(fixture.control_page)->req_prod = 0x80000000;
  REQUIRE(fixture.hypervisor.channels.send(fixture.domain->id, fixture.control_port) == 0);
  fixture.run();
  CHECK(fixture.notices() == 1);
  CHECK(fixture.shared<xen_netif_ctrl_sring>(fixture.control_page)->rsp_prod == 0);
}

TEST_CASE("net: a buffer or response that a fault takes away leaves no gap, and keeps no other from its id") {
  NetFixture fixture;
  fixture.connect();
  fixture.give_buffers(8);
  ScriptedTap tap;
  fixture.wiring.add_tap(tap);
  const char* wire = GENERATE("dom1/ring/vif0/rx/request", "dom1/ring/vif0/rx/response");
  int crossed = 0;
  tap.act = [&](const Wire& seen, Crossing&, Verdict& verdict) {
    if (seen.name() == wire && ++crossed == 1) verdict.copies = 0;
  };
  fixture.from_peer(ip_frame(17, 20));
  fixture.from_peer(ip_frame(17, 20));
  fixture.run();
  const auto got = fixture.received();
  REQUIRE(got.size() == 1);
  CHECK(got[0].id == 1);
  CHECK(got[0].status == 62);
  fixture.wiring.remove_tap(tap);
}

TEST_CASE("net: faults on the receive wires keep every response in its place") {
  NetFixture fixture;
  fixture.connect();
  fixture.give_buffers(8);
  ScriptedTap tap;
  fixture.wiring.add_tap(tap);
  int16_t expected = NETIF_RSP_DROPPED;
  const auto on = [&tap](const char* wire, std::function<void(Verdict&)> act) {
    tap.act = [wire, act](const Wire& crossed, Crossing&, Verdict& verdict) {
      if (crossed.name() == wire) act(verdict);
    };
  };
  SECTION("a response says that its frame was dropped") {
    on("dom1/ring/vif0/rx/response", [](Verdict& verdict) { verdict.fail = NETIF_RSP_DROPPED; });
  }
  SECTION("a response fails") {
    expected = NETIF_RSP_ERROR;
    on("dom1/ring/vif0/rx/response", [](Verdict& verdict) { verdict.fail = -1; });
  }
  SECTION("a response is late") {
    expected = 62;
    on("dom1/ring/vif0/rx/response", [](Verdict& verdict) { verdict.delay = milliseconds(3); });
  }
  SECTION("a frame is late") {
    expected = 62;
    on("dom1/eth/vif0/rx", [](Verdict& verdict) { verdict.delay = milliseconds(3); });
  }
  fixture.from_peer(ip_frame(17, 20));
  fixture.from_peer(ip_frame(17, 20));
  if (expected == 62) CHECK(fixture.received().empty());
  fixture.run();
  const auto got = fixture.received();
  REQUIRE(got.size() == 2);
  CHECK(got[0].id == 0);
  CHECK(got[1].id == 1);
  CHECK(got[0].status == expected);
  fixture.wiring.remove_tap(tap);
}

}  // namespace ringside
