// What can be seen and spoilt from outside: the ring's indices, frames on their way out, DMA, MSI.
#include "devices/nic/payloads.h"
#include "tests/unit/devices/nic/nic_bench.h"

using namespace ringside;

namespace {

struct Watch : Tap {
  std::function<void(const Wire&, Crossing&, Verdict&)> act;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override {
    act(wire, crossing, verdict);
  }
};

}  // namespace

TEST_CASE("a doorbell and each move of the head show on the ring's wire") {
  NicBench bench;
  bench.start(8);
  Watch watch;
  std::vector<NicRingRecord> seen;
  watch.act = [&](const Wire&, Crossing& crossing, Verdict&) {
    REQUIRE(crossing.bytes().size() == 16);
    std::memcpy(&seen.emplace_back(), crossing.bytes().data(), 16);
  };
  bench.wiring.add_tap(watch, "nic/nic0/ring");
  bench.store_bytes(0x200000, make_frame(kPeerMac, 60));
  bench.put_legacy(0x200000, 60);
  bench.put_legacy(0x200000, 60);
  bench.ring_tx();
  bench.run_for(milliseconds(1));
  REQUIRE(seen.size() == 3);
  for (const NicRingRecord& record : seen) {
    CHECK(record.ring == 1);
    CHECK(record.tail == 2);
    CHECK(record.descriptors == 8);
  }
  CHECK(seen[0].event == 0);
  CHECK(seen[0].head == 0);
  CHECK(seen[1].event == 1);
  CHECK(seen[1].head == 1);
  CHECK(seen[2].head == 2);
  bench.receive(make_frame(kNicMac, 60));
  REQUIRE(seen.size() == 5);  // the head, then the tail that the bench has written
  CHECK(seen[3].ring == 0);
  CHECK(seen[3].event == 1);
}

TEST_CASE("faults on the way out: a changed frame goes as changed, a runt and a dropped one go nowhere") {
  NicBench bench;
  bench.start();
  Watch watch;
  bench.wiring.add_tap(watch, "eth/nic0/tx");
  watch.act = [](const Wire&, Crossing& crossing, Verdict&) { crossing.payload->at(30) = 0xee; };
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent.size() == 1);
  CHECK(bench.sent[0][30] == 0xee);
  watch.act = [](const Wire&, Crossing& crossing, Verdict&) { crossing.payload->resize(40); };
  bench.send(make_frame(kPeerMac, 60));
  watch.act = [](const Wire&, Crossing&, Verdict& verdict) { verdict.copies = 0; };
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.size() == 1);
  watch.act = [](const Wire&, Crossing&, Verdict& verdict) {
    verdict.copies = 2;
    verdict.delay = microseconds(500);
  };
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(microseconds(400));
  CHECK(bench.sent.size() == 1);
  bench.run_for(microseconds(400));
  CHECK(bench.sent.size() == 3);
}

TEST_CASE("a failed transfer is a master abort: the ring stands still, and the next doorbell tries again") {
  NicBench bench;
  bench.start();
  Watch watch;
  bool fail = true;
  watch.act = [&](const Wire&, Crossing&, Verdict& verdict) { verdict.fail = fail ? -5 : 0; };
  bench.wiring.add_tap(watch, "dma/nic0");
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.empty());
  CHECK(bench.r(reg::TDH) == 0);
  CHECK((bench.nic->pci().config_read(0x06, 2) & 0x2000) != 0);
  fail = false;
  bench.w(reg::TDT, 1);
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.size() == 1);
}

TEST_CASE("MSI: one message at each rise, and INTA# stays low") {
  NicBench bench;
  std::vector<std::pair<uint32_t, uint32_t>> messages;
  bench.dma.set_message_interrupt(
      [&](uint32_t address, uint32_t data) { messages.emplace_back(address, data); });
  PciFunction& pci = bench.nic->pci();
  uint8_t at = static_cast<uint8_t>(pci.config_read(0x34, 1));
  while (at != 0 && pci.config_read(at, 1) != 5) at = static_cast<uint8_t>(pci.config_read(at + 1, 1));
  REQUIRE(at != 0);
  pci.config_write(at + 4, 4, 0xfee00000);
  pci.config_write(at + 8, 4, 0);
  pci.config_write(at + 12, 2, 0x41);
  pci.config_write(at + 2, 2, 1);
  bench.w(reg::IMS, 4);
  bench.w(reg::ICS, 4);
  bench.w(reg::ICS, 4);
  CHECK(messages.size() == 1);
  bench.r(reg::ICR);
  bench.w(reg::ICS, 4);
  REQUIRE(messages.size() == 2);
  CHECK(messages[1] == std::pair<uint32_t, uint32_t>(0xfee00000, 0x41));
  CHECK_FALSE(bench.interrupt());
}
