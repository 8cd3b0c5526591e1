// What the controller lets in, where it stores it and what its descriptors say.
#include "tests/unit/devices/nic/nic_bench.h"

using namespace ringside;

namespace {

// Drops, changes or repeats what passes a wire.
struct Fault : Tap {
  std::function<void(Crossing&, Verdict&)> act;
  void on_crossing(const Wire&, Crossing& crossing, Verdict& verdict) override { act(crossing, verdict); }
};

Bytes udp_frame(size_t payload, bool good_ip = true, bool good_udp = true) {
  Bytes frame = make_frame(kNicMac, 42 + payload, 0x0800);
  const size_t total = 28 + payload;
  const uint8_t header[28] = {0x45,
                              0,
                              uint8_t(total >> 8),
                              uint8_t(total),
                              0,
                              1,
                              0,
                              0,
                              64,
                              17,
                              0,
                              0,
                              10,
                              0,
                              0,
                              2,
                              10,
                              0,
                              0,
                              1,
                              0,
                              7,
                              0,
                              7,
                              uint8_t((total - 20) >> 8),
                              uint8_t(total - 20),
                              0,
                              0};
  std::copy(std::begin(header), std::end(header), frame.begin() + 14);
  const auto put = [&](size_t at, uint32_t value) {
    frame[at] = static_cast<uint8_t>(value >> 8);
    frame[at + 1] = static_cast<uint8_t>(value);
  };
  Bytes pseudo(frame.begin() + 26, frame.begin() + 34);
  pseudo.insert(pseudo.end(), {0, 17, frame[38], frame[39]});
  put(40, slow_checksum(frame, 34, frame.size(), pseudo) ^ (good_udp ? 0 : 1));
  put(24, slow_checksum(frame, 14, 34) ^ (good_ip ? 0 : 1));
  return frame;
}

}  // namespace

TEST_CASE("a frame for our address is stored with EOP and DD and raises RXT0") {
  NicBench bench;
  bench.start();
  bench.w(reg::IMS, 0x80);
  const Bytes frame = make_frame(kNicMac, 777);
  const auto got = bench.receive(frame);
  CHECK(got.bytes == frame);
  CHECK((got.status & 0x83) == 0x03);
  CHECK(got.errors == 0);
  CHECK(bench.interrupt());
  CHECK((bench.r(reg::ICR) & 0x80) != 0);
  CHECK(bench.r(reg::GPRC) == 1);
  CHECK(bench.r(reg::GORCL) == 781);
  CHECK(bench.r(reg::GORCH) == 0);
  CHECK(bench.r(reg::GORCL) == 0);
}

TEST_CASE("without SECRC the check sequence follows: over it all the CRC gives its residue") {
  NicBench bench;
  bench.start(64, 0x00008002);
  const Bytes frame = make_frame(kNicMac, 100);
  const auto got = bench.receive(frame);
  REQUIRE(got.bytes.size() == 104);
  uint32_t crc = ~0u;
  for (const uint8_t byte : got.bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  CHECK(crc == 0xdebb20e3);
}

TEST_CASE("a frame larger than its buffer goes on in the next") {
  NicBench bench;
  bench.start(64, 0x04038002);  // buffers of 256 bytes
  const Bytes frame = make_frame(kNicMac, 600);
  bench.peer.transmit(frame);
  bench.run_for(milliseconds(1));
  Bytes whole;
  NicBench::Received got{};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(bench.take(got));
    CHECK((got.status & 3) == (i == 2 ? 3 : 1));
    CHECK(got.bytes.size() == (i == 2 ? 88u : 256u));
    whole.insert(whole.end(), got.bytes.begin(), got.bytes.end());
  }
  CHECK(whole == frame);
  CHECK_FALSE(bench.take(got));
}

