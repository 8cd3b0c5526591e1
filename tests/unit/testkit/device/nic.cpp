// Proves that a test can drive an 82540EM without a processor: reset, EEPROM, rings, frames in both
// directions, by the manual (317453), of which offsets and bits are restated.
#include <catch2/catch.hpp>

#include "ringside/device.h"

using namespace ringside::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

enum : uint32_t {
  CTRL = 0x0,
  STATUS = 0x8,
  EERD = 0x14,
  ICR = 0xc0,
  IMS = 0xd0,
  RCTL = 0x100,
  TCTL = 0x400,
  RDBAL = 0x2800,
  RDLEN = 0x2808,
  RDH = 0x2810,
  RDT = 0x2818,
  TDBAL = 0x3800,
  TDLEN = 0x3808,
  TDH = 0x3810,
  TDT = 0x3818,
};
constexpr unsigned kDescriptors = 8;
constexpr Mac kPeer = {0x02, 0, 0, 0, 0, 1};

Bytes frame_to(const Mac& to, const Mac& from, size_t bytes) {
  Bytes frame(bytes);
  std::copy(to.begin(), to.end(), frame.begin());
  std::copy(from.begin(), from.end(), frame.begin() + 6);
  frame[12] = 0x88;
  frame[13] = 0xb5;
  for (size_t i = 14; i < bytes; ++i) frame[i] = static_cast<uint8_t>(i);
  return frame;
}

struct Driver {
  DeviceBench& bench;
  Nic& nic;
  Buffer tx = bench.memory().allocate(kDescriptors * 16), rx = bench.memory().allocate(kDescriptors * 16);
  std::vector<Buffer> buffers = {};

  void start() {
    nic.write32(CTRL, nic.read32(CTRL) | 0x40);  // SLU
    nic.expect32(STATUS, 2, 2, 3s);
    nic.write32(TDBAL, static_cast<uint32_t>(tx.address()));
    nic.write32(TDLEN, kDescriptors * 16);
    nic.write32(TDH, 0);
    nic.write32(TDT, 0);
    nic.write32(TCTL, 0x0004010a);
    nic.write32(RDBAL, static_cast<uint32_t>(rx.address()));
    nic.write32(RDLEN, kDescriptors * 16);
    nic.write32(RDH, 0);
    nic.write32(RDT, 0);
    for (unsigned i = 0; i < kDescriptors; ++i) {
      buffers.push_back(bench.memory().allocate(2048));
      rx.store<uint64_t>(16 * i, buffers.back().address());
    }
    nic.write32(RCTL, 0x04008002);  // enabled, broadcasts, buffers of 2048, check sequence stripped
    nic.write32(RDT, kDescriptors - 1);
    (void)nic.read32(ICR);
    nic.write32(IMS, 0x83);  // receive timer, link, transmit written back
  }
};

}  // namespace

TEST_CASE("nic: reset and the EEPROM's MAC address", "[testkit][device]") {
  DeviceBench bench;
  Nic& nic = bench.add_nic({.mac = {0x52, 0x54, 0, 1, 2, 3}});
  nic.write32(CTRL, nic.read32(CTRL) | 1u << 26);  // RST
  bench.advance(10us);
  CHECK((nic.read32(CTRL) & 1u << 26) == 0);
  std::vector<uint16_t> words;
  for (uint32_t word = 0; word < 3; ++word) {
    nic.write32(EERD, word << 8 | 1);
    words.push_back(static_cast<uint16_t>(nic.expect32(EERD, 0x10, 0x10, 1ms) >> 16));
  }
  CHECK(words == std::vector<uint16_t>{0x5452, 0x0100, 0x0302});
  CHECK(nic.config().read32(0) == 0x100e8086);
  bench.finish();
}

