// A driver that does everything wrong: nothing may crash, hang or grow without bound, and two runs of the
// same misdeeds must agree. What a real controller would do with most of this is not written anywhere.
#include "sim/hash.h"
#include "sim/random.h"
#include "tests/unit/devices/nic/nic_bench.h"

using namespace ringside;

namespace {

// Random registers, random descriptors, random frames, random time.
uint64_t storm(uint64_t seed, int steps) {
  E1000Config config;
  config.phy.autonegotiation = microseconds(50);  // or the link would be down for most of the storm
  config.phy.forced_link = microseconds(20);
  NicBench bench(config);
  Random random(seed);
  bench.start(16);
  // What is sent is not kept.
  uint64_t digest = 0, sent = 0, stored = 0, segmented = 0;
  bench.peer.set_receiver([&](std::span<const uint8_t> frame) { digest = hash_mix(digest, hash64(frame)); });
  const uint32_t rings[] = {0x2800, 0x2808, 0x2810, 0x2818, 0x3800, 0x3808, 0x3810, 0x3818, 0x100, 0x400};
  for (int i = 0; i < steps; ++i) {
    switch (random.below(11)) {
      case 0:
      case 1:
        bench.w(static_cast<uint32_t>(random.below(0x8000)) * 4, static_cast<uint32_t>(random.next()));
        break;
      case 2:
        bench.w(static_cast<uint32_t>(random.below(0x1600)) * 4, static_cast<uint32_t>(random.next()));
        break;
      case 3: bench.r(static_cast<uint32_t>(random.below(0x8000)) * 4); break;
      case 4: {
        const uint32_t offset = rings[random.below(std::size(rings))];
        bench.w(offset, static_cast<uint32_t>(random.one_in(2) ? random.next() : random.below(64)));
        break;
      }
      case 5:
        for (int n = 0; n < 16; ++n) {
          const uint64_t at =
              (random.one_in(2) ? NicBench::kTxRing : NicBench::kRxRing) + 16 * random.below(16);
          // Mostly good addresses, and half of the time a length and flags that make a frame.
          bench.store64(at, random.one_in(32) ? random.next() : random.below(NicBench::kMemoryBytes));
          bench.store64(at + 8,
                        random.one_in(2) ? random.next() : (random.next() & ~0xfff0fc00ull) | 0x03100040);
        }
        break;
      case 6: bench.peer.transmit(make_frame(kNicMac, 60 + random.below(2000))); break;
      case 7:  // back to something that works
        bench.w(reg::TDBAL, NicBench::kTxRing);
        bench.w(reg::TDLEN, 256);
        bench.w(reg::TDH, 0);
        bench.w(reg::TCTL, 0x4010a);
        bench.w(reg::RDBAL, NicBench::kRxRing);
        bench.w(reg::RDLEN, 256);
        bench.w(reg::RDH, 0);
        bench.w(reg::RCTL, 0x0400801a | static_cast<uint32_t>(random.next() & 0x02030300));
        bench.w(reg::CTRL, 0x40);
        bench.w(reg::RDT, 15);
        bench.w(reg::TDT, static_cast<uint32_t>(random.below(16)));
        break;
      case 8:
        bench.run_for(microseconds(random.below(100)));
        stored += bench.r(reg::GPRC);
        sent += bench.r(reg::GPTC);
        segmented += bench.r(reg::TSCTC);
        break;
      case 10: {  // a segmentation that mostly adds up, with offsets that mostly do not
        const uint64_t at = NicBench::kTxRing + 16 * random.below(15);
        const uint64_t payload = random.below(9000), header = random.below(256), mss = random.below(2000);
        bench.store64(at, random.next());
        bench.store64(at + 8, payload | (0x24 | random.below(8)) << 24 | header << 40 | mss << 48);
        bench.store64(at + 16, random.below(NicBench::kMemoryBytes));
        const uint64_t length = random.one_in(4) ? random.below(0x100000) : payload + header;
        bench.store64(at + 24, length | 0x2f100000 | random.below(4) << 40);
        break;
      }
      case 9:
        bench.mmio.write(NicBench::kBar0 + random.below(0x20000), 1u << random.below(4), random.next());
        bench.ports.write(NicBench::kBar2 + random.below(64), 1u << random.below(3), random.next());
        if (random.one_in(20))
          bench.nic->pci().config_write(0x04, 2, static_cast<uint32_t>(random.next()) | 3);
        if (random.one_in(20)) bench.nic->pci().config_write(0x04, 2, 7);
        if (random.one_in(50)) bench.nic_port.set_link(random.one_in(2));
        break;
    }
  }
  CHECK((steps < 1000 ||
         (sent > 10 && stored > 10 && segmented > 0)));  // it reaches both engines and segmentation
  return hash_mix(digest, hash_mix(state_digest(*bench.nic), bench.events.digest()));
}

}  // namespace