TEST_CASE("the receive ring wraps around; exhaustion waits in the FIFO and warns at the threshold") {
  NicBench bench;
  bench.start(8);
  NicBench::Received got{};
  for (int i = 0; i < 30; ++i) {
    Bytes frame = make_frame(kNicMac, 60);
    frame[30] = static_cast<uint8_t>(i);
    REQUIRE(bench.receive(frame).bytes == frame);
  }
  bench.r(reg::ICR);
  for (int i = 0; i < 12; ++i) {
    Bytes frame = make_frame(kNicMac, 60);
    frame[30] = static_cast<uint8_t>(100 + i);
    bench.peer.transmit(frame);
  }
  bench.run_for(milliseconds(1));
  CHECK((bench.r(reg::ICR) & 0x10) != 0);  // RXDMT0, at half of eight
  CHECK(bench.r(reg::RNBC) > 0);
  for (int i = 0; i < 12; ++i) {
    REQUIRE(bench.take(got));
    CHECK(got.bytes[30] == 100 + i);
    bench.run_for(microseconds(100));
  }
}

TEST_CASE("a full FIFO loses frames: MPC and RXO") {
  NicBench bench;
  bench.start(8);
  for (int i = 0; i < 60; ++i) bench.peer.transmit(make_frame(kNicMac, 1514));
  bench.run_for(milliseconds(5));
  CHECK(bench.r(reg::MPC) == 60 - 7 - 32);  // seven buffers, and 48 KB hold 32 frames
  CHECK((bench.r(reg::ICR) & 0x40) != 0);
}

TEST_CASE("filters: unicast, promiscuous, broadcast, multicast by table and by RCTL.MO") {
  NicBench bench;
  bench.start();
  const MacAddress other = {0x52, 0x54, 0, 0, 0, 9}, all = {255, 255, 255, 255, 255, 255};
  const MacAddress group = {0x01, 0x00, 0x5e, 0x12, 0x34, 0x56};
  CHECK(bench.arrives(make_frame(kNicMac, 60)));
  CHECK_FALSE(bench.arrives(make_frame(other, 60)));
  CHECK(bench.arrives(make_frame(all, 60)));
  CHECK_FALSE(bench.arrives(make_frame(group, 60)));
  bench.w(reg::RCTL, 0x04000002);  // no BAM
  CHECK_FALSE(bench.arrives(make_frame(all, 60)));
  bench.w(reg::RCTL, 0x0400800a);  // UPE
  bench.peer.transmit(make_frame(other, 60));
  bench.run_for(milliseconds(1));
  NicBench::Received got{};
  REQUIRE(bench.take(got));
  CHECK((got.status & 0x80) != 0);  // passed an inexact filter
  bench.w(reg::RCTL, 0x04008012);   // MPE
  CHECK(bench.arrives(make_frame(group, 60)));
  // The manual's example address 12-34-56-78-9A-BC style: bytes 34h and 56h give 563h, 2B1h... by MO.
  const uint32_t bits = 0x5634;
  const uint32_t by_mo[] = {bits >> 4, bits >> 3, bits >> 2, bits};
  for (uint32_t mo = 0; mo < 4; ++mo) {
    INFO("MO " << mo);
    const uint32_t hash = by_mo[mo] & 0xfff;
    bench.w(reg::RCTL, 0x04008002 | mo << 12);
    CHECK_FALSE(bench.arrives(make_frame(group, 60)));
    bench.w(reg::MTA + (hash >> 5) * 4, 1u << (hash & 31));
    CHECK(bench.arrives(make_frame(group, 60)));
    bench.w(reg::MTA + (hash >> 5) * 4, 0);
  }
  // Another receive address, valid or not.
  bench.w(reg::RCTL, 0x04008002);
  bench.w(reg::RAL + 8 * 15, 0x00005452);
  bench.w(reg::RAH + 8 * 15, 0x00000900);
  CHECK_FALSE(bench.arrives(make_frame(other, 60)));
  bench.w(reg::RAH + 8 * 15, 0x80000900);
  CHECK(bench.arrives(make_frame(other, 60)));
}

