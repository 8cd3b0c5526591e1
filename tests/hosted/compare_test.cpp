// The same driver source hosted and on the emulated core, with 32 requests in flight: the crossings are the
// same on each wire. Cannot show: that both take the same time; they do not.
#include "ringside/compare.h"

#include <catch2/catch.hpp>

#include "ringside/hosted.h"
#include "ringside/machine.h"

extern "C" {
void blk_driver_main(void);
void p9_driver_main(void);
void pc_driver_main(void);
}

using namespace ringside::test;

namespace {

std::string domain(bool hosted, const std::string& driver, const std::string& command_line) {
  return "name = \"compare\"\n[[domain]]\nname = \"dom1\"\nmemory = \"16M\"\ncmdline = \"" + command_line +
         "\"\n" +
         (hosted ? "personality = \"hosted\"\n" : "kernel = \"" RINGSIDE_DRIVERS "/" + driver + ".elf\"\n");
}

const std::string kDisk = "[[disk]]\nname = \"xvda\"\nimage = \"" RINGSIDE_DISK "\"\n";
const std::string kShare =
    "[[share]]\nname = \"share\"\nmemory = { \"file.txt\" = \"A file for a client that reads it in pieces, "
    "each of "
    "them at its own place, and many of them at the same time: as many as thirty-two.\" }\n";
const std::string kEnd = "[expect]\nshutdown = \"poweroff\"\nwithin = \"20s\"\n";

struct BothWays {
  explicit BothWays(const std::string& driver, void (*program)(), const std::string& devices,
                    const std::string& command_line = {})
      : hosted(domain(true, driver, command_line) + devices + kEnd),
        core(domain(false, driver, command_line) + devices + kEnd) {
    hosted.host("dom1", program);
    hosted.allow_failure();
    core.allow_failure();
    for (Machine* machine : {&hosted, &core}) {
      const Outcome outcome = machine->run();
      INFO(machine->console("dom1") << outcome);
      CHECK(outcome.ok());
      CHECK(machine->violations().empty());
    }
  }
  Machine hosted, core;
};

// At most so many requests were with the backend at the same time.
size_t in_flight_max(const Machine& machine) {
  size_t now = 0, most = 0;
  for (const Crossing& crossing : machine.wire("ring/xvda/re*")) {
    now = crossing.wire().ends_with("request") ? now + 1 : now - 1;
    most = std::max(most, now);
  }
  return most;
}

}  // namespace

TEST_CASE("a block driver's crossings are the same hosted and on the core") {
  BothWays both("blk", blk_driver_main, kDisk, "requests=256");
  CHECK(both.hosted.console("dom1") == both.core.console("dom1"));
  CHECK(both.hosted.console("dom1").find("256 requests, 0 failed") != std::string::npos);
  CHECK(in_flight_max(both.hosted) == 32);
  CHECK(in_flight_max(both.core) == 32);
  const ComparedCrossings compared = same_crossings(both.hosted, both.core);
  INFO(compared);
  CHECK(compared);
  CHECK(compared.crossings > 2 * 256);
}

TEST_CASE("a 9P client's crossings are the same hosted and on the core") {
  BothWays both("p9", p9_driver_main, kShare);
  CHECK(both.hosted.console("dom1") == both.core.console("dom1"));
  const ComparedCrossings compared = same_crossings(both.hosted, both.core);
  INFO(compared);
  CHECK(compared);
  CHECK(compared.crossings > 2 * 128);
}

TEST_CASE("a PC driver's crossings are the same hosted and on the core") {
  const std::string start = "name = \"compare\"\n[[domain]]\nname = \"dom1\"\nmemory = \"16M\"\n";
  const std::string devices =
      "[[uart]]\nname = \"uart0\"\n[[uart]]\nname = \"uart1\"\nport = 0x2f8\nirq = 3\n"
      "[[disk]]\nname = \"hda\"\nimage = \"" RINGSIDE_DISK "\"\n" +
      kEnd;
  Machine hosted(start + "personality = \"hosted-pc\"\n" + devices);
  Machine core(start + "personality = \"bare\"\nkernel = \"" RINGSIDE_DRIVERS "/pc.elf\"\n" + devices);
  hosted.host("dom1", pc_driver_main);
  for (Machine* machine : {&hosted, &core}) {
    machine->allow_failure();
    const Outcome outcome = machine->run();
    INFO(machine->console("dom1") << outcome);
    CHECK(outcome.ok());
    CHECK(machine->violations().empty());
  }
  CHECK(hosted.console("dom1") == core.console("dom1"));
  // The runtime prints on COM1 by polling it: how often depends on how long a turn takes.
  ComparedWires which;
  which.except.push_back("pio/uart0");
  const ComparedCrossings compared = same_crossings(hosted, core, which);
  INFO(compared);
  CHECK(compared);
  CHECK(compared.crossings > 100);
}

TEST_CASE("the first difference is named") {
  BothWays both("blk", blk_driver_main, kDisk, "requests=64");
  Machine fewer(domain(true, "blk", "requests=63") + kDisk + kEnd);
  fewer.host("dom1", blk_driver_main);
  fewer.allow_failure();
  fewer.run();
  const ComparedCrossings compared = same_crossings(both.hosted, fewer);
  CHECK(!compared);
  const std::string text = compared.text();
  INFO(text);
  CHECK(text.find("dom1/ring/xvda/response: crossing 64 is only in the first run: operation=READ") !=
        std::string::npos);
}
