// What leaves the controller and when, what it writes back, and what it computes into the frames. Checksums
// are compared with an independent computation.
#include "tests/unit/devices/nic/nic_bench.h"

using namespace ringside;

namespace {

Bytes ipv4_frame(uint8_t protocol, size_t payload) {
  const size_t transport = protocol == 6 ? 20 : 8;
  Bytes frame = make_frame(kPeerMac, 14 + 20 + transport + payload, 0x0800);
  std::copy(kNicMac.begin(), kNicMac.end(), frame.begin() + 6);
  const size_t total = frame.size() - 14;
  const uint8_t header[20] = {0x45,
                              0,
                              uint8_t(total >> 8),
                              uint8_t(total),
                              0x12,
                              0xfe,
                              0x40,
                              0,
                              64,
                              protocol,
                              0,
                              0,
                              10,
                              0,
                              0,
                              1,
                              10,
                              0,
                              0,
                              2};
  std::copy(std::begin(header), std::end(header), frame.begin() + 14);
  std::fill(frame.begin() + 34, frame.begin() + 34 + static_cast<long>(transport), uint8_t{0});
  frame[34] = 0x11;
  frame[36] = 0x22;
  if (protocol == 6) {
    frame[38] = 0xff;  // sequence number 0xffff0000, which will wrap
    frame[39] = 0xff;
    frame[46] = 0x50;
    frame[47] = 0x19;  // ACK, PSH, FIN
  } else {
    frame[38] = static_cast<uint8_t>((total - 20) >> 8);
    frame[39] = static_cast<uint8_t>(total - 20);
  }
  return frame;
}

Bytes pseudo_header(const Bytes& frame) {
  const size_t length = frame.size() - 34;
  Bytes pseudo(frame.begin() + 26, frame.begin() + 34);
  pseudo.insert(pseudo.end(), {0, frame[23], uint8_t(length >> 8), uint8_t(length)});
  return pseudo;
}
// What software leaves at the checksum's place: the sum over the pseudo-header, not complemented.
void put_partial(Bytes& frame, size_t at, bool with_length) {
  Bytes pseudo = pseudo_header(frame);
  if (!with_length) pseudo[10] = pseudo[11] = 0;
  const uint16_t sum = static_cast<uint16_t>(~slow_checksum(pseudo, 0, pseudo.size()));
  frame[at] = static_cast<uint8_t>(sum >> 8);
  frame[at + 1] = static_cast<uint8_t>(sum);
}
uint32_t word(const Bytes& frame, size_t at) { return static_cast<uint32_t>(frame[at] << 8 | frame[at + 1]); }
uint32_t dword(const Bytes& frame, size_t at) { return word(frame, at) << 16 | word(frame, at + 2); }

}  // namespace

TEST_CASE("a legacy descriptor sends its frame, padded to 60 bytes, and reports it") {
  NicBench bench;
  bench.start();
  const Bytes frame = make_frame(kPeerMac, 42);
  bench.w(reg::IMS, 1);
  bench.send(frame);
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent.size() == 1);
  CHECK(bench.sent[0].size() == 60);
  CHECK(Bytes(bench.sent[0].begin(), bench.sent[0].begin() + 42) == frame);
  CHECK(Bytes(bench.sent[0].begin() + 42, bench.sent[0].end()) == Bytes(18, 0));
  CHECK(bench.r(reg::TDH) == 1);
  CHECK((bench.load64(NicBench::kTxRing + 8) >> 32 & 1) == 1);  // DD
  CHECK(bench.interrupt());
  CHECK((bench.r(reg::ICR) & 3) == 3);  // TXDW, TXQE
  CHECK_FALSE(bench.interrupt());
  CHECK(bench.r(reg::GPTC) == 1);
  CHECK(bench.r(reg::GPTC) == 0);
}

TEST_CASE("a descriptor without RS is not written back; buffers add up until EOP") {
  NicBench bench;
  bench.start();
  const Bytes frame = make_frame(kPeerMac, 1000);
  bench.store_bytes(0x200000, frame);
  bench.put_legacy(0x200000, 14, 0x02);
  bench.put_legacy(0x20000e, 486, 0x02);
  bench.put_legacy(0, 100, 0x02);  // the null address: no data
  bench.put_legacy(0x200000 + 500, 500, 0x03);
  bench.ring_tx();
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent.size() == 1);
  CHECK(bench.sent[0] == frame);
  for (int i = 0; i < 4; ++i) CHECK((bench.load64(NicBench::kTxRing + 16 * i + 8) >> 32 & 1) == 0);
  CHECK((bench.r(reg::ICR) & 1) == 0);
}

