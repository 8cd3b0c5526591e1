// Hosted Xen domains: a program that runs as a fiber prints, asks XenStore, and reads a disk, and two runs of
// it give the same bytes. Cannot show: that a run on the core is alike; compare_test.cpp does.
#include <catch2/catch.hpp>

#include "ringside/hosted.h"
#include "tests/hosted/hosted_run.h"

extern "C" void blk_driver_main(void);

using namespace ringside;

namespace {

std::string xen_scenario(const std::string& command_line, const std::string& more = {}) {
  return "name = \"hosted\"\n[[domain]]\nname = \"dom1\"\npersonality = \"hosted\"\nmemory = "
         "\"16M\"\ncmdline = \"" +
         command_line +
         "\"\n[[disk]]\nname = \"xvda\"\nimage = \"" RINGSIDE_DISK
         "\"\n[expect]\nshutdown = \"poweroff\"\nwithin = \"20s\"\n" +
         more;
}

}  // namespace

TEST_CASE("a hosted program prints and powers off") {
  const HostedRun run = run_hosted(xen_scenario("answer=42 quick"),
                                   {{"dom1", [] {
                                       rs_print("hello from %s, %u, [%s], %d\n", "the host",
                                                static_cast<unsigned>(rs_option_number("answer", 0)),
                                                rs_option("quick"), rs_option("slow") == nullptr);
                                     }}});
  CHECK(run.console == "hello from the host, 42, [], 1\r\n");
  CHECK(run.report.exit_code == ExitCode::ok);
  CHECK(run.report.reason == "poweroff");
}

TEST_CASE("a hosted program asks XenStore") {
  char id[16] = {}, listed[256] = {};
  int entries = 0, missing = 0, written = 0;
  char back[16] = {};
  run_hosted(xen_scenario(""), {{"dom1", [&] {
                                   rs_xenstore_read("domid", id, sizeof id);
                                   missing = rs_xenstore_read("no/such/node", back, sizeof back);
                                   written = rs_xenstore_write("data/own", "text");
                                   rs_xenstore_read("data/own", back, sizeof back);
                                   entries = rs_xenstore_list("device", listed, sizeof listed);
                                 }}});
  CHECK(std::string(id) == "1");
  CHECK(missing == RS_ENOENT);
  CHECK(written == 0);
  CHECK(std::string(back) == "text");
  CHECK(entries >= 1);
  CHECK(std::string(listed) != "");
}

TEST_CASE("time passes by calls, and waiting skips it") {
  uint64_t start = 0, delayed = 0, waited = 0;
  int held = 1;
  run_hosted(xen_scenario(""), {{"dom1", [&] {
                                   start = rs_now_ns();
                                   rs_delay_ns(100'000);
                                   delayed = rs_now_ns();
                                   held =
                                       rs_wait_until([](void*) { return 0; }, nullptr, delayed + 3'000'000);
                                   waited = rs_now_ns();
                                 }}});
  CHECK(delayed - start >= 100'000);
  CHECK(delayed - start < 110'000);
  CHECK(held == 0);
  CHECK(waited - delayed >= 3'000'000);
  CHECK(waited - delayed < 3'100'000);
}

TEST_CASE("a hosted driver reads a disk with 32 requests in flight") {
  const HostedRun run = run_hosted(xen_scenario("requests=256"), {{"dom1", blk_driver_main}});
  INFO(run.console);
  CHECK(run.console.find("blk: 256 requests, 0 failed") != std::string::npos);
  for (const Violation& violation : run.report.violations) UNSCOPED_INFO(violation.text);
  CHECK(run.report.violations.empty());
  CHECK(run.report.exit_code == ExitCode::ok);
}

TEST_CASE("two runs of a hosted driver give the same session, byte by byte") {
  for (const char* name : {"hosted-a.pcapng", "hosted-b.pcapng"})
    run_hosted(xen_scenario("requests=96"), {{"dom1", blk_driver_main}}, name);
  const std::string first = whole_file("hosted-a.pcapng");
  CHECK(first.size() > 10'000);
  CHECK((first == whole_file("hosted-b.pcapng")));
}
