// A machine that the viewer runs: it is run, paused, stepped, taken back, given faults, saved; what its feed
// says is what a session has.
#include "tests/unit/viewer/live/live_test.h"

#include <fmt/format.h>

#include "machine/machine.h"
#include "machine/pack.h"
#include "sim/session/reader.h"
#include "sim/session/replayer.h"

using namespace ringside;
using namespace ringside::viewer;
using State = LiveMachine::State;

namespace {

// Runs a session again to its end; whether it was the same.
bool replays(const std::string& path, std::string& inputs) {
  auto opened = SessionReader::open(path);
  REQUIRE(opened);
  SessionReader reader = std::move(*opened);
  for (auto record = reader.next(); record && *record; record = reader.next()) {
    if (const auto* input = std::get_if<InputRecord>(&**record))
      inputs += std::string(input->bytes.begin(), input->bytes.end()) + "\n";
  }
  reader.rewind();
  auto replayer = Replayer::create(reader);
  REQUIRE(replayer);
  auto scenario = scenario_of_session((*replayer)->header(), scenario_path("blk-read"));
  REQUIRE(scenario);
  MachineOptions options;
  options.replay = replayer->get();
  auto machine = Machine::create(*scenario, options);
  REQUIRE(machine);
  REQUIRE((*machine)->run());
  return !(*replayer)->divergence() && (*replayer)->digests_compared() > 0;
}

void check_same_rows(const CrossingTable& fed, const std::string& path) {
  auto recorded = ViewedSession::open(path);
  REQUIRE(recorded);
  while (!(*recorded)->is_read()) (*recorded)->read_for(std::chrono::milliseconds(50));
  const CrossingTable& table = (*recorded)->table();
  REQUIRE(fed.size() == table.size());
  for (Row row = 0; row < fed.size(); ++row) {
    const auto a = fed.payload(row), b = table.payload(row);
    const bool same = fed.sequence(row) == table.sequence(row) && fed.at(row) == table.at(row) &&
                      fed.wire_of(row).name == table.wire_of(row).name &&
                      fed.flags(row) == table.flags(row) && fed.direction(row) == table.direction(row) &&
                      fed.full_size(row) == table.full_size(row) &&
                      std::equal(a.begin(), a.end(), b.begin(), b.end());
    if (!same) FAIL("row " << row << " on " << fed.wire_of(row).name);
  }
}

}  // namespace

TEST_CASE("a run to the end feeds what a recording of the same run has") {
  TemporaryFile file("whole.pcapng");
  LiveTest test("blk-read");
  test.live->run(0);
  CHECK(test.live->state() == State::running);
  test.settle();
  CHECK(test.live->state() == State::ended);
  CHECK(test.live->reason() == "poweroff");
  test.live->save(file.path);
  test.settle();
  CHECK(test.message == "saved " + file.path);
  check_same_rows(test.table(), file.path);
}

TEST_CASE("a machine is run, paused, stepped to a wire, and back again to the same place") {
  LiveTest test("blk-read");
  test.live->step("ring/xvda/request");
  test.settle();
  REQUIRE(test.live->state() == State::paused);
  CHECK(test.wire_here() == "dom1/ring/xvda/request");
  const StepPlace first = test.live->place();
  const Json registers = test.view("registers");
  CHECK(registers.contains("views"));
  test.live->step("ring/xvda/request");
  test.settle();
  CHECK(test.live->sequence() > first.sequence);
  CHECK(test.wire_here() == "dom1/ring/xvda/request");
  // What was seen of a place is forgotten at another.
  CHECK(test.live->view("registers") == nullptr);
  const Row rows = test.table().size();
  test.live->back("ring/xvda/request");
  test.settle();
  CHECK(test.live->sequence() == first.sequence);
  CHECK(test.live->place().instructions == first.instructions);
  CHECK(test.view("registers") == registers);
  // What came later is known still, as long as nothing makes it otherwise.
  CHECK(test.table().size() == rows);

  // Slow enough that it does not end before the pause.
  test.live->run(1e-6);
  REQUIRE(test.frames_until([&] { return test.live->place().at_ps > first.at_ps; }));
  CHECK(test.live->state() == State::running);
  test.live->pause();
  test.settle();
  CHECK(test.live->state() == State::paused);
  CHECK(test.live->reason() == "paused");
}

