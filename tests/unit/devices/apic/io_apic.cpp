// Proves the I/O APIC against the 82093AA datasheet (order number 290566): registers, edges and levels,
// remote IRR, masks, polarity, delivery modes. Numbers are restated from it.
#include "devices/platform/apic/io_apic.h"

#include <catch2/catch.hpp>

#include "tests/unit/devices/apic/apic_bench.h"

using namespace ringside;

TEST_CASE("every register of the I/O APIC after reset (3.2)") {
  ApicBench bench;
  CHECK(bench.memory.read(0xfec00000, 4) == 0);
  CHECK(bench.io_get(0) == 0);
  CHECK(bench.io_get(1) == 0x00170011);
  CHECK(bench.io_get(2) == 0);
  for (uint32_t pin = 0; pin < 24; ++pin) {
    CHECK(bench.io_get(0x10 + 2 * pin) == 0x00010000);
    CHECK(bench.io_get(0x11 + 2 * pin) == 0);
  }
  CHECK(bench.io_get(0x03) == 0);
  CHECK(bench.io_get(0x40) == 0);
  CHECK(bench.io_get(0xff) == 0);
}

TEST_CASE("what can be written of each register of the I/O APIC") {
  ApicBench bench;
  bench.io_set(0, 0xffffffff);
  CHECK(bench.io_get(0) == 0x0f000000);
  CHECK(bench.io_get(2) == 0x0f000000);  // the arbitration ID follows
  bench.io_set(1, 0);
  CHECK(bench.io_get(1) == 0x00170011);
  bench.io_set(0x11, 0xffffffff);
  bench.io_set(0x10, 0xffffffff);
  CHECK(bench.io_get(0x10) == 0x0001afff);  // delivery status and remote IRR are read-only
  CHECK(bench.io_get(0x11) == 0xff000000);
  bench.memory.write(0xfec00000, 4, 0x101);
  CHECK(bench.memory.read(0xfec00000, 4) == 1);
  bench.io.reset();
  CHECK(bench.io_get(0x10) == 0x00010000);
  CHECK(bench.io_get(0x11) == 0);
}

TEST_CASE("an edge-triggered input delivers each rise, once") {
  ApicBench bench;
  bench.enable();
  bench.redirect(4, 0x34);
  bench.io.set_pin(4, true);
  bench.io.set_pin(4, true);
  CHECK(bench.local.acknowledge() == 0x34);
  CHECK(bench.entry(4) == 0x34);
  bench.end_of_interrupt();
  CHECK_FALSE(bench.local.output());
  bench.io.set_pin(4, false);
  CHECK_FALSE(bench.local.output());
  bench.io.set_pin(4, true);
  CHECK(bench.local.acknowledge() == 0x34);
  CHECK(bench.broadcasts.empty());
}

TEST_CASE("an edge while masked is lost") {
  ApicBench bench;
  bench.enable();
  bench.redirect(4, 0x10034);
  bench.io.set_pin(4, true);
  bench.redirect(4, 0x34);
  CHECK_FALSE(bench.local.output());
  bench.io.set_pin(4, false);
  bench.io.set_pin(4, true);
  CHECK(bench.local.output());
}

TEST_CASE("a level is delivered, waits for EOI behind remote IRR, and again while it is high") {
  ApicBench bench;
  bench.enable();
  bench.redirect(11, 0x803b);
  bench.io.set_pin(11, true);
  CHECK(bench.entry(11) == 0xc03b);
  CHECK(bench.local.acknowledge() == 0x3b);
  CHECK_FALSE(bench.local.output());
  bench.end_of_interrupt();
  CHECK(bench.local.output());
  CHECK(bench.entry(11) == 0xc03b);
  CHECK(bench.local.acknowledge() == 0x3b);
  bench.io.set_pin(11, false);
  bench.end_of_interrupt();
  CHECK_FALSE(bench.local.output());
  CHECK(bench.entry(11) == 0x803b);
}

TEST_CASE("a level while masked waits for the mask to go") {
  ApicBench bench;
  bench.enable();
  bench.redirect(11, 0x1803b);
  bench.io.set_pin(11, true);
  CHECK_FALSE(bench.local.output());
  bench.redirect(11, 0x803b);
  CHECK(bench.local.acknowledge() == 0x3b);
  // Masked in service, as Linux does it: EOI clears remote IRR, and nothing comes until unmasked.
  bench.redirect(11, 0x1803b);
  CHECK(bench.entry(11) == 0x1c03b);
  bench.end_of_interrupt();
  CHECK(bench.entry(11) == 0x1803b);
  CHECK_FALSE(bench.local.output());
  bench.redirect(11, 0x803b);
  CHECK(bench.local.output());
}

