// Proves what faults do to the cable and to frames on it: link loss, and the errors that descriptors report.
#include "tests/unit/devices/nic/nic_bench.h"

using namespace ringside;

namespace {

struct FaultBench : NicBench {
  FaultBench() { start(); }
  void link(uint8_t up, Tick duration) {
    std::vector<uint8_t> payload(16);
    payload[0] = up;
    std::memcpy(payload.data() + 8, &duration.ps, 8);
    wiring.find("dom1/eth/nic0/link")->stimulus()(payload);
  }
  void error(uint8_t receive, uint8_t transmit) {
    const uint8_t payload[] = {receive, transmit, 0, 0};
    wiring.find("dom1/nic/nic0/error")->stimulus()(payload);
  }
  bool link_up() { return (r(reg::STATUS) & 2) != 0; }
};

}  // namespace

TEST_CASE_METHOD(FaultBench, "a cable that a fault pulls is back when its time has come") {
  r(reg::ICR);
  link(0, milliseconds(100));
  CHECK_FALSE(link_up());
  CHECK((r(reg::ICR) & 4) != 0);
  CHECK_FALSE(arrives(make_frame(kNicMac, 100)));
  // The switch's end going up and down does not put it back.
  nic_port.set_link(false);
  nic_port.set_link(true);
  run_for(milliseconds(50));
  CHECK_FALSE(link_up());
  run_for(seconds(4));
  CHECK(link_up());
  CHECK(arrives(make_frame(kNicMac, 100)));
}

TEST_CASE_METHOD(FaultBench, "a cable that is pulled for good is put back by another fault") {
  link(0, {});
  run_for(seconds(10));
  CHECK_FALSE(link_up());
  link(1, {});
  run_for(seconds(4));
  CHECK(link_up());
}

TEST_CASE_METHOD(FaultBench, "receive errors are dropped and counted, or stored where SBP says so") {
  constexpr uint32_t kRxerrc = 0x0400c, kSbp = 1 << 2;
  error(0x80, 0);
  CHECK_FALSE(arrives(make_frame(kNicMac, 100)));
  CHECK(r(kRxerrc) == 1);
  CHECK(arrives(make_frame(kNicMac, 100)));
  w(reg::RCTL, r(reg::RCTL) | kSbp);
  error(0x80, 0);
  CHECK(receive(make_frame(kNicMac, 100)).errors == 0x80);
  error(0x01, 0);
  CHECK(receive(make_frame(kNicMac, 100)).errors == 0x01);
  CHECK(receive(make_frame(kNicMac, 100)).errors == 0);
}

TEST_CASE_METHOD(FaultBench, "wrong checksums are told, and the frame is stored") {
  error(0x60, 0);
  CHECK(receive(make_frame(kNicMac, 100)).errors == 0x60);
}

TEST_CASE_METHOD(FaultBench, "a packet with a late collision does not leave, and its descriptor says so") {
  constexpr uint32_t kLatecol = 0x04020;
  error(0, 0xff);  // what the descriptor has no bits for is not done
  send(make_frame(kPeerMac, 100));
  send(make_frame(kPeerMac, 200));
  run_for(milliseconds(1));
  CHECK((load64(kTxRing + 8) >> 32 & 0xf) == 0xf);
  CHECK((load64(kTxRing + 16 + 8) >> 32 & 0xf) == 0x1);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].size() == 200);
  CHECK(r(kLatecol) == 1);
}