TEST_CASE("a run stops at a rule, which it names") {
  LiveTest test("blk-read");
  auto rule = parse_stop("ring/xvda/response if id == 3");
  REQUIRE(rule);
  test.live->run(0, {*rule});
  test.settle();
  CHECK(test.live->state() == State::paused);
  CHECK(test.live->reason() == "dom1/ring/xvda/response matches");
  CHECK(test.wire_here() == "dom1/ring/xvda/response");
}

TEST_CASE("it goes to any crossing, forward and back, and to the start") {
  LiveTest test("blk-read");
  test.live->step("ring/xvda/request");
  test.settle();
  const uint64_t here = test.live->sequence();
  for (const uint64_t sequence : {here + 500, here - 20, here + 1000, here, here + 1}) {
    test.live->go_to(sequence);
    test.settle();
    CHECK(test.live->state() == State::paused);
    CHECK(test.live->sequence() == sequence);
    CHECK(test.live->place().inside);
  }
  test.live->go_to(0);
  test.settle();
  CHECK(test.live->place().instructions == 0);
  test.live->run(0);
  test.settle();
  CHECK(test.live->state() == State::ended);
  test.live->go_to(here);
  test.settle();
  CHECK(test.live->state() == State::paused);
  CHECK(test.live->sequence() == here);
  test.live->go_to(1'000'000'000);
  test.settle();
  CHECK(test.live->state() == State::ended);
  CHECK(test.message.find("ended before") != std::string::npos);
}

TEST_CASE("a fault after going back begins another history, and what is saved replays") {
  TemporaryFile file("fault.pcapng");
  LiveTest test("blk-read");
  test.live->step("ring/xvda/response");
  test.settle();
  const uint64_t here = test.live->sequence();
  for (int i = 0; i < 5; ++i) test.live->step("ring/xvda/response");
  test.settle();
  const Row known = test.table().size();
  const uint64_t history = test.table().history();
  test.live->back("ring/xvda/request");
  test.settle();
  test.live->go_to(here);
  test.settle();
  CHECK(test.table().size() == known);
  CHECK(test.table().history() == history);

  test.live->ask_fault_actions("dom1/ring/xvda/response");
  REQUIRE(test.frames_until([&] { return test.live->fault_actions("dom1/ring/xvda/response") != nullptr; }));
  const auto& actions = *test.live->fault_actions("dom1/ring/xvda/response");
  CHECK(std::find(actions.begin(), actions.end(), "fail(-5)") != actions.end());

  test.live->fault("ring/xvda/response@1 fail(-5)");
  REQUIRE(test.frames_until([&] { return !test.message.empty(); }));
  CHECK(test.message.find("fault given") == 0);
  REQUIRE(test.frames_until([&] { return test.table().history() > history; }));
  CHECK(test.table().size() < known);
  test.live->step("fault");
  test.settle();
  CHECK(test.wire_here() == "fault");
  test.live->run(0);
  test.settle();
  CHECK(test.live->state() == State::ended);
  CHECK(test.table().find_wire("fault").has_value());
  test.live->save(file.path);
  test.settle();
  check_same_rows(test.table(), file.path);
  std::string inputs;
  CHECK(replays(file.path, inputs));
  CHECK(inputs.find("fail(-5)") != std::string::npos);
}

TEST_CASE("what makes no sense is said, and the machine stays") {
  LiveTest test("blk-read");
  const auto says = [&](const std::string& text) {
    INFO(test.message);
    REQUIRE(test.frames_until([&] { return !test.message.empty(); }));
    CHECK(test.message.find(text) != std::string::npos);
    CHECK(test.live->state() == State::paused);
    test.message.clear();
  };
  test.live->fault("ring/xvda/response@0 drop");
  says("character");
  test.live->step("ring/nosuch/*");
  says("no wire matches");
  test.live->back("*");
  says("no such crossing");
  test.live->save("/no/such/folder/x.pcapng");
  says("/no/such/folder");
  test.live->type("dom1/console/in", std::string(1 << 20, 'x'));
  says("too many");
  CHECK(test.view("no-such-view").contains("error"));
}

TEST_CASE("what cannot be made is a failure with its message, and another start works") {
  LiveTest test;
  MachineRequest wanted;
  wanted.path = scenario_path("no-such-scenario");
  test.live->start(wanted, nullptr);
  CHECK(test.live->state() == State::starting);
  test.settle();
  CHECK(test.live->state() == State::failed);
  CHECK(test.live->reason().find("no-such-scenario") != std::string::npos);
  wanted.path = scenario_path("blk-read");
  test.live->start(wanted, nullptr);
  test.settle();
  CHECK(test.live->state() == State::paused);
  CHECK(test.live->ready().value("scenario", "") == "blk-read");
}

TEST_CASE("a session's machine stands at any of its crossings") {
  TemporaryFile file("session.pcapng");
  {
    LiveTest recorded("blk-read");
    recorded.live->step("ring/xvda/response");
    recorded.settle();
    recorded.live->save(file.path);
    recorded.settle();
  }
  auto session = ViewedSession::open(file.path);
  REQUIRE(session);
  while (!(*session)->is_read()) (*session)->read_for(std::chrono::milliseconds(50));
  const CrossingTable& table = (*session)->table();
  LiveTest test;
  MachineRequest wanted;
  wanted.path = file.path;
  wanted.is_session = true;
  wanted.scenario_folder = scenario_path("blk-read");
  test.live->start(wanted, nullptr);
  test.settle();
  INFO(test.live->reason());
  for (const Row row : {table.size() - 1, table.size() / 2, table.size() * 3 / 4}) {
    test.live->go_to(table.sequence(row));
    test.settle();
    CHECK(test.live->sequence() == table.sequence(row));
    CHECK(Tick{test.live->place().at_ps} == table.at(row));
    for (const char* name : {"registers", "disassembly", "memory"}) {
      INFO(test.view(name).dump());
      CHECK(test.view(name).contains("views"));
    }
  }
  test.live->type("dom1/console/in", "x");
  REQUIRE(test.frames_until([&] { return !test.message.empty(); }));
  CHECK(test.message.find("from the recording") != std::string::npos);
}

TEST_CASE("a packed session needs nothing beside it, and one whose kernel is missing says so") {
  TemporaryFile kernel("gone.elf"), file("alone.pcapng"), packed("packed.pcapng");
  std::filesystem::copy_file(RINGSIDE_FURTHER_CONSOLE, kernel.path);
  const ScenarioFolder folder(
      fmt::format("name = \"alone\"\n[[domain]]\nmemory = \"8M\"\nkernel = "
                  "\"{}\"\n[[console]]\n[expect]\nwithin = \"5s\"\n",
                  kernel.path));
  uint64_t here = 0;
  {
    LiveTest recorded(folder.path);
    recorded.live->step("xenstore");
    recorded.settle();
    here = recorded.live->sequence();
    recorded.live->save(file.path);
    recorded.settle();
  }
  REQUIRE(pack(file.path, packed.path, ""));
  std::filesystem::remove(kernel.path);
  LiveTest test;
  MachineRequest wanted;
  wanted.is_session = true;
  wanted.path = file.path;
  test.live->start(wanted, nullptr);
  test.settle();
  CHECK(test.live->state() == State::failed);
  CHECK(test.live->reason().find("gone.elf") != std::string::npos);
  wanted.path = packed.path;
  test.live->start(wanted, nullptr);
  test.live->go_to(here);
  test.settle();
  INFO(test.live->reason());
  CHECK(test.live->state() == State::paused);
  CHECK(test.live->sequence() == here);
  CHECK(test.view("registers").contains("views"));
}