TEST_CASE("a level that goes before it is taken is delivered all the same") {
  ApicBench bench;
  bench.enable();
  bench.redirect(11, 0x803b);
  bench.io.set_pin(11, true);
  bench.io.set_pin(11, false);
  CHECK(bench.local.acknowledge() == 0x3b);
  bench.end_of_interrupt();
  CHECK_FALSE(bench.local.output());
}

TEST_CASE("switching an entry to edge and back clears its remote IRR") {
  ApicBench bench;
  bench.enable();
  bench.redirect(11, 0x803b);
  bench.io.set_pin(11, true);
  CHECK(bench.entry(11) == 0xc03b);
  bench.redirect(11, 0x1003b);
  bench.redirect(11, 0x1803b);
  CHECK(bench.entry(11) == 0x1803b);
}

TEST_CASE("an EOI is for the inputs with its vector, level and remote IRR") {
  ApicBench bench;
  bench.enable();
  bench.redirect(10, 0x803a);
  bench.redirect(11, 0x803a);  // shares the vector
  bench.redirect(12, 0x805c);
  bench.io.set_pin(10, true);
  bench.io.set_pin(11, true);
  bench.io.set_pin(12, true);
  CHECK(bench.local.acknowledge() == 0x5c);
  bench.io.set_pin(12, false);
  bench.end_of_interrupt();
  CHECK((bench.entry(12) & 0x4000) == 0);
  CHECK((bench.entry(10) & 0x4000) != 0);
  CHECK(bench.local.acknowledge() == 0x3a);
  bench.io.set_pin(10, false);
  bench.io.set_pin(11, false);
  bench.end_of_interrupt();
  CHECK((bench.entry(10) & 0x4000) == 0);
  CHECK((bench.entry(11) & 0x4000) == 0);
}

TEST_CASE("an active-low input is active while low") {
  ApicBench bench;
  bench.enable();
  bench.io.set_pin(10, true);
  bench.redirect(10, 0xa03a);
  CHECK_FALSE(bench.local.output());
  bench.io.set_pin(10, false);
  CHECK(bench.local.acknowledge() == 0x3a);
  bench.io.set_pin(10, true);
  bench.end_of_interrupt();
  CHECK_FALSE(bench.local.output());
  bench.io.set_pin(5, true);
  bench.redirect(5, 0x2035);  // a falling edge
  bench.io.set_pin(5, false);
  CHECK(bench.local.acknowledge() == 0x35);
}

TEST_CASE("destinations reach the local APIC that they name, or nobody") {
  ApicBench bench;
  bench.enable();
  bench.set(0x0d0, 0x01000000);
  bench.io_set(0x11 + 8, 0x01000000);
  bench.io_set(0x10 + 8, 0x0834);  // logical 1
  bench.io.set_pin(4, true);
  CHECK(bench.local.acknowledge() == 0x34);
  bench.end_of_interrupt();
  bench.io_set(0x10 + 8, 0x8034);  // physical 1, level: nobody takes it
  CHECK_FALSE(bench.local.output());
  CHECK(bench.entry(4) == 0x8034);
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
  bench.io_set(0x10 + 8, 0x8934);  // logical, lowest priority
  CHECK(bench.local.acknowledge() == 0x34);
}

TEST_CASE("delivery modes NMI, INIT and ExtINT; SMI is a notice") {
  ApicBench bench;
  bench.enable();
  bench.external_vector = 0x21;
  const auto pulse = [&](unsigned pin) {
    bench.io.set_pin(pin, true);
    bench.io.set_pin(pin, false);
  };
  bench.redirect(1, 0x8400);  // an edge, whatever the trigger mode says
  pulse(1);
  CHECK(bench.nmis == 1);
  CHECK(bench.entry(1) == 0x8400);
  bench.redirect(0, 0x0700);
  pulse(0);
  CHECK(bench.local.output());
  CHECK(bench.local.acknowledge() == 0x21);
  CHECK_FALSE(bench.local.output());
  bench.redirect(2, 0x0200);
  pulse(2);
  CHECK(bench.notices.count(NoticeKind::unimplemented) == 1);
  bench.redirect(3, 0x0500);
  pulse(3);
  CHECK(bench.inits == 1);
}

TEST_CASE("other accesses to the I/O APIC's page") {
  ApicBench bench;
  bench.memory.write(0xfec00000, 1, 1);
  CHECK(bench.memory.read(0xfec00010, 1) == 0x11);
  CHECK(bench.memory.read(0xfec00012, 2) == 0x0017);
  bench.memory.write(0xfec00000, 1, 0x10);
  bench.memory.write(0xfec00010, 1, 0x55);
  CHECK(bench.io_get(0x10) == 0x10000);
  CHECK(bench.memory.read(0xfec00020, 4) == 0);
  bench.memory.write(0xfec00040, 4, 0x3a);  // version 0x20's EOI register: not in this one
  CHECK(bench.notices.count(NoticeKind::unusual) == 2);
  bench.io.set_pin(24, true);
  bench.io.set_pin(4000, true);
}
