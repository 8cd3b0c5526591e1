// A machine that a test drives: in parts, with faults and input, from several beginnings. The vocabulary is
// shown by itself in crossings_test.cpp; what a failing test says, by isolation_test.cpp.
#include <filesystem>

#include "machine/machine.h"
#include "ringside/catch.h"
#include "sim/session/reader.h"
#include "sim/session/replayer.h"

using namespace ringside::test;
using namespace std::chrono_literals;

namespace {

void make_quick(Machine& m) { m.set("domain.cmdline", "quick").set("check.allow", "[]"); }

// What `ringside replay` does with a session.
std::string replay(const std::string& path) {
  ringside::register_all_payload_types();
  auto reader = ringside::SessionReader::open(path);
  if (!reader) return reader.error().message;
  auto replayer = ringside::Replayer::create(*reader);
  if (!replayer) return replayer.error().message;
  auto scenario = ringside::scenario_of_session((*replayer)->header(), "");
  if (!scenario) return scenario.error().message;
  ringside::MachineOptions options;
  options.replay = replayer->get();
  auto machine = ringside::Machine::create(*scenario, options);
  if (!machine) return machine.error().message;
  auto report = (*machine)->run();
  if (!report) return report.error().message;
  if (const auto& divergence = (*replayer)->divergence())
    return divergence->what + ": " + divergence->expected + " / " + divergence->found;
  return "identical";
}

struct SessionFile {
  std::string path =
      (std::filesystem::temp_directory_path() / ("testkit-" + std::to_string(getpid()) + ".pcapng")).string();
  ~SessionFile() { std::filesystem::remove(path); }
};

}  // namespace

RINGSIDE_TEST("a run in parts is the run in one", "blk-read") {
  make_quick(m);
  Machine whole("blk-read");
  make_quick(whole);
  whole.run();
  for (int i = 0; i < 200 && m.run_for(13us); ++i) {
  }
  for (int i = 0; i < 20; ++i) m.try_run_until("ring/xvda/*", {}, 100us);
  m.run_until([&] { return m.wire("hypercall").size() % 3 == 0; });
  CHECK(m.run());
  CHECK(m.outcome().at == whole.outcome().at);
  CHECK(m.instructions() == whole.instructions());
  CHECK(m.wire("*").size() == whole.wire("*").size());
  CHECK(m.digest() == whole.digest());
}

RINGSIDE_TEST("a machine stops where a crossing passes, and at a time", "blk-read") {
  make_quick(m);
  CHECK(m.run_until(100us));
  CHECK(m.now() >= 100us);
  CHECK(m.now() < 110us);
  const Crossing response = m.run_until("ring/xvda/response", field("status") == "OKAY");
  CHECK(m.now() - response.at() < 20us);
  CHECK(m.wire("ring/xvda/response").size() <= 32);
  CHECK_THROWS_WITH(m.run_until("ring/xvda/request", field("operation") == "DISCARD"),
                    Catch::Contains("the machine ended at") && Catch::Contains("these come nearest"));
  CHECK(m.ended());
  CHECK_THROWS_AS(m.run_until("ring/xvdz/request"), Error);
}

RINGSIDE_TEST("a fault of a test is recorded, and a replay has it", "blk-read") {
  make_quick(m);
  m.allow_failure();
  m.run_until("ring/xvda/request");
  m.fault("ring/xvda/response fail(-1)");
  const Outcome outcome = m.run();
  CHECK(!outcome);
  const Crossings failed = m.wire("ring/xvda/response").where(injected());
  REQUIRE(!failed.empty());
  CHECK(failed[0].failed());
  const SessionFile file;
  m.save(file.path);
  CHECK(replay(file.path) == "identical");
}

RINGSIDE_TEST("a session may be saved in the middle, and replays as far", "blk-read") {
  make_quick(m);
  m.run_until("ring/xvda/request");
  const SessionFile file;
  m.save(file.path);
  CHECK(replay(file.path) == "identical");
  m.run_for(50us);
  m.save(file.path);
  CHECK(replay(file.path) == "identical");
  CHECK(m.run());
}

RINGSIDE_TEST("a program that stops early leaves a session that replays", "blk-read") {
  make_quick(m);
  m.run_for(300us);
  const Outcome outcome = m.stop();
  CHECK_THAT(outcome.reason, Catch::Contains("stopped"));
  const SessionFile file;
  m.save(file.path);
  CHECK(replay(file.path) == "identical");
}

RINGSIDE_CASE("the text of a scenario will do, and its names are checked") {
  Machine m("name = \"inline\"\n[[domain]]\nname = \"dom1\"\nkernel = \"nowhere.elf\"\n");
  CHECK_THROWS_WITH(m.run(), Catch::Contains("nowhere.elf"));
  Machine hosted("blk-read");
  hosted.host("dom2", [] {});
  CHECK_THROWS_WITH(hosted.start(), Catch::Contains("no domain of this name") && Catch::Contains("dom1"));
  Machine emulated("blk-read");
  emulated.host("dom1", [] {});
  CHECK_THROWS_WITH(emulated.start(), Catch::Contains("personality"));
  Machine late("blk-read");
  late.start();
  CHECK_THROWS_WITH(late.set("machine.seed", "3"), Catch::Contains("too late"));
  CHECK_THROWS_WITH(late.console("dom7"), Catch::Contains("dom1"));
}

RINGSIDE_TEST("endings begin alike and end apart", "blk-read") {
  make_quick(m);
  m.run_until("ring/xvda/request");
  const Time here = m.now();
  Snapshot snapshot = m.snapshot();
  m.fork("runs on", [&] { CHECK(m.run()); });
  m.fork("a fault", [&] {
    m.allow_failure().fault("ring/xvda/response fail(-1)");
    CHECK(!m.run());
  });
  CHECK(m.now() == here);
  CHECK(!m.ended());
  CHECK(m.run());
  snapshot.fork("from the snapshot", [](Machine& then) {
    CHECK(!then.ended());
    CHECK(then.run());
  });
}

RINGSIDE_TEST("what a predicate throws comes out of the run", "blk-read") {
  make_quick(m);
  CHECK_THROWS_WITH(m.run_until([]() -> bool { throw std::runtime_error("enough"); }), "enough");
  CHECK(m.run());
}
