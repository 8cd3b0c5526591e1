// Proves the local APIC's registers, priorities and end of interrupt against the Intel SDM, volume 3A,
// chapter 10; offsets, bits and reset values are restated from it.
#include "devices/platform/apic/local_apic.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/devices/apic/apic_bench.h"

using namespace ringside;

namespace {
using Levels = std::vector<bool>;
}

TEST_CASE("every register of the local APIC after reset (10.4.7.1)") {
  ApicBench bench;
  struct {
    uint32_t offset, value;
  } const expected[] = {{0x020, 0},          {0x030, 0x00050014}, {0x080, 0},          {0x090, 0},
                        {0x0a0, 0},          {0x0d0, 0},          {0x0e0, 0xffffffff}, {0x0f0, 0xff},
                        {0x280, 0},          {0x300, 0},          {0x310, 0},          {0x320, 0x00010000},
                        {0x330, 0x10000},    {0x340, 0x10000},    {0x350, 0x10000},    {0x360, 0x00010000},
                        {0x370, 0x00010000}, {0x380, 0},          {0x390, 0},          {0x3e0, 0}};
  for (const auto& row : expected) {
    INFO("offset " << std::hex << row.offset);
    CHECK(bench.get(row.offset) == row.value);
  }
  for (uint32_t offset = 0x100; offset < 0x280; offset += 0x10) CHECK(bench.get(offset) == 0);
  CHECK(bench.local.base_msr() == 0xfee00900);
  CHECK_FALSE(bench.local.output());
  CHECK(bench.notices.count(NoticeKind::unhandled) == 0);
}

TEST_CASE("what can be written of each register, and a reset takes it back") {
  ApicBench bench;
  const uint64_t fresh = state_digest(bench.local);
  bench.enable();
  struct {
    uint32_t offset, value;
  } const expected[] = {{0x020, 0xff000000}, {0x030, 0x00050014}, {0x080, 0xff},       {0x0d0, 0xff000000},
                        {0x0e0, 0xffffffff}, {0x0f0, 0x3ff},      {0x310, 0xff000000}, {0x320, 0x300ff},
                        {0x330, 0x107ff},    {0x340, 0x107ff},    {0x350, 0x1a7ff},    {0x360, 0x1a7ff},
                        {0x370, 0x100ff},    {0x380, 0xffffffff}, {0x3e0, 0x0b}};
  for (const auto& row : expected) {
    INFO("offset " << std::hex << row.offset);
    bench.set(row.offset, 0xffffffff);
    CHECK(bench.get(row.offset) == row.value);
  }
  bench.set(0x0e0, 0);
  CHECK(bench.get(0x0e0) == 0x0fffffff);
  bench.local.reset();
  CHECK(state_digest(bench.local) == fresh);
  CHECK(bench.get(0x0f0) == 0xff);
}

TEST_CASE("INIT keeps the APIC ID and the base (10.4.7.3)") {
  ApicBench bench;
  bench.enable();
  bench.set(0x020, 0x05000000);
  bench.set(0x080, 0x20);
  bench.local.accept({.delivery = ApicDelivery::init}, 5, false);
  CHECK(bench.inits == 1);
  CHECK(bench.get(0x020) == 0x05000000);
  CHECK(bench.get(0x0f0) == 0xff);
  CHECK(bench.get(0x080) == 0);
  bench.local.reset();
  CHECK(bench.get(0x020) == 0);
}

TEST_CASE("a vector goes from IRR to ISR and is ended by EOI") {
  ApicBench bench;
  bench.enable();
  CHECK(bench.send(0x41));
  CHECK(bench.local.output());
  CHECK(bench.request(0x41) == 1);
  CHECK(bench.local.acknowledge() == 0x41);
  CHECK(bench.request(0x41) == 0);
  CHECK(bench.in_service(0x41) == 1);
  CHECK_FALSE(bench.local.output());
  CHECK(bench.get(0x0a0) == 0x40);
  bench.end_of_interrupt();
  CHECK(bench.in_service(0x41) == 0);
  CHECK(bench.get(0x0a0) == 0);
  CHECK(bench.broadcasts.empty());  // an edge
  CHECK(bench.outputs == Levels{true, false});
  CHECK(bench.local.acknowledge() == std::nullopt);
}

TEST_CASE("one more of a vector in service waits; a third is lost in it") {
  ApicBench bench;
  bench.enable();
  bench.send(0x41);
  bench.local.acknowledge();
  bench.send(0x41);
  bench.send(0x41);
  CHECK_FALSE(bench.local.output());
  bench.end_of_interrupt();
  CHECK(bench.local.acknowledge() == 0x41);
  bench.end_of_interrupt();
  CHECK_FALSE(bench.local.output());
}