TEST_CASE("nic: a TX descriptor becomes a frame on the cable", "[testkit][device]") {
  DeviceBench bench;
  Nic& nic = bench.add_nic();
  Driver driver{bench, nic};
  driver.start();
  const Bytes frame = frame_to(kPeer, {0x52, 0x54, 0, 0x12, 0x34, 0x56}, 64);
  const Buffer data = bench.memory().allocate(64);
  data.put(0, frame);
  driver.tx.store<uint64_t>(0, data.address());
  driver.tx.store<uint64_t>(8, 64 | 0x0bu << 24);  // EOP, IFCS, RS
  nic.expect_none_sent(1ms);
  nic.write32(TDT, 1);
  nic.irq().within(1ms).expect_raised();
  CHECK((nic.read32(ICR) & 1) == 1);
  nic.irq().expect_lowered();
  nic.expect_sent(frame, 1ms);
  CHECK((driver.tx.load<uint32_t>(12) & 1) == 1);  // DD
  CHECK(bench.wire("eth/nic0/tx").size() == 1);
  bench.finish();
}

TEST_CASE("nic: a frame from the cable comes into the next buffer", "[testkit][device]") {
  DeviceBench bench;
  Nic& nic = bench.add_nic();
  Driver driver{bench, nic};
  driver.start();
  const Bytes frame = frame_to({0x52, 0x54, 0, 0x12, 0x34, 0x56}, kPeer, 100);
  nic.deliver(frame);
  nic.irq().within(1ms).expect_raised();
  CHECK((nic.read32(ICR) & 0x80) == 0x80);
  CHECK(driver.rx.load<uint16_t>(8) == 100);
  CHECK((driver.rx.load<uint8_t>(12) & 3) == 3);  // DD, EOP
  CHECK(driver.buffers[0].copy(0, 100) == frame);
  bench.finish();
}

TEST_CASE("nic: a host on the cable answers, and the link can go", "[testkit][device]") {
  DeviceBench bench;
  Nic& nic = bench.add_nic();
  nic.add_responder({0x52, 0x54, 0, 0, 0, 1}, {10, 0, 2, 1});
  Driver driver{bench, nic};
  driver.start();
  // ARP: who has 10.0.2.1? Tell 10.0.2.15.
  const Mac own = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
  Bytes request = frame_to({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, own, 60);
  const Bytes arp = {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1};
  std::copy(arp.begin(), arp.end(), request.begin() + 12);
  std::copy(own.begin(), own.end(), request.begin() + 22);
  const Bytes addresses = {10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 1};
  std::copy(addresses.begin(), addresses.end(), request.begin() + 28);
  const Buffer data = bench.memory().allocate(60);
  data.put(0, request);
  driver.tx.store<uint64_t>(0, data.address());
  driver.tx.store<uint64_t>(8, 60 | 0x0bu << 24);
  nic.write32(TDT, 1);
  bench.expect_until([&] { return (driver.rx.load<uint8_t>(12) & 1) != 0; }, 5ms);
  CHECK(driver.buffers[0].load<uint8_t>(21) == 2);  // a reply
  nic.expect_sent(request);
  CHECK(nic.sent().empty());  // the answer is not the card's
  nic.set_link(false);
  nic.expect32(STATUS, 2, 0, 1ms);
}

TEST_CASE("nic: a transfer outside of what was given is told; frames differ by a byte", "[testkit][device]") {
  DeviceBench bench;
  Nic& nic = bench.add_nic();
  Driver driver{bench, nic};
  driver.start();
  const Bytes frame = frame_to(kPeer, {0x52, 0x54, 0, 0x12, 0x34, 0x56}, 64);
  const Buffer data = bench.memory().allocate(64);
  data.put(0, frame);
  bench.memory().free(data);  // too early
  driver.tx.store<uint64_t>(0, data.address());
  driver.tx.store<uint64_t>(8, 64 | 0x0bu << 24);
  nic.write32(TDT, 1);
  Bytes wanted = frame;
  wanted[63] = 1;
  CHECK_THROWS_WITH(nic.expect_sent(wanted, 1ms), Contains("differ from byte 63 on: 3f instead of 01"));
  CHECK_THROWS_WITH(bench.expect_clean(), Contains("the device reads 64 bytes"));
}
