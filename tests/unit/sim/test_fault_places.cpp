// Which crossings a fault strikes.
#include <algorithm>

#include "tests/unit/sim/fault_bench.h"

using namespace ringside;
using namespace ringside::fault_bench;

TEST_CASE("counts choose among the crossings of each wire for itself") {
  const auto drops = [](const char* text, int n) {
    Bench bench;
    REQUIRE(bench.objection(text) == "");
    return bench.drops(*bench.answers, n);
  };
  CHECK(drops("ring/xvda/response drop", 4) == "1111");
  CHECK(drops("ring/xvda/response@3 drop", 5) == "00100");
  CHECK(drops("ring/xvda/response@2..3 drop", 5) == "01100");
  CHECK(drops("ring/xvda/response@3.. drop", 5) == "00111");
  CHECK(drops("ring/xvda/response@every(2) drop", 6) == "010101");
  CHECK(drops("ring/xvda/response@2..7@every(3) drop", 9) == "000100100");
  CHECK(drops("dom1/ring/xvda/response@1 drop", 2) == "10");
  CHECK(drops("dom2/ring/xvda/response drop", 2) == "00");

  Bench bench;
  REQUIRE(bench.objection("*@2 drop") == "");
  CHECK(bench.drops(*bench.answers, 3) == "010");
  CHECK(bench.drops(*bench.texts, 3) == "010");
}

TEST_CASE("conditions compare fields, and only what they match counts") {
  const auto passes = [](const char* text, std::vector<Bytes> payloads) {
    Bench bench;
    INFO(text);
    REQUIRE(bench.objection(text) == "");
    std::string pattern;
    for (Bytes& payload : payloads)
      pattern += bench.pass(*bench.answers, std::move(payload)).copies == 0 ? '1' : '0';
    return pattern;
  };
  const auto answer = [](uint8_t operation = 0, uint32_t sector = 0, int16_t status = 0) {
    return Bench::answer(operation, sector, status);
  };
  CHECK(passes("*/response[operation=write]@2 drop", {answer(1), answer(0), answer(1), answer(1)}) == "0010");
  CHECK(passes("*/response[operation!=write] drop", {answer(1), answer(0), answer(9)}) == "011");
  CHECK(passes("*/response[sector>=0x10,sector<32] drop",
               {answer(0, 15), answer(0, 16), answer(0, 31), answer(0, 32)}) == "0110");
  // Signed fields are compared as such.
  CHECK(passes("*/response[status<0] drop", {answer(0, 0, -1), answer(0, 0, 1), answer(0, 0, 0)}) == "100");
  CHECK(passes("*/response[status==-2] drop", {answer(0, 0, -2), answer(0, 0, 2)}) == "10");
  Bytes flagged = answer(), labelled = answer(), tailed = answer(), cut(3);
  flagged[1] = 5;
  labelled[8] = 'a', labelled[9] = 'b';
  tailed.resize(30);
  tailed[25] = 9;
  CHECK(passes("*/response[flags~parity] drop", {flagged, answer()}) == "10");
  CHECK(passes("*/response[flags=parity|overrun] drop", {flagged, answer()}) == "10");
  CHECK(passes("*/response[flags=parity] drop", {flagged}) == "0");
  CHECK(passes("*/response[label==ab] drop", {labelled, answer()}) == "10");
  CHECK(passes("*/response[label~b] drop", {labelled, answer()}) == "10");
  CHECK(passes("*/response[segments[1].gref==9] drop", {tailed, answer()}) == "10");
  // What is too short for the field does not match.
  CHECK(passes("*/response[sector>=0] drop", {cut, answer()}) == "01");
}

