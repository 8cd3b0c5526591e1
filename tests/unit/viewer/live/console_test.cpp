// What a person types reaches a machine that runs, one that waits for it, and one that stands.
#include "tests/unit/viewer/live/live_test.h"

using namespace ringside;
using namespace ringside::viewer;
using State = LiveMachine::State;

namespace {

// What the guest has printed, as the crossings have it.
std::string printed(const CrossingTable& table) {
  std::string text;
  for (const ViewedWire& wire : table.wires()) {
    if (wire.name != "dom1/uart0/tx") continue;
    for (const Row row : wire.rows) {
      if (!table.payload(row).empty()) text += static_cast<char>(table.payload(row)[0]);
    }
  }
  return text;
}

size_t rows_with(const LiveTest& test, std::string_view text) {
  size_t rows = 0;
  for (Row row = 0; row < test.table().size(); ++row) {
    const auto bytes = test.table().payload(row);
    if (std::search(bytes.begin(), bytes.end(), text.begin(), text.end()) != bytes.end()) ++rows;
  }
  return rows;
}

bool says(LiveTest& test, const std::string& text) {
  return test.frames_until([&] { return printed(test.table()).find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("a machine that runs takes what is typed, and runs on") {
  const ScenarioFolder folder(
      "name = \"uart-hello\"\n[[domain]]\nname = \"dom1\"\npersonality = \"bare\"\nmemory = \"16M\"\n"
      "kernel = \"uart-hello.elf\"\ncmdline = \"polled\"\n[expect]\nwithin = \"10s\"\n");
  LiveTest test(folder.path);
  test.live->run(0.05);
  REQUIRE(says(test, "type a line> "));
  CHECK(test.live->state() == State::running);
  test.live->type("dom1/console/in", "hello\r");
  INFO(printed(test.table()));
  REQUIRE(says(test, "you typed 5 characters: hello"));
  test.settle();
  CHECK(test.live->state() == State::ended);
}

TEST_CASE("a machine whose guest waits stands, and goes on by what is typed") {
  const ScenarioFolder folder(
      fmt::format("name = \"consoles\"\n[[domain]]\nmemory = \"8M\"\nkernel = \"{}\"\n[[console]]\n"
                  "[check]\nallow = [\"ring/index_overrun\"]\n[expect]\nwithin = \"5s\"\n",
                  RINGSIDE_FURTHER_CONSOLE));
  for (const double speed : {0.0, 1.0}) {
    LiveTest test(folder.path);
    test.live->run(speed);
    test.settle();
    INFO(test.live->reason());
    CHECK(test.live->state() == State::paused);
    CHECK(test.live->reason().find("every guest waits") == 0);
    CHECK(test.live->place().at_ps < milliseconds(100).ps);
    const Row before = test.table().size();
    test.live->type("dom1/console1/in", "hello\r");
    REQUIRE(test.frames_until(
        [&] { return test.live->state() == State::paused && rows_with(test, "heard: hello") > 0; }));
    CHECK(test.table().size() > before);
    // It closes its console then, and connects it again.
    REQUIRE(test.frames_until([&] { return rows_with(test, "here again") > 0; }));
    test.settle();
    test.live->type("dom1/console1/in", "end\r");
    REQUIRE(test.frames_until([&] { return test.live->state() == State::ended; }));
    test.settle();
    CHECK(test.live->state() == State::ended);
    // Run again from the start, it takes what was typed then.
    test.live->go_to(0);
    test.live->run(speed);
    test.settle();
    CHECK(test.live->state() == State::ended);
  }
}
