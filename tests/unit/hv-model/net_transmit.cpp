// Proves what the network backend does with the guest's frames: fragments, extra information, checksums,
// segments, credit; and with frontends that lie on the transmit ring. The statuses and what ends an interface
// are those of xen-netback (netback.c). Cannot show: another order of answers than ours.
#include "tests/unit/hv-model/net_fixture.h"
#include "tests/unit/hv-model/ring_guest.h"

namespace ringside {

using Statuses = std::vector<int16_t>;

TEST_CASE("net: a frame in one slot reaches the switch as it is") {
  NetFixture fixture;
  fixture.connect();
  const Bytes frame = ip_frame(17, 100);
  fixture.put_frame(frame);
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});
  REQUIRE(fixture.seen.size() == 1);
  CHECK(fixture.seen[0] == frame);
  CHECK(fixture.notices() == 0);
}

TEST_CASE("net: a frame may lie in up to 19 slots, and the first one's size is the whole frame's") {
  NetFixture fixture;
  fixture.connect();
  const Bytes frame = ip_frame(17, 1400);
  fixture.put_frame(frame, 0, (frame.size() + 18) / 19);
  CHECK(fixture.statuses() == Statuses(19, NETIF_RSP_OKAY));
  REQUIRE(fixture.seen.size() == 1);
  CHECK(fixture.seen[0] == frame);
}

TEST_CASE("net: twenty and twenty-one slots are refused, twenty-two end the interface") {
  NetFixture fixture;
  fixture.connect();
  const size_t slots = GENERATE(20, 21, 22);
  const Bytes frame = ip_frame(17, 1400);
  fixture.put_frame(frame, 0, (frame.size() + slots - 1) / slots);
  const auto statuses = fixture.statuses();
  CHECK(statuses == (slots == 22 ? Statuses{} : Statuses(slots, NETIF_RSP_ERROR)));
  CHECK(fixture.seen.empty());
  CHECK(fixture.notices() == 1);
  // Whether it still works.
  fixture.put_frame(ip_frame(17, 10));
  CHECK(fixture.statuses() == (slots == 22 ? Statuses{} : Statuses{NETIF_RSP_OKAY}));
}

TEST_CASE("net: many rings of frames go round the end of the indices") {
  NetFixture fixture;
  fixture.connect(0xffffff80);
  for (unsigned round = 0; round < 40; ++round) {
    for (uint16_t i = 0; i < 200; ++i) {
      const Bytes frame = ip_frame(17, 20, static_cast<uint16_t>(round * 200 + i));
      std::memcpy(fixture.data(i % 64), frame.data(), frame.size());
      fixture.put(NetFixture::kFirstData + i % 64, 0, frame.size(), 0, i);
      if (i % 64 == 63) fixture.kick();
    }
    fixture.kick();
    const auto responses = fixture.responses();
    REQUIRE(responses.size() == 200);
    for (uint16_t i = 0; i < 200; ++i) REQUIRE(responses[i].id == i);
  }
  CHECK(fixture.seen.size() == 8000);
}

TEST_CASE("net: a blank checksum is filled in for a station that wants whole frames") {
  const uint8_t protocol = GENERATE(6, 17);
  NetFixture fixture;
  fixture.connect();
  const Bytes frame = ip_frame(protocol, 333);
  fixture.put_frame(blank_checksum(frame), NETTXF_csum_blank | NETTXF_data_validated);
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});
  REQUIRE(fixture.seen.size() == 1);
  CHECK(fixture.seen[0] == frame);
}

TEST_CASE("net: what has no TCP or UDP in it cannot have a blank checksum, and is dropped") {
  NetFixture fixture;
  fixture.connect();
  Bytes frame = ip_frame(17, 100);
  SECTION("another protocol") { frame[23] = 1; }
  SECTION("a fragment") { frame[20] = 0x20; }
  SECTION("no IP") { frame[12] = 0x88; }
  SECTION("a header that is cut") { frame.resize(36); }
  SECTION("a header length that is none") { frame[14] = 0x41; }
  fixture.put_frame(frame, NETTXF_csum_blank);
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});  // as netback answers
  CHECK(fixture.seen.empty());
  CHECK(fixture.notices() == 1);
}

