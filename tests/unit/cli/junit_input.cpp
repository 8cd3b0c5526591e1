// JUnit files as Catch2 and CTest write them, and damaged ones.
#include "cli/junit_input.h"

#include <catch2/catch.hpp>

using namespace ringside::cli;

namespace {

constexpr std::string_view kCatch = R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="a > b" errors="0" failures="1">
    <testcase classname="blk_tests.global" name="reads &quot;all&quot;" time="0.1">
      <failure message="m.run().ok() == &lt;true&gt;" type='CHECK'>
FAILED:
session: out/reads-1.pcapng
  replay: RINGSIDE_REPLAY=out/reads-1.pcapng ./blk_tests
      </failure>
      <system-out>it printed y.pcapng</system-out>
    </testcase>
    <!-- <failure message="in a comment"/> -->
    <testcase name="passes"><system-out>z.pcapng</system-out></testcase>
  </testsuite>
</testsuites>
)";

constexpr std::string_view kCtest = R"(<testsuite name="Linux-c++"><testcase name="one" status="fail">
<failure message=""/><properties/><system-out>a &amp; b&#10;session: /tmp/q.pcapng</system-out></testcase>
<testcase name="two"><error message="&#x41;&unknown;&#xffff;"><![CDATA[<raw> &lt;]]></error></testcase></testsuite>)";

}  // namespace

TEST_CASE("Catch2's JUnit: the test, the assertion, what it said") {
  const auto failures = read_junit(kCatch);
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].test == "reads \"all\"");
  CHECK(failures[0].message == "m.run().ok() == <true>");
  CHECK(failures[0].output == "it printed y.pcapng");
  CHECK(sessions_named_in(failures[0].text) == std::vector<std::string>{"out/reads-1.pcapng"});
}

TEST_CASE("CTest's JUnit: what the test printed") {
  const auto failures = read_junit(kCtest);
  REQUIRE(failures.size() == 2);
  CHECK(failures[0].test == "one");
  CHECK(failures[0].output == "a & b\nsession: /tmp/q.pcapng");
  CHECK(failures[1].message == "A");
  CHECK(failures[1].text == "<raw> &lt;");
  CHECK(failures[1].output.empty());
}

TEST_CASE("sessions are named at the ends of words") {
  using Names = std::vector<std::string>;
  CHECK(sessions_named_in("a.pcapng, 'b c/d.pcapng' e.pcapng.gz f.pcapngx") ==
        Names{"a.pcapng", "c/d.pcapng", "e.pcapng"});
  CHECK(sessions_named_in("x.pcapng x.pcapng: (y.pcapng)") == Names{"x.pcapng", "y.pcapng"});
  CHECK(sessions_named_in("").empty());
  CHECK(sessions_named_in(".pcapng") == Names{".pcapng"});
  const std::string longest(4096 - 7, 'a');
  CHECK(sessions_named_in(longest + ".pcapng") == Names{longest + ".pcapng"});
  CHECK(sessions_named_in(" " + longest + ".pcapng") == Names{longest + ".pcapng"});
  CHECK(sessions_named_in("b" + longest + ".pcapng").empty());
}

TEST_CASE("a JUnit file that was cut anywhere gives what was whole") {
  for (const std::string_view xml : {kCatch, kCtest}) {
    const size_t whole = read_junit(xml).size();
    for (size_t length = 0; length < xml.size(); ++length)
      CHECK(read_junit(xml.substr(0, length)).size() <= whole);
  }
  CHECK(read_junit("<testcase name=\"a").empty());
  CHECK(read_junit("<![CDATA[").empty());
  CHECK(read_junit("& &; </failure> </testcase> < ").empty());
}