TEST_CASE("a higher class interrupts a lower one, not one of the same (10.8.3)") {
  ApicBench bench;
  bench.enable();
  bench.send(0x51);
  CHECK(bench.local.acknowledge() == 0x51);
  bench.send(0x5f);
  CHECK_FALSE(bench.local.output());
  bench.send(0x61);
  CHECK(bench.local.acknowledge() == 0x61);
  CHECK(bench.get(0x0a0) == 0x60);
  bench.end_of_interrupt();
  CHECK(bench.in_service(0x51) == 1);
  CHECK_FALSE(bench.local.output());
  bench.end_of_interrupt();
  CHECK(bench.local.acknowledge() == 0x5f);
}

TEST_CASE("of several requests the highest vector comes first") {
  ApicBench bench;
  bench.enable();
  for (uint8_t vector : {0x31, 0xf0, 0x30, 0x80, 0x9f}) bench.send(vector);
  std::vector<uint8_t> order;
  while (const auto vector = bench.local.acknowledge()) {
    order.push_back(*vector);
    bench.end_of_interrupt();
  }
  CHECK(order == std::vector<uint8_t>{0xf0, 0x9f, 0x80, 0x31, 0x30});
}

TEST_CASE("the task priority masks its class and those below; CR8 is its upper half") {
  ApicBench bench;
  bench.enable();
  bench.set(0x080, 0x4a);
  CHECK(bench.get(0x0a0) == 0x4a);
  CHECK(bench.local.task_priority() == 4);
  bench.send(0x4f);
  CHECK_FALSE(bench.local.output());
  bench.send(0x50);
  CHECK(bench.local.output());
  bench.local.set_task_priority(15);
  CHECK(bench.get(0x080) == 0xf0);
  CHECK_FALSE(bench.local.output());
  bench.local.set_task_priority(3);
  CHECK(bench.get(0x080) == 0x30);
  CHECK(bench.local.acknowledge() == 0x50);
  CHECK(bench.get(0x0a0) == 0x50);
  bench.set(0x080, 0x57);
  CHECK(bench.get(0x0a0) == 0x57);
}

TEST_CASE("a request that was masked on the way gives the spurious vector, and no ISR bit (10.9)") {
  ApicBench bench;
  bench.set(0x0f0, 0x1df);
  bench.send(0x41);
  bench.set(0x080, 0x50);
  CHECK(bench.local.acknowledge() == 0xdf);
  CHECK(bench.in_service(0xdf) == 0);
  CHECK(bench.request(0x41) == 1);
}

TEST_CASE("a level-triggered vector's EOI is broadcast; EOI with nothing in service does nothing") {
  ApicBench bench;
  bench.enable();
  bench.end_of_interrupt();
  bench.send(0x41, true);
  CHECK(bench.trigger_mode(0x41) == 1);
  bench.local.acknowledge();
  bench.end_of_interrupt();
  CHECK(bench.broadcasts == std::vector<uint8_t>{0x41});
  bench.send(0x41, false);
  CHECK(bench.trigger_mode(0x41) == 0);
}

TEST_CASE("software-disabled it keeps its masks, refuses vectors, takes NMI and INIT (10.4.7.2)") {
  ApicBench bench;
  bench.set(0x350, 0x700);
  CHECK(bench.get(0x350) == 0x10700);
  CHECK_FALSE(bench.send(0x41));
  CHECK(bench.local.accept({.delivery = ApicDelivery::nmi}, 0, false));
  CHECK(bench.nmis == 1);
  bench.enable();
  bench.set(0x350, 0x700);
  bench.set(0x320, 0x30);
  CHECK(bench.get(0x350) == 0x700);
  bench.send(0x41);
  bench.set(0x0f0, 0xff);
  CHECK(bench.get(0x350) == 0x10700);
  CHECK(bench.get(0x320) == 0x10030);
  CHECK(bench.local.acknowledge() == 0x41);  // what it had accepted is still served
}