TEST_CASE("net: a long TCP frame comes out as segments with right sums, identifications, sequence numbers") {
  const bool says_blank = GENERATE(true, false);
  NetFixture fixture;
  fixture.connect();
  constexpr size_t kPayload = 5000, kSegment = 1448;
  const Bytes frame = ip_frame(6, kPayload, 0xfffe);
  const netif_extra_info extra = gso_extra(kSegment);
  // A frontend that forgets the flag is helped (checksum_setup).
  fixture.put_frame(says_blank ? blank_checksum(frame) : frame, says_blank ? NETTXF_csum_blank : 0, 4096, 0,
                    &extra);
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY, NETIF_RSP_NULL, NETIF_RSP_OKAY});
  REQUIRE(fixture.seen.size() == 4);
  Bytes payload;
  for (size_t i = 0; i < 4; ++i) {
    const Bytes& segment = fixture.seen[i];
    CHECK(sums_are_right(segment));
    CHECK(load_be16(segment, 16) == segment.size() - 14);
    CHECK(load_be16(segment, 18) == static_cast<uint16_t>(0xfffe + i));
    CHECK(load_be32(segment, 38) == 1000 + i * kSegment);
    CHECK(segment[47] == (i == 3 ? 0x18 : 0x10));  // PSH stands in the last one only
    payload.insert(payload.end(), segment.begin() + 54, segment.end());
  }
  CHECK(payload == Bytes(frame.begin() + 54, frame.end()));
}

TEST_CASE("net: addresses of the multicast filter come and go without a frame") {
  NetFixture fixture;
  fixture.connect();
  netif_extra_info extra{};
  extra.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
  const auto dummy = [&] {
    fixture.put(0, 0, 0, NETTXF_extra_info, 7);
    fixture.put_extra(extra);
    const auto statuses = fixture.statuses();
    REQUIRE(statuses.size() == 2);
    CHECK(statuses[1] == NETIF_RSP_NULL);
    return statuses[0];
  };
  for (uint8_t i = 0; i < 64; ++i) {
    extra.u.mcast.addr[5] = i;
    REQUIRE(dummy() == NETIF_RSP_OKAY);
  }
  CHECK(dummy() == NETIF_RSP_ERROR);  // XEN_NETBK_MCAST_MAX
  extra.type = XEN_NETIF_EXTRA_TYPE_MCAST_DEL;
  CHECK(dummy() == NETIF_RSP_OKAY);
  CHECK(dummy() == NETIF_RSP_OKAY);  // not there any more: no error
  extra.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
  CHECK(dummy() == NETIF_RSP_OKAY);
  CHECK(fixture.seen.empty());
}

TEST_CASE("net: a bad grant is an error for its own slot, and the frame is lost") {
  NetFixture fixture;
  fixture.connect();
  const Bytes frame = ip_frame(17, 1000);
  const unsigned bad = GENERATE(0, 1, 2);
  SECTION("withdrawn") { fixture.revoke(NetFixture::kFirstData + bad); }
  SECTION("another domain's") {
    fixture.memory->store(fixture.grant_entry(NetFixture::kFirstData + bad),
                          grant_entry_v1_t{GTF_permit_access, 5, 1});
  }
  SECTION("of a frame that is not the guest's") {
    fixture.memory->store(fixture.grant_entry(NetFixture::kFirstData + bad),
                          grant_entry_v1_t{GTF_permit_access, 0, 0x7fffffff});
  }
  fixture.put_frame(frame, 0, 400);
  Statuses expected(3, NETIF_RSP_OKAY);
  expected[bad] = NETIF_RSP_ERROR;
  CHECK(fixture.statuses() == expected);
  CHECK(fixture.seen.empty());
  CHECK(fixture.notices() == 1);
}

TEST_CASE("net: a read-only grant is enough to send from") {
  NetFixture fixture;
  fixture.connect();
  const Bytes frame = ip_frame(17, 100);
  std::memcpy(fixture.data(0), frame.data(), frame.size());
  fixture.put(NetFixture::kReadOnly, 0, frame.size());
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});
  CHECK(fixture.seen.size() == 1);
}

