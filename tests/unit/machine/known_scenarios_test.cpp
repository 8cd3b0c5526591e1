// Every scenario of this tree loads as it stands, and says in words what it shows.
#include <catch2/catch.hpp>
#include <filesystem>

#include "machine/scenario.h"

using namespace ringside;
namespace fs = std::filesystem;

TEST_CASE("every folder of scenarios/ holds a scenario that loads, and a README") {
  const auto known = known_scenarios();
  size_t folders = 0;
  for (const auto& entry : fs::directory_iterator(RINGSIDE_SCENARIOS))
    folders += entry.is_directory() ? 1 : 0;
  CHECK(known.size() == folders);
  CHECK(folders >= 3);
  for (const KnownScenario& each : known) {
    INFO(each.folder);
    const auto scenario = load_scenario(each.folder, {});
    REQUIRE(scenario);
    CHECK(scenario->name == each.name);
    CHECK_FALSE(scenario->description.empty());
    CHECK(fs::is_regular_file(fs::path(each.folder) / "README.md"));
    CHECK(load_scenario(each.name, {}));
  }
}
