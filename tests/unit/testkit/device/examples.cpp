// The examples of docs/device-tests.md, as they stand there: the test `the document's examples are these`
// compares.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "ringside/ninep.h"
#include "ringside/ring.h"

using namespace ringside::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

// clang-format off
TEST_CASE("example: a serial port", "[testkit][device]") {
  // begin uart
  DeviceBench bench;
  Uart& uart = bench.add_uart();  // ports from 0x3f8, interrupt line 4
  uart.write8(3, 0x80);           // LCR: DLAB
  uart.write8(0, 1);              // DLL: 115200 baud
  uart.write8(1, 0);              // DLM
  uart.write8(3, 0x03);           // LCR: 8N1
  uart.write8(4, 0x08);           // MCR: OUT2 lets interrupts out
  uart.write8(1, 0x01);           // IER: received data
  uart.type("A");
  bench.advance(80us);
  CHECK_FALSE(uart.irq().raised());  // a character takes 86.8 us
  uart.irq().within(10us).expect_raised();
  CHECK(uart.read8(0) == 'A');
  uart.irq().expect_lowered();
  uart.write8(0, 'B');
  uart.expect_sent("B", 1ms);
  CHECK(bench.wire("uart0/rx").size() == 1);
  // end uart
}
// clang-format on

// clang-format off
TEST_CASE("example: a disk by DMA", "[testkit][device]") {
  // begin dma
  DeviceBench bench;
  Ide& ide = bench.add_ide();
  Disk& disk = ide.add_disk({.sectors = 64});
  disk.write(5, Bytes(512, 0x5a));
  const Buffer table = bench.memory().allocate(8, 4), data = bench.memory().allocate(512);
  table.store<uint32_t>(0, static_cast<uint32_t>(data.address()));
  table.store<uint32_t>(4, 512 | 0x80000000u);
  ide.bus_master().write32(4, static_cast<uint32_t>(table.address()));
  ide.command().write8(6, 0xe0);
  ide.command().write8(2, 1);
  ide.command().write8(3, 5);
  ide.command().write8(4, 0);
  ide.command().write8(5, 0);
  ide.bus_master().write8(0, 0x08);  // to memory
  ide.command().write8(7, 0xc8);     // READ DMA
  ide.bus_master().write8(0, 0x09);
  ide.irq().within(50ms).expect_raised();
  CHECK(data.copy(0, 512) == Bytes(512, 0x5a));
  bench.expect_clean();
  // end dma
}
// clang-format on

// clang-format off
TEST_CASE("example: a block frontend", "[testkit][device]") {
  // begin ring
  XenBench bench;
  BlkRing& ring = bench.add_blk({.name = "xvda", .sectors = 4096});
  ring.connect();  // or step by step: ring.xenbus(), make_ring(), publish_nodes()
  const GrantedPage page = bench.grant_page();
  ring.push(blk::read{2048, {page}});
  ring.evtchn().notify();
  ring.expect(blk::response{blk::ok});
  ring.evtchn().expect(10us);
  CHECK_THAT(bench.wire("ring/xvda/request")[0].text(), Contains("READ"));
  ring.disconnect();
  page.revoke();
  bench.finish();  // no grant is left, no rule was broken
  // end ring
}
// clang-format on

// clang-format off
TEST_CASE("example: the backend of one", "[testkit][device]") {
  // begin backend
  XenBench bench;
  BlkRing& ring = bench.add_blk({.played = true});
  ring.connect();
  const GrantedPage page = bench.grant_page();
  ring.push(blk::read{7, {page}});
  BlkBackEnd& backend = ring.backend();
  const BlkRequest request = backend.expect_request();
  CHECK(request.sector == 7);
  backend.map(request.segments[0].grant, false).fill(0xaa);
  backend.unmap(request.segments[0].grant);
  if (backend.respond(request, blk::ok)) backend.evtchn().notify();
  ring.evtchn().expect(1ms);
  ring.expect({blk::ok});
  CHECK(page.load<uint8_t>() == 0xaa);
  // end backend
}
// clang-format on

// clang-format off
TEST_CASE("example: a 9P client", "[testkit][device]") {
  // begin ninep
  NinePBench bench;
  bench.add_file("/hello.txt", "hello");
  NinePClient client = bench.client();
  client.mount();  // Tversion, Tattach: fid 0 is the root
  client.walk(0, 1, {"hello.txt"});
  client.lopen(1, 0);
  CHECK(client.read(1, 0, 100).data() == "hello");
  client.send(NinePMessage(ninep::Tclunk).u32(1), 77);  // any message, the tag is the test's
  CHECK_FALSE(client.expect(77).failed());
  // end ninep
}
// clang-format on

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("the document's examples are these", "[testkit][device]") {
  const std::string document = text_of(RINGSIDE_SOURCE "/docs/device-tests.md");
  const std::string here = text_of(RINGSIDE_SOURCE "/tests/unit/testkit/device/examples.cpp");
  for (const std::string name : {"uart", "dma", "ring", "backend", "ninep"}) {
    const size_t start = document.find("<!-- example: " + name + " -->\n```cpp\n");
    REQUIRE(start != std::string::npos);
    const size_t first = document.find("cpp\n", start) + 4;
    std::stringstream lines(document.substr(first, document.find("```", first) - first));
    std::string wanted = "// begin " + name + "\n";
    for (std::string line; std::getline(lines, line);) wanted += "  " + line + "\n";
    CHECK_THAT(here, Contains(wanted + "  // end " + name + "\n"));
  }
}