TEST_CASE("net: frames that are too short, or too long for the MTU") {
  NetFixture fixture;
  fixture.connect();
  std::memset(fixture.data(0), 0xff, 6);  // to all
  fixture.put(NetFixture::kFirstData, 0, 13);
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_ERROR});
  fixture.put(NetFixture::kFirstData, 0, 0);
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_ERROR});
  fixture.put(NetFixture::kFirstData, 0, 14);
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});
  fixture.put(NetFixture::kFirstData, 0, 1518);
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});
  CHECK(fixture.seen.size() == 2);
  fixture.put(NetFixture::kFirstData, 0, 1519);  // the bridge drops it
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});
  CHECK(fixture.seen.size() == 2);
}

TEST_CASE("net: sizes that lie are refused") {
  NetFixture fixture;
  fixture.connect();
  SECTION("fragments larger than the whole") {
    fixture.put(NetFixture::kFirstData, 0, 100, NETTXF_more_data, 1);
    fixture.put(NetFixture::kFirstData + 1, 0, 101, 0, 2);
    CHECK(fixture.statuses() == Statuses(2, NETIF_RSP_ERROR));
  }
  SECTION("fragments that leave the first slot less than a header") {
    fixture.put(NetFixture::kFirstData, 0, 100, NETTXF_more_data, 1);
    fixture.put(NetFixture::kFirstData + 1, 0, 90, 0, 2);
    CHECK(fixture.statuses() == Statuses(2, NETIF_RSP_ERROR));
  }
  CHECK(fixture.seen.empty());
  CHECK(fixture.backend_state() == XenbusState::connected);
}

TEST_CASE("net: a rogue frontend ends its interface for good, and harms nobody") {
  NetFixture fixture;
  fixture.connect();
  const auto empty_extra = [](uint8_t type, bool more) {
    netif_extra_info extra{};
    extra.type = type;
    extra.flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0;
    return extra;
  };
  const Bytes frame = ip_frame(6, 100);
  std::memcpy(fixture.data(0), frame.data(), frame.size());
  const uint32_t gref = NetFixture::kFirstData;
  SECTION("req_prod jumps") { fixture.tx.req_prod_pvt += 257; }
  SECTION("req_prod runs backwards") { fixture.tx.req_prod_pvt -= 1; }
  SECTION("a chain that never ends") {
    for (int i = 0; i < 256; ++i) fixture.put(gref, 0, 20, NETTXF_more_data);
  }
  SECTION("a chain behind req_prod") { fixture.put(gref, 0, 100, NETTXF_more_data); }
  SECTION("extra information behind req_prod") { fixture.put(gref, 0, 100, NETTXF_extra_info); }
  SECTION("an extra type that nobody knows") {
    fixture.put(gref, 0, 100, NETTXF_extra_info);
    fixture.put_extra(empty_extra(XEN_NETIF_EXTRA_TYPE_MAX, false));
  }
  SECTION("an extra of type 0") {
    fixture.put(gref, 0, 100, NETTXF_extra_info);
    fixture.put_extra(empty_extra(0, false));
  }
  SECTION("extras chained for ever") {
    fixture.put(gref, 0, 100, NETTXF_extra_info);
    for (int i = 0; i < 255; ++i) fixture.put_extra(gso_extra(100, XEN_NETIF_GSO_TYPE_TCPV4, true));
  }
  SECTION("a first slot over the page's end") { fixture.put(gref, 4000, 97); }
  SECTION("a fragment over the page's end") {
    fixture.put(gref, 0, 200, NETTXF_more_data);
    fixture.put(gref, 4095, 2);
  }
  SECTION("segments of no bytes") {
    const netif_extra_info extra = gso_extra(0);
    fixture.put_frame(frame, NETTXF_csum_blank, 4096, 0, &extra);
  }
  SECTION("an unknown kind of segments") {
    const netif_extra_info extra = gso_extra(100, 9);
    fixture.put_frame(frame, NETTXF_csum_blank, 4096, 0, &extra);
  }
  fixture.kick();
  CHECK(fixture.seen.empty());
  CHECK(fixture.notices() == 1);
  CHECK_FALSE(fixture.vif_port->link_up());
  CHECK(fixture.error_node() == "(none)");  // netback says it in its log only
  CHECK(fixture.backend_state() == XenbusState::connected);
  // Connecting again does not help; the toolstack does.
  fixture.reconnect();
  fixture.put_frame(ip_frame(17, 10));
  CHECK(fixture.statuses().empty());
  fixture.set_state(XenbusState::closing);
  fixture.backend->detach(false);
  fixture.set_state(XenbusState::closed);
  fixture.run(milliseconds(100));
  CHECK_FALSE(fixture.backend->attached());
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.hypervisor.channels.ports_in_use(DomainId{0}) == 0);
  fixture.backend->attach_running();
  fixture.run(milliseconds(100));
  fixture.connect();
  fixture.put_frame(ip_frame(17, 10));
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});
}