TEST_CASE("destinations: ID, broadcast, flat and cluster model (10.6.2)") {
  ApicBench bench;
  bench.enable();
  bench.set(0x020, 0x03000000);
  const auto taken = [&](uint8_t destination, bool logical) {
    return bench.local.accept({.vector = 0x41}, destination, logical);
  };
  CHECK(taken(3, false));
  CHECK_FALSE(taken(1, false));
  CHECK(taken(0xff, false));
  CHECK(taken(0xff, true));
  CHECK_FALSE(taken(0x01, true));
  bench.set(0x0d0, 0x06000000);
  CHECK(taken(0x02, true));
  CHECK(taken(0x84, true));
  CHECK_FALSE(taken(0x09, true));
  bench.set(0x0e0, 0x0fffffff);  // clusters
  bench.set(0x0d0, 0x24000000);
  CHECK(taken(0x24, true));
  CHECK(taken(0x2f, true));
  CHECK_FALSE(taken(0x2b, true));
  CHECK_FALSE(taken(0x34, true));
}

TEST_CASE("IPIs reach the sender where they are meant for it (10.6.1)") {
  ApicBench bench;
  bench.enable();
  bench.set(0x300, 0x000400f1);  // self
  CHECK(bench.request(0xf1) == 1);
  CHECK(bench.get(0x300) == 0x000400f1);  // delivery status: idle
  bench.set(0x300, 0x000800f2);           // all, self included
  CHECK(bench.request(0xf2) == 1);
  bench.set(0x300, 0x000c00f3);  // all but self
  CHECK(bench.request(0xf3) == 0);
  bench.set(0x310, 0x01000000);
  bench.set(0x300, 0x000000f4);
  CHECK(bench.request(0xf4) == 0);
  bench.set(0x310, 0x00000000);
  bench.set(0x300, 0x0000c0f4);  // trigger mode level: an edge all the same
  CHECK(bench.request(0xf4) == 1);
  CHECK(bench.trigger_mode(0xf4) == 0);
  bench.set(0x300, 0x00000400);
  CHECK(bench.nmis == 1);
  bench.set(0x300, 0x00040400);  // NMI by the shorthand "self" is not valid
  CHECK(bench.nmis == 1);
  bench.set(0x300, 0x000c4500);  // INIT and start-up for the others
  bench.set(0x300, 0x000c4610);
  bench.set(0x300, 0x00008500);  // INIT level de-assert
  bench.set(0x300, 0x00000610);  // start-up for a core that runs
  CHECK(bench.inits == 0);
  CHECK(bench.get(0x0f0) == 0x1ff);
  bench.set(0x300, 0x00004500);
  CHECK(bench.inits == 1);
  CHECK(bench.get(0x0f0) == 0xff);
}

TEST_CASE("errors are recorded, shown by a write to ESR, and raise the error vector once (10.5.3)") {
  ApicBench bench;
  bench.enable();
  bench.set(0x370, 0xe0);
  bench.set(0x300, 0x00040003);  // send illegal vector
  CHECK(bench.get(0x280) == 0);
  CHECK(bench.local.acknowledge() == 0xe0);
  bench.end_of_interrupt();
  bench.send(0x0f);                   // receive illegal vector
  bench.get(0x3f0);                   // illegal register address
  CHECK_FALSE(bench.local.output());  // not armed
  bench.set(0x280, 0xffffffff);
  CHECK(bench.get(0x280) == 0xe0);
  bench.set(0x280, 0);
  CHECK(bench.get(0x280) == 0);
  bench.set(0x040, 1);
  CHECK(bench.local.acknowledge() == 0xe0);
  bench.set(0x280, 0);
  CHECK(bench.get(0x280) == 0x80);
}

TEST_CASE("an error vector that is itself illegal ends in ESR") {
  ApicBench bench;
  bench.enable();
  bench.set(0x370, 0x05);
  bench.get(0x000);
  bench.set(0x280, 0);
  CHECK(bench.get(0x280) == 0xc0);
}

TEST_CASE("accesses of other widths than 4 bytes") {
  ApicBench bench;
  CHECK(bench.memory.read(0xfee00030, 1) == 0x14);
  CHECK(bench.memory.read(0xfee00032, 2) == 0x0005);
  CHECK(bench.memory.read(0xfee00030, 8) == 0x00050014);
  bench.memory.write(0xfee00080, 1, 0x55);
  CHECK(bench.get(0x080) == 0);
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
  CHECK(bench.memory.read(0xfee00034, 4) == 0);
  bench.memory.write(0xfee00084, 4, 0x55);
  CHECK(bench.get(0x080) == 0);
  bench.memory.write(0xfee00080, 8, 0xffffffff00000055);
  CHECK(bench.get(0x080) == 0x55);
}

