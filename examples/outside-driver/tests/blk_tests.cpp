// The block frontend, in all three ways.
#include <ringside/catch.h>
#include <ringside/compare.h>
#include <ringside/ring.h>

#include <string>

using namespace ringside::test;
using namespace std::chrono_literals;

extern "C" void blk_main(void);  // drivers/blk_main.c

namespace {

constexpr const char* kHosted = MACHINES "blk-hosted.toml";
constexpr const char* kOnTheCore = MACHINES "blk.toml";

void reads_the_disk(Machine& m) {
  CHECK(m.run().ok());
  CHECK_THAT(m.console("dom1"),
             Catch::Contains("blk: 32 pages read, 32 at once, 0 errors, 0 wrong sectors, write ok"));
  CHECK_THAT(m.wire("ring/xvda/request"),
             HasCrossing(field("operation") == "READ" && field("sector_number") == 248));
  CHECK_THAT(m.wire("ring/xvda/response"), Count(33, field("status") == "OKAY"));
}

}  // namespace

// Way 1: the backend alone, and the test is the frontend.
RINGSIDE_CASE("blkback: answers what is asked, with the data in the page", "[blk]") {
  XenBench bench;
  BlkRing& ring = bench.add_blk({.name = "xvda", .image = MACHINES "disk.img"});
  ring.connect();
  const GrantedPage page = bench.grant_page();
  ring.push(blk::read{16, {page}});
  ring.evtchn().notify();
  ring.expect(blk::response{blk::ok});
  CHECK(std::string(reinterpret_cast<const char*>(page.data()), 8) == "00000016");
  ring.disconnect();
  bench.expect_clean();
}

// Way 2.
RINGSIDE_TEST("blkfront, hosted: reads the disk with 32 requests in flight", "[blk]", kHosted) {
  m.host("dom1", blk_main);
  reads_the_disk(m);
}

RINGSIDE_TEST("blkfront, hosted: tells of an error", "[blk]", kHosted) {
  m.host("dom1", blk_main);
  m.fault("ring/xvda/response@3 fail(-1)");
  CHECK(m.run().ok());
  CHECK_THAT(m.console("dom1"), Catch::Contains("1 errors"));
}

// Whatever the disk does: each ending begins where the first request has been made.
RINGSIDE_TEST("blkfront, hosted: late and lost answers", "[blk]", kHosted) {
  m.host("dom1", blk_main);
  m.run_until("ring/xvda/request", field("operation") == "READ");
  m.fork("a late answer", [&] {
    m.fault("image/xvda@1 delay(5ms)");
    CHECK(m.run().ok());
  });
  m.fork("a lost answer", [&] {
    m.fault("ring/xvda/response@1 drop");
    m.allow_failure();
    CHECK(m.run().verdict == Outcome::Verdict::hung);  // this driver has no timeouts
  });
}

// Way 3.
RINGSIDE_TEST("blkfront, on the core: reads the disk with 32 requests in flight", "[blk]", kOnTheCore) {
  reads_the_disk(m);
}

// Ways 2 and 3 say the same on every wire.
RINGSIDE_TEST("blkfront: hosted and on the core, the same requests", "[blk]", kOnTheCore) {
  Machine hosted(kHosted);
  hosted.host("dom1", blk_main);
  CHECK(m.run().ok());
  CHECK(hosted.run().ok());
  CHECK(same_crossings(hosted, m));
}