TEST_CASE("1,000 minimum frames back to back take 672 us at 1 Gb/s and 6.72 ms at 100 Mb/s") {
  const uint32_t mbps = GENERATE(1000u, 100u);
  E1000Config config;
  config.phy.partner_mbps = mbps;
  NicBench bench(config);
  bench.start(1024);
  bench.store_bytes(0x200000, make_frame(kPeerMac, 60));
  for (int i = 0; i < 1001; ++i) bench.put_legacy(0x200000, 60, 0x03);
  bench.ring_tx();
  bench.run_for(milliseconds(20));
  REQUIRE(bench.sent.size() == 1001);
  CHECK(bench.sent_at.back() - bench.sent_at.front() == microseconds(mbps == 1000 ? 672 : 6720));
}

TEST_CASE("the gap follows TIPG.IPGT") {
  NicBench bench;
  bench.start();
  bench.w(reg::TIPG, 0x0060200a);  // 10 + 4 byte times
  bench.store_bytes(0x200000, make_frame(kPeerMac, 1514));
  for (int i = 0; i < 11; ++i) bench.put_legacy(0x200000, 1514, 0x03);
  bench.ring_tx();
  bench.run_for(milliseconds(2));
  REQUIRE(bench.sent.size() == 11);
  CHECK(bench.sent_at[10] - bench.sent_at[0] == nanoseconds(10 * 8 * (8 + 1514 + 4 + 14)));
}

TEST_CASE("the transmit ring wraps around") {
  NicBench bench;
  bench.start(8);
  for (int i = 0; i < 50; ++i) {
    Bytes frame = make_frame(kPeerMac, 60);
    frame[20] = static_cast<uint8_t>(i);
    bench.send(frame);
    if (i % 5 == 4) bench.run_for(microseconds(50));
  }
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent.size() == 50);
  for (int i = 0; i < 50; ++i) CHECK(bench.sent[i][20] == i);
  CHECK(bench.r(reg::TDH) == 50 % 8);
}

TEST_CASE("IDE holds TXDW back for TIDV, and TADV bounds that") {
  NicBench bench;
  bench.start();
  bench.w(reg::TIDV, 100);  // 102.4 us
  const Tick begin = bench.clock.now;
  bench.send(make_frame(kPeerMac, 60), 0x8b);
  bench.run_until(begin + microseconds(90));
  CHECK((bench.r(reg::ICR) & 1) == 0);
  bench.run_until(begin + microseconds(110));
  CHECK((bench.r(reg::ICR) & 1) == 1);
  bench.w(reg::TADV, 150);  // 153.6 us
  const Tick again = bench.clock.now;
  for (int i = 0; i < 3; ++i) {
    bench.send(make_frame(kPeerMac, 60), 0x8b);
    bench.run_for(microseconds(50));
  }
  CHECK((bench.r(reg::ICR) & 1) == 0);
  bench.run_until(again + microseconds(160));
  CHECK((bench.r(reg::ICR) & 1) == 1);
}

TEST_CASE("write-backs gather up to WTHRESH") {
  NicBench bench;
  bench.start();
  bench.w(reg::TXDCTL, 1u << 24 | 4u << 16);
  bench.w(reg::TIDV, 1000);
  bench.store_bytes(0x200000, make_frame(kPeerMac, 60));
  const auto done = [&](int i) { return (bench.load64(NicBench::kTxRing + 16 * i + 8) >> 32 & 1) != 0; };
  for (int i = 0; i < 3; ++i) bench.put_legacy(0x200000, 60, 0x8b);
  bench.ring_tx();
  bench.run_for(microseconds(100));
  CHECK_FALSE(done(0));
  bench.put_legacy(0x200000, 60, 0x8b);
  bench.ring_tx();
  bench.run_for(microseconds(100));
  for (int i = 0; i < 4; ++i) CHECK(done(i));
}