TEST_CASE("LINT0 as ExtINT asks the 8259A, below the local APIC's own requests") {
  ApicBench bench;
  bench.external_vector = 0x08;
  bench.local.set_pin(0, true);
  CHECK_FALSE(bench.local.output());  // masked at reset
  bench.local.set_virtual_wire();
  CHECK(bench.get(0x0f0) == 0x1ff);
  CHECK(bench.get(0x350) == 0x700);
  CHECK(bench.get(0x360) == 0x400);
  CHECK(bench.local.output());
  bench.set(0x080, 0xf0);  // passes any priority
  CHECK(bench.local.output());
  CHECK(bench.local.acknowledge() == 0x08);
  CHECK(bench.in_service(0x08) == 0);
  CHECK(bench.local.output());  // the 8259A still asks
  bench.local.set_pin(0, false);
  CHECK_FALSE(bench.local.output());
  bench.set(0x080, 0);
  bench.send(0x41);
  bench.local.set_pin(0, true);
  CHECK(bench.local.acknowledge() == 0x41);
  CHECK(bench.local.acknowledge() == 0x08);
  bench.external_vector = std::nullopt;
  CHECK(bench.local.acknowledge() == std::nullopt);
}

TEST_CASE("LINT1 as NMI takes each rise") {
  ApicBench bench;
  bench.local.set_pin(1, true);
  bench.local.set_pin(1, false);
  CHECK(bench.nmis == 0);
  bench.local.set_virtual_wire();
  bench.local.set_pin(1, true);
  bench.local.set_pin(1, true);
  CHECK(bench.nmis == 1);
  bench.local.set_pin(1, false);
  bench.local.set_pin(1, true);
  CHECK(bench.nmis == 2);
  bench.set(0x360, 0x2400);  // active low: the fall is the edge
  bench.local.set_pin(1, false);
  CHECK(bench.nmis == 3);
}

TEST_CASE("LINT0 fixed by edge and by level") {
  ApicBench bench;
  bench.enable();
  bench.set(0x350, 0x41);
  bench.local.set_pin(0, true);
  CHECK(bench.local.acknowledge() == 0x41);
  bench.end_of_interrupt();
  CHECK_FALSE(bench.local.output());
  bench.set(0x350, 0x8041);           // level, and the pin is high
  CHECK(bench.get(0x350) == 0xc041);  // remote IRR
  CHECK(bench.local.acknowledge() == 0x41);
  bench.end_of_interrupt();
  CHECK(bench.local.acknowledge() == 0x41);
  bench.local.set_pin(0, false);
  bench.end_of_interrupt();
  CHECK(bench.get(0x350) == 0x8041);
  CHECK_FALSE(bench.local.output());
}

TEST_CASE("without its global enable bit the APIC is not there, and the pins are the core's (10.4.3)") {
  ApicBench bench;
  bench.external_vector = 0x30;
  bench.enable();
  bench.send(0x41);
  CHECK(bench.local.set_base_msr(0xfee00100));
  CHECK(bench.get(0x030) == 0xffffffff);
  CHECK_FALSE(bench.local.output());
  CHECK_FALSE(bench.send(0x41));
  bench.local.set_pin(0, true);
  CHECK(bench.local.output());
  CHECK(bench.local.acknowledge() == 0x30);
  bench.local.set_pin(1, true);
  CHECK(bench.nmis == 1);
  CHECK(bench.local.set_base_msr(0xfee00900));
  CHECK(bench.get(0x0f0) == 0xff);  // as after reset
  CHECK(bench.request(0x41) == 0);
  CHECK_FALSE(bench.local.output());
}

TEST_CASE("IA32_APIC_BASE moves the registers, and refuses what is reserved") {
  ApicBench bench;
  CHECK(bench.local.set_base_msr(0xfed00900));
  CHECK(bench.memory.read(0xfed00030, 4) == 0x00050014);
  CHECK(bench.memory.read(0xfee00030, 4) == 0xffffffff);
  CHECK(bench.local.base_msr() == 0xfed00900);
  for (uint64_t bad : {0xfee00d00ull, 0xfee00901ull, 0xfee00a00ull, 0x100'0000'0000ull | 0x900}) {
    CHECK_FALSE(bench.local.set_base_msr(bad));  // x2APIC, reserved bits, above the physical addresses
  }
  CHECK(bench.local.base_msr() == 0xfed00900);
  bench.local.reset();
  CHECK(bench.memory.read(0xfee00030, 4) == 0x00050014);
}