TEST_CASE("VLAN: the tag is stripped into the descriptor, and VFTA chooses") {
  NicBench bench;
  bench.start();
  const Bytes plain = make_frame(kNicMac, 100);
  Bytes tagged = plain;
  tagged.insert(tagged.begin() + 12, {0x81, 0x00, 0x60, 0x45});
  CHECK(bench.receive(tagged).bytes == tagged);
  bench.w(reg::CTRL, bench.r(reg::CTRL) | 1u << 30);
  const auto got = bench.receive(tagged);
  CHECK(got.bytes == plain);
  CHECK((got.status & 8) != 0);
  CHECK(got.special == 0x6045);
  bench.w(reg::RCTL, 0x04048002);  // VFE
  CHECK_FALSE(bench.arrives(tagged));
  CHECK(bench.arrives(plain));
  bench.w(reg::VFTA + 4 * (0x45 >> 5), 1u << (0x45 & 31));
  CHECK(bench.arrives(tagged));
}

TEST_CASE("sizes: runts and long frames are counted, LPE lets long ones in, SBP bad ones") {
  NicBench bench;
  bench.start(64, 0x04008002);
  CHECK_FALSE(bench.arrives(make_frame(kNicMac, 59)));
  CHECK(bench.r(reg::RUC) == 1);
  CHECK(bench.arrives(make_frame(kNicMac, 1518)));
  CHECK_FALSE(bench.arrives(make_frame(kNicMac, 1519)));
  CHECK(bench.r(reg::ROC) == 1);
  bench.w(reg::RCTL, 0x04008022);  // LPE
  CHECK(bench.arrives(make_frame(kNicMac, 1900)));
  bench.w(reg::RCTL, 0x04008006);  // SBP
  CHECK(bench.arrives(make_frame(kNicMac, 59)));
}

TEST_CASE("checksum offload judges IPv4 and UDP") {
  NicBench bench;
  bench.start();
  bench.w(reg::RXCSUM, 0x300);
  const bool good_ip = GENERATE(true, false), good_udp = GENERATE(true, false);
  const auto got = bench.receive(udp_frame(201, good_ip, good_udp));
  CHECK((got.status & 0x64) == 0x60);
  CHECK(got.errors == ((good_ip ? 0 : 0x40) | (good_udp ? 0 : 0x20)));
  const auto unknown = bench.receive(make_frame(kNicMac, 60));
  CHECK((unknown.status & 0x64) == 0x04);  // IXSM: ignore
  // The packet checksum starts where PCSS says.
  bench.w(reg::RXCSUM, 34);
  const Bytes frame = udp_frame(201);
  const auto summed = bench.receive(frame);
  const uint16_t expected = slow_checksum(frame, 34, frame.size());
  CHECK(summed.checksum == static_cast<uint16_t>(expected >> 8 | expected << 8));
}

TEST_CASE("RDTR restarts with each frame, RADV does not, RSRPD cuts it short") {
  NicBench bench;
  bench.start();
  bench.w(reg::RDTR, 100);  // 102.4 us
  bench.peer.transmit(make_frame(kNicMac, 60));
  bench.run_for(microseconds(90));
  CHECK((bench.r(reg::ICR) & 0x80) == 0);
  bench.peer.transmit(make_frame(kNicMac, 60));
  bench.run_for(microseconds(90));
  CHECK((bench.r(reg::ICR) & 0x80) == 0);
  bench.run_for(microseconds(20));
  CHECK((bench.r(reg::ICR) & 0x80) != 0);
  bench.w(reg::RADV, 120);  // 122.88 us
  for (int i = 0; i < 2; ++i) {
    bench.peer.transmit(make_frame(kNicMac, 60));
    bench.run_for(microseconds(65));
  }
  CHECK((bench.r(reg::ICR) & 0x80) != 0);
  bench.w(reg::RSRPD, 64);
  bench.peer.transmit(make_frame(kNicMac, 60));
  bench.run_for(microseconds(10));
  CHECK((bench.r(reg::ICR) & 0x10080) == 0x10000);
}

