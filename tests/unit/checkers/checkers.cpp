// Checkers as a whole: settings, what becomes of a violation, and the list of them all.
#include <set>

#include "tests/unit/checkers/xen_fixture.h"

using namespace ringside;
using Catch::Contains;
using Rules = std::vector<std::string>;

namespace {

struct NoticeTap : Tap {
  std::vector<std::string> lines;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict&) override {
    lines.push_back(to_line(decode(wire.payload_type(), crossing.bytes())));
  }
};

void overrun(CheckedDisk& disk) {
  for (uint64_t id = 0; id <= CheckedDisk::kSlots; ++id) disk.publish(id);
  disk.send(disk.port);
}

std::string message_of(const CheckSettings& settings) {
  const auto checked = check_settings(settings);
  return checked ? "" : checked.error().message;
}

}  // namespace

TEST_CASE("A violation is a notice with its crossing, and counts") {
  CheckedDisk disk;
  NoticeTap tap;
  disk.wiring.add_tap(tap, "dom1/notice");
  overrun(disk);
  REQUIRE(disk.rules() == Rules{"ring/index_overrun"});
  const Violation& violation = disk.checkers->violations()[0];
  CHECK(violation.sequence != 0);
  CHECK(violation.at == disk.clock.now);
  CHECK(disk.checkers->count_not_allowed() == 1);
  REQUIRE(tap.lines.size() == 1);
  CHECK_THAT(tap.lines[0], Contains("violation") && Contains("ring/index_overrun") &&
                               Contains(violation.wire + " #" + std::to_string(violation.sequence)));
}

TEST_CASE("A violation that is allowed is told, and does not count") {
  CheckedDisk disk({.off = {}, .allow = {"ring/index_*"}, .on = {}});
  overrun(disk);
  REQUIRE(disk.rules() == Rules{"ring/index_overrun"});
  CHECK(disk.checkers->violations()[0].allowed);
  CHECK(disk.checkers->count_not_allowed() == 0);
}

TEST_CASE("A checker that is off sees nothing, and the others see all") {
  CheckedDisk disk({.off = {"ring"}, .allow = {}, .on = {}});
  overrun(disk);
  disk.set_state(disk.frontend, 1);
  CHECK(disk.rules() == Rules{"xenbus/reconnect_unclosed"});
}

TEST_CASE("Settings name checkers and rules that there are") {
  CHECK(message_of(
            {.off = {"ring", "*"}, .allow = {"grants/*", "ring/index_overrun"}, .on = {"ring/needless*"}}) ==
        "");
  CHECK_THAT(message_of({.off = {"rign"}, .allow = {}, .on = {}}), Contains("'rign'") && Contains("ring"));
  CHECK_THAT(message_of({.off = {}, .allow = {"grants/leakd"}, .on = {}}),
             Contains("'grants/leakd'") && Contains("grants/leaked"));
  CHECK_THAT(message_of({.off = {}, .allow = {}, .on = {"ring/index_overrun"}}), Contains("silent"));
}

TEST_CASE("Names of rules fit a notice, and are there once") {
  std::set<std::string> names;
  for (const KnownChecker& checker : known_checkers()) {
    CHECK_FALSE(checker.title.empty());
    for (const CheckerRule& rule : checker.rules()) {
      const std::string name = std::string(checker.name) + "/" + std::string(rule.name);
      INFO(name);
      CHECK(name.size() <= 31);
      CHECK_FALSE(rule.title.empty());
      CHECK(names.insert(name).second);
    }
  }
}