TEST_CASE("legacy checksum insertion: CSS to the end, into CSO") {
  NicBench bench;
  bench.start();
  Bytes frame = ipv4_frame(17, 101);
  put_partial(frame, 40, true);
  bench.store_bytes(0x200000, frame);
  bench.put_legacy(0x200000, static_cast<uint32_t>(frame.size()), 0x0f, 40, 34);
  bench.ring_tx();
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent.size() == 1);
  Bytes expected = bench.sent[0];
  expected[40] = expected[41] = 0;
  CHECK(word(bench.sent[0], 40) == slow_checksum(expected, 34, expected.size(), pseudo_header(expected)));
}

TEST_CASE("context and data descriptors insert both checksums and leave the rest alone") {
  NicBench bench;
  bench.start();
  const uint8_t protocol = GENERATE(uint8_t{6}, uint8_t{17});
  const uint32_t sum_at = protocol == 6 ? 50 : 40;
  Bytes frame = ipv4_frame(protocol, 333);
  put_partial(frame, sum_at, true);
  bench.store_bytes(0x200000, frame);
  bench.put_context(14 | 24 << 8 | 33u << 16, 34 | sum_at << 8, 0, protocol == 6 ? 3 : 2, 0, 0);
  bench.put_data(0x200000, 100, 0x02, 3);
  bench.put_data(0x200064, static_cast<uint32_t>(frame.size()) - 100, 0x0b, 0);  // POPTS of the first counts
  bench.ring_tx();
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent.size() == 1);
  Bytes expected = frame;
  expected[24] = expected[25] = expected[sum_at] = expected[sum_at + 1] = 0;
  const uint16_t ip = slow_checksum(expected, 14, 34);
  const uint16_t transport = slow_checksum(expected, 34, expected.size(), pseudo_header(expected));
  CHECK(word(bench.sent[0], 24) == ip);
  CHECK(word(bench.sent[0], sum_at) == transport);
}

TEST_CASE("64 KiB of TCP in one context: every segment is right") {
  NicBench bench;
  bench.start();
  constexpr uint32_t kMss = 1460, kHeader = 54, kPayload = 65536 - 40;
  Bytes all = ipv4_frame(6, kPayload);
  const Bytes payload(all.begin() + kHeader, all.end());
  all[16] = all[17] = 0;  // the IP length is zero in the prototype
  put_partial(all, 50, false);
  bench.store_bytes(0x200000, all);
  bench.put_context(14 | 24 << 8 | 33u << 16, 34 | 50 << 8, kPayload, 7, kHeader, kMss);
  bench.put_data(0x200000, kHeader, 0x06, 3);
  for (uint32_t at = 0; at < kPayload; at += 4096) {
    const uint32_t length = std::min(4096u, kPayload - at);
    bench.put_data(0x200000 + kHeader + at, length, at + length == kPayload ? 0x0f : 0x06, 3);
  }
  bench.ring_tx();
  bench.run_for(milliseconds(5));
  const size_t segments = (kPayload + kMss - 1) / kMss;
  REQUIRE(bench.sent.size() == segments);
  Bytes together;
  for (size_t i = 0; i < segments; ++i) {
    const Bytes& frame = bench.sent[i];
    INFO("segment " << i);
    const bool last = i + 1 == segments;
    const size_t body = last ? kPayload - kMss * (segments - 1) : kMss;
    REQUIRE(frame.size() == kHeader + body);
    CHECK(word(frame, 16) == frame.size() - 14);
    CHECK(word(frame, 18) == ((0x12fe + i) & 0xffff));
    CHECK(dword(frame, 38) == static_cast<uint32_t>(0xffff0000u + i * kMss));
    CHECK(frame[47] == (last ? 0x19 : 0x10));
    Bytes zeroed = frame;
    zeroed[24] = zeroed[25] = zeroed[50] = zeroed[51] = 0;
    CHECK(word(frame, 24) == slow_checksum(zeroed, 14, 34));
    CHECK(word(frame, 50) == slow_checksum(zeroed, 34, zeroed.size(), pseudo_header(zeroed)));
    together.insert(together.end(), frame.begin() + kHeader, frame.end());
  }
  CHECK(together == payload);
  CHECK(bench.r(reg::TSCTC) == 1);
  CHECK(bench.r(reg::TSCTFC) == 0);
}

