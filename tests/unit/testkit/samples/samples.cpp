// Tests that go wrong on purpose, each in one way, and some that do not: test_testkit runs this program and
// reads what it says. Tests that pass have the tag [passes], and are CTest's own, too.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "ringside/catch.h"
#include "ringside/hosted.h"

using namespace ringside::test;
using namespace std::chrono_literals;

namespace {

// What a driver of somebody's does wrong: lines are looked for by the words behind them.
__attribute__((noinline)) void write_through(volatile int* where) {
  *where = 1;  // crashes here
}

__attribute__((noinline)) void poll_for_ever() {
  for (volatile int status = 0; status == 0;) {  // loops here
  }
}

// Deeper than any stack.
__attribute__((noinline)) int deep(volatile int* level) {
  if (*level < 0) return 0;
  volatile char frame[4096];
  frame[0] = static_cast<char>(*level);
  *level = *level + 1;
  return deep(level) + frame[0];
}

}  // namespace

RINGSIDE_TEST("a read passes", "[passes]", "blk-read") {
  m.set("domain.cmdline", "quick").set("check.allow", "[]");
  const Crossing request = m.run_until("ring/xvda/request", field("operation") == "READ");
  CHECK(request.direction() == Direction::out);
  CHECK(m.now() >= request.at());
  CHECK(m.run().ok());
  CHECK_THAT(m.wire("ring/xvda/request"), HasCrossing(field("operation") == "READ"));
  CHECK(m.console("dom1").find("PASS") != std::string::npos);
}

RINGSIDE_CASE("sections pass", "[passes]") {
  int entered = 0;
  SECTION("one") { ++entered; }
  SECTION("two") {
    ++entered;
    SECTION("deeper") { CHECK(entered == 1); }
    SECTION("beside") { CHECK(entered == 1); }
  }
  CHECK(entered == 1);
}

RINGSIDE_CASE("generators pass", "[passes]") {
  const int value = GENERATE(1, 2, 3);
  const int other = GENERATE(10, 20);
  INFO("value " << value << " other " << other);
  CHECK(value * other >= 10);
}

struct Fixture {
  Machine m{"blk-read"};
};
RINGSIDE_TEST_METHOD(Fixture, "a fixture passes", "[passes]") {
  m.set("domain.cmdline", "quick").set("check.allow", "[]");
  CHECK(m.run_for(1ms));
}

RINGSIDE_CASE("a check fails", "[fails]") {
  INFO("told beside it");
  CHECK(1 + 1 == 3);
  REQUIRE(2 + 2 == 5);
  FAIL("this is not reached");
}

RINGSIDE_TEST("a matcher fails", "[fails]", "blk-read") {
  m.set("domain.cmdline", "quick").set("check.allow", "[]");
  m.run();
  CHECK_THAT(m.wire("ring/xvda/request"),
             HasCrossing(field("operation") == "READ" && field("sector_number") == 987654));
}

RINGSIDE_CASE("a null pointer", "[crashes]") {
  CHECK(true);
  write_through(nullptr);
}

RINGSIDE_CASE("a stack overflow", "[crashes]") {
  int level = 0;
  CHECK(deep(&level) != 0);
}

RINGSIDE_CASE("an abort", "[crashes]") { std::abort(); }

RINGSIDE_CASE("an exit", "[crashes]") { std::exit(0); }

RINGSIDE_CASE("a crash within a section", "[crashes]") {
  SECTION("before") { CHECK(true); }
  SECTION("crashes") { write_through(reinterpret_cast<volatile int*>(16)); }
  SECTION("behind") { CHECK(true); }
}

RINGSIDE_CASE("an endless loop", "[loops]") { poll_for_ever(); }

RINGSIDE_CASE("an endless loop that hears no signal", "[loops]") {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  poll_for_ever();
}

RINGSIDE_CASE("an exception", "[fails]") { throw std::runtime_error("thrown on purpose"); }

RINGSIDE_TEST("a wire that is not there", "[fails]", "blk-read") {
  m.run_for(1ms);
  CHECK(m.wire("ring/xvdb/request").empty());
}

RINGSIDE_TEST("a scenario that is not there", "[fails]", "blk-raed") { m.run(); }

RINGSIDE_TEST("a fault that is not there", "[fails]", "blk-read") { m.fault("ring/xvda/response flail(-5)"); }

RINGSIDE_TEST("a rule that was broken", "[fails]", "blk-read") {
  m.set("check.allow", "[]");  // two of its requests name no grant
  m.run();
}

RINGSIDE_TEST("a machine that hangs", "[fails]", "blk-read") {
  m.set("expect.within", "1ms");
  m.run();
}

RINGSIDE_TEST("endings", "[fails]", "blk-read") {
  m.set("domain.cmdline", "quick").set("check.allow", "[]");
  m.run_until("ring/xvda/request");
  const Time here = m.now();
  Snapshot snapshot = m.snapshot();
  m.fork("as it is", [&] { CHECK(m.run().ok()); });
  m.fork("an error", [&] {
    m.allow_failure().fault("ring/xvda/response fail(-1)");
    CHECK(m.run().ok());
  });
  m.fork("a crash", [&] { write_through(nullptr); });
  CHECK(m.now() == here);
  CHECK(m.run().ok());
  snapshot.fork("much later", [](Machine& then) {
    CHECK(!then.ended());
    CHECK(then.run().ok());
  });
}

RINGSIDE_TEST("an ending that leaves", "[fails]", "blk-read") {
  m.run_until("ring/xvda/request");
  m.fork("out of the back door", [] { _exit(0); });
}

RINGSIDE_TEST("a driver that keeps what it was given", "[leaks]",
              "name = \"leaks\"\n[[domain]]\nname = \"dom1\"\npersonality = \"hosted\"\n") {
  m.host("dom1", [] {
    void* page = rs_alloc_pages(1);         // keeps a page
    if (rs_grant(page, 0, 0) <= 0) return;  // keeps a grant
    rs_event_alloc(0);                      // keeps a port
  });
  m.run();
}

// Of the program's own heap the leak sanitizer tells, where it is linked.
RINGSIDE_CASE("memory that is lost", "[leaks]") {
  auto* lost = static_cast<volatile char**>(std::malloc(100));
  *lost = nullptr;
  lost = nullptr;
  CHECK(lost == nullptr);
}

RINGSIDE_CASE("the last one runs", "[passes]") { CHECK(true); }