TEST_CASE("directions and times choose, and only what they match counts") {
  Bench bench;
  REQUIRE(bench.objection("hypercall@in@1 fail(-5)") == "");
  CHECK(bench.pass(*bench.calls, Bench::answer(), Direction::out).fail == 0);
  CHECK(bench.pass(*bench.calls, Bench::answer(), Direction::in).fail == -5);
  CHECK(bench.pass(*bench.calls, Bench::answer(), Direction::in).fail == 0);

  REQUIRE(bench.objection("console/out@from(2ms)@until(3ms) drop") == "");
  CHECK(bench.drops(*bench.texts, 1) == "0");
  bench.run_to(milliseconds(2));
  CHECK(bench.drops(*bench.texts, 1) == "1");
  bench.run_to(milliseconds(3));
  CHECK(bench.drops(*bench.texts, 1) == "0");
}

TEST_CASE("a fault after another waits until that one has struck, and then counts") {
  Bench bench;
  REQUIRE(bench.objection("second: ring/xvda/response@after(first)@2 drop") == "");
  REQUIRE(bench.objection("first: ring/xvda/response@2 duplicate") == "");
  REQUIRE(bench.injector.check());
  // 1; 2 strikes the first; 3 counts one, 4 two.
  CHECK(bench.drops(*bench.answers, 6) == "000100");
}

TEST_CASE("a fault after one that nobody named is an error, with near names") {
  Bench bench;
  REQUIRE(bench.objection("first: ring/xvda/response@2 drop") == "");
  REQUIRE(bench.objection("ring/xvda/response@after(frist) drop") == "");
  const auto checked = bench.injector.check();
  REQUIRE_FALSE(checked);
  CHECK(checked.error().message.find("did you mean 'first'") != std::string::npos);
  CHECK(bench.objection("first: console/out drop").find("another fault has the name") != std::string::npos);
}

TEST_CASE("chance depends on the seed and the fault's text, and on nothing else") {
  const auto drops = [](uint64_t seed, bool with_another) {
    Bench bench(seed);
    if (with_another) REQUIRE(bench.objection("ring/*/response@chance(0.5) delay(1us)") == "");
    REQUIRE(bench.objection("ring/xvda/response@chance(25%) drop") == "");
    return bench.drops(*bench.answers, 2000);
  };
  const std::string pattern = drops(1, false);
  CHECK(drops(1, false) == pattern);
  CHECK(drops(1, true) == pattern);
  CHECK(drops(2, false) != pattern);
  const auto struck = std::count(pattern.begin(), pattern.end(), '1');
  CHECK(struck > 400);
  CHECK(struck < 600);
}

TEST_CASE("a wire that comes later is struck from its first crossing") {
  Bench bench;
  REQUIRE(bench.objection("ring/xvdb/response@1 drop") == "");
  CHECK(bench.injector.unmatched().size() == 1);
  Wire& late = bench.wiring.add("dom1/ring/xvdb/response", WireKind::message, kAnswer);
  CHECK(bench.injector.unmatched().empty());
  CHECK(bench.drops(late, 2) == "10");
}

TEST_CASE("only wires that a fault matches are tapped for it") {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  FaultInjector injector(wiring, events, 1);
  Wire& struck = wiring.add("dom1/a", WireKind::message, kText);
  Wire& other = wiring.add("dom1/b", WireKind::message, kText);
  CHECK_FALSE(struck.tapped());
  REQUIRE(injector.add(*parse_fault("a drop")));
  CHECK(struck.tapped());
  CHECK_FALSE(other.tapped());
}

TEST_CASE("crossings that only exact watching sees are nobody's to strike") {
  Bench bench;
  REQUIRE(bench.objection("ring/xvda/response@1 drop") == "");
  Bytes payload = Bench::answer();
  CHECK(bench.answers->pass(Direction::in, payload, 0).copies == 1);
  CHECK(bench.drops(*bench.answers, 2) == "10");
}

TEST_CASE("a glob for no wire lists near names") {
  Bench bench;
  REQUIRE(bench.objection("ring/xvda/respnse drop") == "");
  REQUIRE(bench.objection("dom1/evtchm drop") == "");
  const auto messages = bench.injector.unmatched();
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].find("did you mean 'ring/xvda/response'") != std::string::npos);
  CHECK(messages[1].find("did you mean 'dom1/evtchn'") != std::string::npos);
}