TEST_CASE("segmentation that cannot be done is counted, and the next packet goes") {
  NicBench bench;
  bench.start();
  bench.store_bytes(0x200000, ipv4_frame(6, 3000));
  const auto attempt = [&](uint32_t paylen, uint32_t mss, uint32_t length) {
    bench.put_context(14 | 24 << 8, 34 | 50 << 8, paylen, 7, 54, mss);
    bench.put_data(0x200000, length, 0x0f, 3);
    bench.ring_tx();
    bench.run_for(milliseconds(1));
  };
  attempt(3000, 0, 3054);      // no MSS
  attempt(3000, 20000, 3054);  // a segment larger than the FIFO of 16 KB
  attempt(3000, 1460, 2000);   // ends too early
  attempt(1000, 1460, 3054);   // more data than announced
  CHECK(bench.r(reg::TSCTFC) == 4);
  bench.sent.clear();
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.size() == 1);
  CHECK(bench.r(reg::TDH) == bench.tail);
}

TEST_CASE("VLE inserts VET and the tag while CTRL.VME is set") {
  NicBench bench;
  bench.start();
  const Bytes frame = make_frame(kPeerMac, 100);
  bench.store_bytes(0x200000, frame);
  bench.put_legacy(0x200000, 100, 0x4b, 0, 0, 0xa123);
  bench.ring_tx();
  bench.run_for(milliseconds(1));
  bench.w(reg::CTRL, bench.r(reg::CTRL) | 1u << 30);
  bench.put_legacy(0x200000, 100, 0x4b, 0, 0, 0xa123);
  bench.ring_tx();
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent.size() == 2);
  CHECK(bench.sent[0] == frame);
  Bytes tagged = frame;
  tagged.insert(tagged.begin() + 12, {0x81, 0x00, 0xa1, 0x23});
  CHECK(bench.sent[1] == tagged);
}

TEST_CASE("without IFCS software brings the check sequence, and a wrong one loses the frame") {
  NicBench bench;
  bench.start();
  // IEEE's check value: the CRC of "123456789" is 0xcbf43926. Here: of a frame, bit by bit.
  Bytes frame = make_frame(kPeerMac, 64);
  uint32_t crc = ~0u;
  for (const uint8_t byte : frame) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  crc = ~crc;
  Bytes with = frame;
  for (int i = 0; i < 4; ++i) with.push_back(static_cast<uint8_t>(crc >> 8 * i));
  bench.send(with, 0x09);
  with.back() ^= 1;
  bench.send(with, 0x09);
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent.size() == 1);
  CHECK(bench.sent[0] == frame);
}

TEST_CASE("frames wait in the FIFO while there is no link, and a packet too long for it is given up") {
  NicBench bench;
  bench.start();
  bench.nic_port.set_link(false);
  for (int i = 0; i < 40; ++i) bench.send(make_frame(kPeerMac, 1514));
  bench.run_for(milliseconds(10));
  CHECK(bench.sent.empty());
  CHECK(bench.r(reg::TDH) == 10);  // 16 KB hold ten
  bench.nic_port.set_link(true);
  bench.run_for(seconds(2));
  CHECK(bench.sent.size() == 40);
  bench.store_bytes(0x200000, Bytes(0x4000));
  for (int i = 0; i < 3; ++i) bench.put_legacy(0x200000, 0x3fff, i == 2 ? 0x0b : 0x02);
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.size() == 41);
}

TEST_CASE("a PAUSE frame stops the transmitter for its quanta of 512 bit times") {
  NicBench bench;
  bench.start();
  bench.w(reg::CTRL, bench.r(reg::CTRL) | 1u << 27);  // RFCE
  bench.w(reg::FCAL, 0x00c28001);
  bench.w(reg::FCAH, 0x0100);
  bench.w(reg::FCT, 0x8808);
  Bytes pause = make_frame({0x01, 0x80, 0xc2, 0, 0, 1}, 60, 0x8808);
  pause[14] = 0;
  pause[15] = 1;
  pause[16] = 0x01;  // 256 quanta: 131.072 us
  pause[17] = 0;
  bench.peer.transmit(pause);
  bench.run_for(microseconds(10));
  CHECK(bench.r(reg::XOFFRXC) == 1);
  CHECK((bench.r(reg::STATUS) & 0x10) != 0);
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(microseconds(100));
  CHECK(bench.sent.empty());
  bench.run_for(microseconds(100));
  CHECK(bench.sent.size() == 1);
}
