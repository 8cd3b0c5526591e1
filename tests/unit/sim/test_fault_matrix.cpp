// Which actions make sense on which kind of wire, and what is said about the others.
#include "tests/unit/sim/fault_bench.h"

using namespace ringside;
using namespace ringside::fault_bench;

namespace {

std::string words(const Wire& wire) {
  std::string all;
  for (const std::string& action : fault_actions_of(wire))
    all += (all.empty() ? "" : " ") + action.substr(0, action.find('('));
  return all;
}

}  // namespace

TEST_CASE("each kind of wire takes its actions") {
  Bench bench;
  CHECK(words(*bench.texts) == "drop duplicate delay reorder corrupt truncate stall");
  CHECK(words(*bench.answers) == "drop duplicate delay reorder corrupt truncate fail stall parity lost");
  CHECK(words(*bench.calls) == "delay corrupt fail parity");
  CHECK(words(*bench.events_wire) == "drop duplicate delay stall lost");
  CHECK(words(*bench.indices) == "");
  bench.events_wire->set_stimulus([](std::span<const uint8_t>) {});
  bench.indices->set_rewriter([](std::span<const uint8_t>) {});
  CHECK(words(*bench.events_wire) == "drop duplicate delay stall spurious lost");
  CHECK(words(*bench.indices) == "rewrite");
}

TEST_CASE("every action that a wire is said to take is taken, and no other") {
  const std::vector<std::string> all{
      "drop",       "duplicate", "delay(1ms)", "reorder(1)",        "corrupt(0,1)", "truncate(1)", "fail(-5)",
      "stall(1ms)", "spurious",  "crash",      "rewrite(sector,1)", "parity",       "lost"};
  for (const int which : {0, 1, 2, 3, 4}) {
    Bench bench;
    Wire* wires[] = {bench.answers, bench.texts, bench.calls, bench.events_wire, bench.indices};
    Wire& wire = *wires[which];
    for (const std::string& action : fault_actions_of(wire)) {
      INFO(wire.name() << " " << action);
      CHECK(bench.objection(wire.name() + "@1000 " + action) == "");
    }
    for (const std::string& action : all) {
      const std::string word = action.substr(0, action.find('('));
      const bool taken = (" " + words(wire) + " ").find(" " + word + " ") != std::string::npos;
      INFO(wire.name() << " " << action);
      const std::string objection = bench.objection(wire.name() + "@1000 " + action);
      CHECK((objection == "") == taken);
      if (!taken) CHECK(objection.find("takes") != std::string::npos);
    }
  }
}

TEST_CASE("what makes no sense is refused with the list of what does") {
  Bench bench;
  CHECK(bench.objection("evtchn fail(-5)") ==
        "fault 'evtchn fail(-5)': fail makes no sense on dom1/evtchn, a signal wire, which takes drop, "
        "duplicate, "
        "delay, stall, lost");
  CHECK(bench.objection("ring/xvda/indices drop").find("nothing: it is only observed") != std::string::npos);
  CHECK(bench.objection("ring/xvda/response party").find("did you mean 'parity'") != std::string::npos);
}

TEST_CASE("a glob leaves out the wires on which the fault makes no sense, unless there is no other") {
  Bench bench;
  CHECK(bench.objection("ring/xvda/* drop") == "");
  CHECK(bench.drops(*bench.answers, 1) == "1");
  CHECK(bench.drops(*bench.indices, 1) == "0");
  CHECK(bench.objection("ring/xvda/ind* drop") != "");
}

TEST_CASE("a wire that comes too late for an error refuses what makes no sense in the session") {
  Bench bench;
  REQUIRE(bench.objection("ring/xvdb/indices drop") == "");
  REQUIRE(bench.injector.check());
  Wire& late = bench.wiring.add("dom1/ring/xvdb/indices", WireKind::sampled, kAnswer);
  CHECK(bench.drops(late, 2) == "00");
  int refused = 0;
  for (const Seen& seen : bench.listener.seen) {
    if (seen.wire != "fault") continue;
    ++refused;
    CHECK(to_line(decode(kFaultPayload, seen.payload)).find("action=refused") == 0);
  }
  CHECK(refused == 1);
  REQUIRE(bench.injector.unmatched().size() == 1);
  CHECK(bench.injector.unmatched()[0].find("makes no sense") != std::string::npos);
}