TEST_CASE("ITR keeps interrupts 256 ns times the interval apart: 500 is 128 us") {
  NicBench bench;
  bench.start();
  bench.w(reg::ITR, 500);
  bench.w(reg::IMS, 0x80);
  std::vector<Tick> rises;
  bench.nic->pci().intx.connect([&](bool level) {
    if (level) rises.push_back(bench.clock.now);
  });
  NicBench::Received got{};
  for (int i = 0; i < 400; ++i) {
    bench.peer.transmit(make_frame(kNicMac, 60));
    bench.run_for(microseconds(5));
    if (bench.interrupt()) bench.r(reg::ICR);
    while (bench.take(got)) {
    }
  }
  REQUIRE(rises.size() >= 10);
  for (size_t i = 1; i < rises.size(); ++i) CHECK(rises[i] - rises[i - 1] >= microseconds(128));
  CHECK(rises.back() - rises.front() < microseconds(140) * rises.size());
}

TEST_CASE(
    "faults on the cable: a changed frame has a bad CRC, a dropped one never comes, a copy comes twice") {
  NicBench bench;
  bench.start();
  Fault fault;
  bench.wiring.add_tap(fault, "eth/nic0/rx");
  fault.act = [](Crossing& crossing, Verdict&) { crossing.payload->at(20) ^= 1; };
  CHECK_FALSE(bench.arrives(make_frame(kNicMac, 60)));
  CHECK(bench.r(reg::CRCERRS) == 1);
  bench.w(reg::RCTL, 0x04008006);  // SBP
  CHECK(bench.receive(make_frame(kNicMac, 60)).errors == 1);
  fault.act = [](Crossing&, Verdict& verdict) { verdict.copies = 0; };
  CHECK_FALSE(bench.arrives(make_frame(kNicMac, 60)));
  fault.act = [](Crossing&, Verdict& verdict) { verdict.copies = 2; };
  CHECK(bench.arrives(make_frame(kNicMac, 60)));
  NicBench::Received got{};
  CHECK(bench.take(got));
}

TEST_CASE("loopbacks, in the MAC and in the PHY, keep the frame off the cable") {
  NicBench bench;
  bench.start();
  NicBench::Received got{};
  const Bytes frame = make_frame(kNicMac, 200);
  SECTION("RCTL.LBM = 01b") { bench.w(reg::RCTL, 0x04008042); }
  SECTION("PCTRL bit 14") {
    bench.w(reg::MDIC, 0x4140 | 1u << 21 | 1u << 26);
    bench.run_for(milliseconds(200));
  }
  bench.send(frame);
  bench.run_for(milliseconds(1));
  REQUIRE(bench.take(got));
  CHECK(got.bytes == frame);
  CHECK(bench.sent.empty());
}

TEST_CASE("TFCE: a filling FIFO sends XOFF, an emptied one XON") {
  NicBench bench;
  bench.start(8);
  bench.w(reg::CTRL, bench.r(reg::CTRL) | 1u << 28);
  bench.w(reg::FCAL, 0x00c28001);
  bench.w(reg::FCAH, 0x0100);
  bench.w(reg::FCT, 0x8808);
  bench.w(reg::FCTTV, 0x1234);
  bench.w(reg::FCRTH, 8192);
  bench.w(reg::FCRTL, 0x80000000 | 4096);
  for (int i = 0; i < 20; ++i) bench.peer.transmit(make_frame(kNicMac, 1514));
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent.size() == 1);
  CHECK(Bytes(bench.sent[0].begin(), bench.sent[0].begin() + 18) ==
        Bytes{0x01, 0x80, 0xc2, 0, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x88, 0x08, 0, 1, 0x12, 0x34});
  NicBench::Received got{};
  for (int i = 0; i < 20; ++i) {
    bench.take(got);
    bench.run_for(microseconds(50));
  }
  REQUIRE(bench.sent.size() == 2);
  CHECK(bench.sent[1][16] == 0);
  CHECK(bench.sent[1][17] == 0);
}