TEST_CASE("a message is decoded by address and data (10.11)") {
  ApicBench bench;
  bench.enable();
  bench.local.message_interrupt(0xfee00000, 0x0041);
  CHECK(bench.local.acknowledge() == 0x41);
  CHECK(bench.trigger_mode(0x41) == 0);
  bench.local.message_interrupt(0xfee01000, 0x0042);  // APIC ID 1
  CHECK(bench.request(0x42) == 0);
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
  bench.set(0x0d0, 0x01000000);
  bench.local.message_interrupt(0xfee0100c, 0x0142);  // logical 1, lowest priority
  CHECK(bench.request(0x42) == 1);
  bench.local.message_interrupt(0xfeeff000, 0xc043);  // broadcast, level
  CHECK(bench.request(0x43) == 1);
  CHECK(bench.trigger_mode(0x43) == 1);
  bench.local.message_interrupt(0xfeeff000, 0x8044);  // level de-assert
  CHECK(bench.request(0x44) == 0);
  bench.local.message_interrupt(0xfee00000, 0x0400);
  CHECK(bench.nmis == 1);
  bench.local.message_interrupt(0xfee00000, 0x0200);
  CHECK(bench.notices.count(NoticeKind::unimplemented) == 1);
}

TEST_CASE("apic/accept shows each interrupt, and a tap can drop, repeat and delay it") {
  struct AcceptTap final : Tap {
    std::vector<std::vector<uint8_t>> seen;
    Verdict next;
    void on_crossing(const Wire&, Crossing& crossing, Verdict& verdict) override {
      seen.push_back(*crossing.payload);
      verdict = next;
    }
  } tap;
  ApicBench bench;
  bench.enable();
  bench.wiring.add_tap(tap, "apic/accept");
  bench.local.message_interrupt(0xfee00000, 0x0141);
  CHECK(tap.seen == std::vector<std::vector<uint8_t>>{{0x41, 1, 0, 1}});
  CHECK(bench.request(0x41) == 1);
  tap.next.copies = 0;
  CHECK(bench.send(0x42));
  CHECK(bench.request(0x42) == 0);
  tap.next.copies = 2;
  bench.local.accept({.delivery = ApicDelivery::nmi}, 0, false);
  CHECK(bench.nmis == 1);
  bench.run_until(microseconds(20));
  CHECK(bench.nmis == 2);
  tap.next = {.copies = 1, .delay = microseconds(5)};
  bench.send(0x43);
  CHECK(bench.request(0x43) == 0);
  bench.run_until(microseconds(25));
  CHECK(bench.request(0x43) == 1);
}

TEST_CASE("a storm of random accesses, messages, pins and acknowledgements does no harm") {
  ApicBench bench;
  bench.external_vector = 0x20;
  std::mt19937_64 random(11);
  for (int i = 0; i < 60000; ++i) {
    const unsigned size = 1u << (random() % 4);
    const uint64_t base = random() % 3 == 0 ? 0xfec00000 : 0xfee00000;
    const uint64_t at = base + (random() % 4 == 0 ? random() & 0xfff : random() & 0x3f0);
    switch (random() % 8) {
      case 0: bench.memory.read(at, size); break;
      case 1:
      case 2: bench.memory.write(at, size, random()); break;
      case 3: bench.io.set_pin(random() % 30, random() % 2 != 0); break;
      case 4: bench.local.set_pin(random() % 3, random() % 2 != 0); break;
      case 5:
        bench.local.message_interrupt(static_cast<uint32_t>(random()), static_cast<uint32_t>(random()));
        break;
      case 6:
        if (bench.local.output()) bench.local.acknowledge();
        break;
      case 7: bench.run_until(bench.clock.now + nanoseconds(random() % 2000)); break;
    }
    if (random() % 64 == 0) bench.enable();
    if (random() % 256 == 0) bench.local.set_base_msr(0xfee00000 | (random() & 0xf00));
    REQUIRE((bench.outputs.empty() ? false : bench.outputs.back()) == bench.local.output());
  }
  bench.local.reset();
  CHECK(bench.get(0x030) == 0x00050014);
}

TEST_CASE("a message that nobody sent is taken as any other, one that is repeated comes again later") {
  ApicBench bench;
  bench.enable();
  const auto& stimulus = bench.wiring.find("dom1/apic/accept")->stimulus();
  const uint8_t message[] = {0x41, 0, 0, 0};
  stimulus(message);
  CHECK(bench.request(0x41) == 1);
  stimulus({});  // vector 0 is not legal
  CHECK(bench.request(0) == 0);
}