TEST_CASE("net: a frame that would become too many segments is lost") {
  NetFixture fixture;
  fixture.connect();
  const netif_extra_info extra = gso_extra(1);
  fixture.put_frame(blank_checksum(ip_frame(6, 3000)), NETTXF_csum_blank, 4096, 0, &extra);
  CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY, NETIF_RSP_NULL});
  CHECK(fixture.seen.empty());
}

TEST_CASE("net: the rate holds a sender back, and lets it go on") {
  // A hundred thousand bytes a second, in intervals of 50 ms; a burst of 128 KiB is never held back.
  NetFixture fixture(NetBackendConfig{.rate_bytes = 5000, .rate_interval_usec = 50'000});
  fixture.connect();
  CHECK(fixture.backend_node("rate") == "5000,50000");
  const Bytes frame = ip_frame(17, 1000 - 42);
  std::memcpy(fixture.data(0), frame.data(), frame.size());
  for (int i = 0; i < 200; ++i) fixture.put(NetFixture::kFirstData, 0, frame.size());
  fixture.kick();
  CHECK(fixture.seen.size() == 5);  // the credit of the start
  fixture.run(seconds(1));
  CHECK(fixture.seen.size() >= 95);
  CHECK(fixture.seen.size() <= 110);
  // No limit any more: the rest goes at once.
  REQUIRE(fixture.toolstack.remove(fixture.backend_folder() + "/rate").has_value());
  fixture.run(milliseconds(5));
  CHECK(fixture.seen.size() == 200);
  CHECK(fixture.responses().size() == 200);
}

TEST_CASE("net: losses follow the seed alone") {
  const auto lost = [](uint64_t seed) {
    NetFixture fixture(NetBackendConfig{.loss_ppm = 300'000, .seed = seed});
    fixture.connect();
    for (uint16_t i = 0; i < 100; ++i) {
      fixture.put_frame(ip_frame(17, 10, i));
      fixture.kick();
      fixture.responses();
    }
    std::string arrived;
    for (const Bytes& frame : fixture.seen) arrived += static_cast<char>(load_be16(frame, 18));
    return arrived;
  };
  const std::string first = lost(1);
  CHECK(first.size() > 50);
  CHECK(first.size() < 90);
  CHECK(first == lost(1));
  CHECK(first != lost(2));
}

TEST_CASE("net: each message can be dropped, changed, failed, delayed and repeated on its wire") {
  NetFixture fixture;
  fixture.connect();
  ScriptedTap tap;
  fixture.wiring.add_tap(tap);
  const Bytes frame = ip_frame(17, 50);
  const auto on = [&tap](const char* wire, std::function<void(Crossing&, Verdict&)> act) {
    tap.act = [wire, act](const Wire& crossed, Crossing& crossing, Verdict& verdict) {
      if (crossed.name() == wire) act(crossing, verdict);
    };
  };
  fixture.put_frame(frame);
  SECTION("a request is dropped: no response ever comes") {
    on("dom1/ring/vif0/tx/request", [](Crossing&, Verdict& verdict) { verdict.copies = 0; });
    CHECK(fixture.statuses().empty());
    CHECK(fixture.seen.empty());
  }
  SECTION("a request fails") {
    on("dom1/ring/vif0/tx/request", [](Crossing&, Verdict& verdict) { verdict.fail = -5; });
    CHECK(fixture.statuses() == Statuses{NETIF_RSP_ERROR});
    CHECK(fixture.seen.empty());
  }
  SECTION("a request is delayed") {
    on("dom1/ring/vif0/tx/request", [](Crossing&, Verdict& verdict) { verdict.delay = milliseconds(3); });
    CHECK(fixture.statuses().empty());
    fixture.run(milliseconds(5));
    CHECK(fixture.responses().size() == 1);
    CHECK(fixture.seen.size() == 1);
  }
  SECTION("a request is repeated") {
    on("dom1/ring/vif0/tx/request", [](Crossing&, Verdict& verdict) { verdict.copies = 2; });
    CHECK(fixture.statuses().size() == 2);
    CHECK(fixture.seen.size() == 2);
  }
  SECTION("a request names another grant") {
    on("dom1/ring/vif0/tx/request", [](Crossing& crossing, Verdict&) { (*crossing.payload)[0] ^= 0x80; });
    CHECK(fixture.statuses() == Statuses{NETIF_RSP_ERROR});
  }
  SECTION("a response says an error") {
    on("dom1/ring/vif0/tx/response", [](Crossing&, Verdict& verdict) { verdict.fail = -1; });
    CHECK(fixture.statuses() == Statuses{NETIF_RSP_ERROR});
    CHECK(fixture.seen.size() == 1);
  }
  SECTION("a response is lost") {
    on("dom1/ring/vif0/tx/response", [](Crossing&, Verdict& verdict) { verdict.copies = 0; });
    CHECK(fixture.statuses().empty());
  }
  SECTION("a frame is changed") {
    on("dom1/eth/vif0/tx", [](Crossing& crossing, Verdict&) { crossing.payload->back() ^= 1; });
    CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});
    REQUIRE(fixture.seen.size() == 1);
    CHECK_FALSE(sums_are_right(fixture.seen[0]));
  }
  SECTION("a frame is repeated, late") {
    on("dom1/eth/vif0/tx", [](Crossing&, Verdict& verdict) {
      verdict.copies = 2;
      verdict.delay = milliseconds(2);
    });
    CHECK(fixture.statuses() == Statuses{NETIF_RSP_OKAY});
    CHECK(fixture.seen.empty());
    fixture.run(milliseconds(5));
    CHECK(fixture.seen.size() == 2);
  }
  fixture.wiring.remove_tap(tap);
}

TEST_CASE("net: `ringside show` can read what crosses") {
  NetFixture fixture;
  fixture.connect();
  ScriptedTap tap;
  fixture.wiring.add_tap(tap, "*/ring/vif0/tx/*");
  const netif_extra_info extra = gso_extra(1448);
  fixture.put_frame(blank_checksum(ip_frame(6, 5000)), NETTXF_csum_blank, 4096, 0, &extra);
  fixture.kick();
  fixture.wiring.remove_tap(tap);
  REQUIRE(tap.seen.size() >= 6);
  CHECK(
      tap.seen[1] ==
      "dom1/ring/vif0/tx/request out id=100 gref=16 offset=0 size=5054 flags=csum_blank|more_data|extra_info "
      "slot=0 req_prod=3 req_cons=0");
  CHECK(tap.seen[2] ==
        "dom1/ring/vif0/tx/extra out type=GSO flags=0x0 gso_type=TCPV4 gso_size=1448 gso_features=0x0 "
        "address=0x0 "
        "hash_type=IPV4 hash_algorithm=NONE hash=0x0");
  CHECK(tap.seen[3] ==
        "dom1/ring/vif0/tx/request out id=101 gref=17 offset=0 size=958 flags=0x0 slot=2 req_prod=3 "
        "req_cons=2");
  CHECK(tap.seen[4] == "dom1/ring/vif0/tx/response in id=100 status=OKAY extras=1 slot=0");
  CHECK(tap.seen[5] == "dom1/ring/vif0/tx/response in id=101 status=OKAY extras=0 slot=2");
}

}  // namespace ringside
