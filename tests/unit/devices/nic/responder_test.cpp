// The controller and a real peer: an ARP request, and a UDP echo whose checksums the controller computes on
// the way out and judges on the way in. The responder checks every frame whole and complains of a bad one.
#include "host/network/responder.h"

#include "tests/unit/devices/nic/nic_bench.h"

using namespace ringside;

TEST_CASE("an ARP request and a UDP echo come back") {
  NicBench bench;
  bench.start();
  bench.w(reg::RXCSUM, 0x300);
  SwitchPort& port = bench.lan.attach("responder");
  Responder responder("responder", {}, port, bench.clock, bench.events, 1);
  std::string complaint;
  responder.set_complaint([&](const std::string& what) { complaint += what; });

  Bytes arp = make_frame({255, 255, 255, 255, 255, 255}, 42, 0x0806);
  std::copy(kNicMac.begin(), kNicMac.end(), arp.begin() + 6);
  const uint8_t request[] = {0,  1, 8, 0,  6, 4, 0, 1, 0x52, 0x54, 0,  0x12, 0x34, 0x56,
                             10, 0, 2, 15, 0, 0, 0, 0, 0,    0,    10, 0,    2,    1};
  std::copy(std::begin(request), std::end(request), arp.begin() + 14);
  bench.send(arp);
  bench.run_for(milliseconds(1));
  NicBench::Received got{};
  REQUIRE(bench.take(got));
  CHECK(got.bytes.size() == 60);
  CHECK(got.bytes[21] == 2);  // a reply
  CHECK(complaint.empty());

  Bytes udp = make_frame({0x52, 0x54, 0, 0, 0, 1}, 14 + 28 + 99, 0x0800);
  std::copy(kNicMac.begin(), kNicMac.end(), udp.begin() + 6);
  const uint8_t header[28] = {0x45, 0,  0,  127, 0, 1, 0,    0,    64, 17, 0, 0,   10, 0,
                              2,    15, 10, 0,   2, 1, 0x30, 0x39, 0,  7,  0, 107, 0,  0};
  std::copy(std::begin(header), std::end(header), udp.begin() + 14);
  const Bytes pseudo = {10, 0, 2, 15, 10, 0, 2, 1, 0, 17, 0, 107};
  const auto partial = static_cast<uint16_t>(~slow_checksum(pseudo, 0, pseudo.size()));
  udp[40] = static_cast<uint8_t>(partial >> 8);
  udp[41] = static_cast<uint8_t>(partial);
  bench.store_bytes(0x200000, udp);
  bench.put_context(14 | 24 << 8 | 33u << 16, 34 | 40 << 8, 0, 2, 0, 0);
  bench.put_data(0x200000, static_cast<uint32_t>(udp.size()), 0x0b, 3);
  bench.ring_tx();
  bench.run_for(milliseconds(1));
  REQUIRE(bench.take(got));
  CHECK(complaint.empty());
  CHECK((got.status & 0x60) == 0x60);
  CHECK(got.errors == 0);
  CHECK(Bytes(got.bytes.begin() + 42, got.bytes.end()) == Bytes(udp.begin() + 42, udp.end()));
}
