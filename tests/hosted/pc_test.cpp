// A hosted PC: a driver of the board's devices by ports, interrupts and DMA. Cannot show: that time passes as
// on the core, where the driver's own instructions take some.
#include <catch2/catch.hpp>

#include "ringside/hosted.h"
#include "tests/hosted/hosted_run.h"

extern "C" void pc_driver_main(void);

using namespace ringside;

namespace {

std::string pc_scenario(const std::string& command_line, const std::string& more = {}) {
  return "name = \"hosted-pc\"\n[[domain]]\nname = \"dom1\"\npersonality = \"hosted-pc\"\nmemory = \"16M\"\n"
         "cmdline = \"" +
         command_line +
         "\"\n[[uart]]\nname = \"uart0\"\n[[uart]]\nname = \"uart1\"\nport = 0x2f8\nirq = 3\n"
         "[[disk]]\nname = \"hda\"\nimage = \"" RINGSIDE_DISK
         "\"\n[expect]\nshutdown = \"poweroff\"\nwithin = \"20s\"\n" +
         more;
}

}  // namespace

TEST_CASE("a hosted PC's driver uses ports, interrupts and DMA") {
  const HostedRun run = run_hosted(pc_scenario(""), {{"dom1", pc_driver_main}});
  INFO(run.console);
  for (const Violation& violation : run.report.violations)
    UNSCOPED_INFO(violation.rule << ": " << violation.text);
  CHECK(run.console.find("pc: ") != std::string::npos);
  CHECK(run.report.exit_code == ExitCode::ok);
  CHECK(run.report.violations.empty());
}

TEST_CASE("two runs of a hosted PC give the same session, byte by byte") {
  for (const char* name : {"pc-a.pcapng", "pc-b.pcapng"})
    run_hosted(pc_scenario(""), {{"dom1", pc_driver_main}}, name);
  const std::string first = whole_file("pc-a.pcapng");
  CHECK(first.size() > 10'000);
  CHECK((first == whole_file("pc-b.pcapng")));
}

TEST_CASE("a device that stores beside the driver's pages is told of by file and line") {
  const HostedRun run = run_hosted(pc_scenario("stray=4"), {{"dom1", pc_driver_main}});
  CHECK(run.report.exit_code == ExitCode::invariant_broken);
  REQUIRE(!run.report.violations.empty());
  const Violation& first = run.report.violations.front();
  CHECK(first.rule == "driver/dma_outside_pages");
  INFO(first.text);
  CHECK(first.text.find("pc_driver.c:") != std::string::npos);
}