TEST_CASE("a storm of random accesses, descriptors and frames: twice the same") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    CHECK(storm(seed, 4000) == storm(seed, 4000));
  }
  CHECK(storm(1, 500) != storm(2, 500));
}

TEST_CASE("rings outside of memory stop with a notice and a master abort; a good ring goes on") {
  NicBench bench;
  bench.start();
  bench.w(reg::TDBAL, 0xfff00000);
  bench.w(reg::TDT, 5);
  bench.run_for(milliseconds(1));
  CHECK(bench.r(reg::TDH) == 0);
  CHECK((bench.nic->pci().config_read(0x06, 2) & 0x2000) != 0);
  CHECK(bench.notices.count(NoticeKind::unusual) > 0);
  CHECK(bench.events.empty());  // it does not try again by itself
  bench.w(reg::TDT, 0);
  bench.w(reg::TDBAL, NicBench::kTxRing);
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.size() == 1);
}

TEST_CASE("a tail behind the end of the ring does nothing") {
  NicBench bench;
  bench.start(8);
  bench.w(reg::TDT, 8);
  bench.run_for(milliseconds(1));
  CHECK(bench.r(reg::TDH) == 0);
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
  bench.w(reg::TDT, 0);
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.size() == 1);
}

TEST_CASE("lengths that are no multiple of 128 lose their low bits, and no ring at all does nothing") {
  NicBench bench;
  bench.start(8);
  bench.w(reg::TDLEN, 0x000fffff);
  CHECK(bench.r(reg::TDLEN) == 0x000fff80);
  bench.w(reg::TDLEN, 0x7f);
  CHECK(bench.r(reg::TDLEN) == 0);
  bench.w(reg::TDT, 3);
  bench.run_for(milliseconds(1));
  CHECK(bench.r(reg::TDH) == 0);
}

TEST_CASE("one byte a segment: no event does more than one frame") {
  NicBench bench;
  bench.start();
  bench.store_bytes(0x200000, make_frame(kPeerMac, 54));
  bench.put_context(14 | 24 << 8, 34 | 50 << 8, 5000, 7, 54, 1);
  bench.put_data(0x200000, 5054, 0x0f, 3);
  bench.ring_tx();
  size_t before = 0, most = 0;
  const Tick end = bench.clock.now + milliseconds(20);
  while (!bench.events.empty() && bench.events.next_tick() <= end) {
    bench.clock.now = std::max(bench.clock.now, bench.events.next_tick());
    bench.events.run_due(bench.clock.now);
    most = std::max(most, bench.sent.size() - before);
    before = bench.sent.size();
  }
  CHECK(bench.sent.size() == 5000);
  CHECK(most == 1);
}

TEST_CASE("a controller that may not master the bus waits until it may") {
  NicBench bench;
  bench.start();
  bench.nic->pci().config_write(0x04, 2, 0x0003);
  bench.send(make_frame(kPeerMac, 60));
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.empty());
  bench.nic->pci().config_write(0x04, 2, 0x0007);
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.size() == 1);
}

TEST_CASE("two runs of the same traffic end in the same state") {
  const auto run = [] {
    NicBench bench;
    bench.start();
    NicBench::Received got{};
    for (int i = 0; i < 200; ++i) {
      bench.peer.transmit(make_frame(kNicMac, 60 + i * 7));
      bench.send(make_frame(kPeerMac, 60 + i * 5));
      bench.run_for(microseconds(20));
      bench.take(got);
      if (i % 7 == 0) bench.r(reg::ICR);
    }
    return hash_mix(state_digest(*bench.nic), hash_mix(bench.memory->digest(), bench.events.digest()));
  };
  CHECK(run() == run());
}
