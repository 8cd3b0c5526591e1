// The plan: what is tried depends on seed and shard alone, every point is in exactly one shard, and a random
// choice is the same whoever makes it. That a run passes the sites that were counted, the system tests prove.
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <set>

#include "campaign/plan.h"

namespace ringside {
namespace {

// Two wires with three and two actions, passed in turn.
Baseline baseline_of(size_t sites) {
  Baseline baseline;
  baseline.wires = {{"dom1/a", {"drop", "delay(1ms)", "duplicate"}}, {"dom1/b", {"fail(-1)", "drop"}}};
  baseline.kinds = {"a", "b"};
  for (uint32_t i = 0; i < sites; ++i) baseline.sites.push_back({i % 2, i / 2 + 1, i % 2});
  return baseline;
}

std::vector<uint64_t> own_points(const Plan& plan) {
  std::vector<uint64_t> points;
  for (uint64_t point = plan.next_own(0); point < plan.points(); point = plan.next_own(point + 1))
    points.push_back(point);
  return points;
}

TEST_CASE("every site times every action of its wire is a point") {
  const Baseline baseline = baseline_of(5);
  const Plan plan(baseline, std::nullopt, 1, {});
  CHECK(plan.points() == 3 + 2 + 3 + 2 + 3);
  CHECK(plan.own() == 13);
  CHECK(plan.site_of(0) == 0);
  CHECK(plan.site_of(2) == 0);
  CHECK(plan.site_of(3) == 1);
  CHECK(plan.site_of(12) == 4);
  CHECK(plan.first_point_of(3) == 8);
  std::vector<uint64_t> all(13);
  std::iota(all.begin(), all.end(), uint64_t{0});
  CHECK(own_points(plan) == all);
}

TEST_CASE("of wires whose glob is spread, so many sites have points, evenly over the run") {
  Baseline baseline = baseline_of(40);
  baseline.wires[0].glob = 1;
  baseline.wires[0].spread = 4;  // of its 20 sites; the other wire's have all
  const Plan plan(baseline, std::nullopt, 1, {});
  CHECK(plan.points() == 4 * 3 + 20 * 2);
  std::vector<uint32_t> struck;
  for (uint64_t point = 0; point < plan.points(); ++point) {
    const Site& site = baseline.sites[plan.site_of(point)];
    if (site.wire == 0 && (struck.empty() || struck.back() != site.nth)) struck.push_back(site.nth);
    CHECK(point - plan.first_point_of(plan.site_of(point)) < baseline.wires[site.wire].actions.size());
  }
  CHECK(struck == std::vector<uint32_t>{5, 10, 15, 20});
}

TEST_CASE("a spread over two wires counts their sites together, and more than there are is all") {
  Baseline baseline = baseline_of(10);
  for (PlanWire& wire : baseline.wires) wire.spread = 2;
  const Plan plan(baseline, std::nullopt, 1, {});
  CHECK(plan.points() == 3 + 2);
  CHECK(plan.site_of(0) == 4);
  CHECK(plan.site_of(3) == 9);
  for (PlanWire& wire : baseline.wires) wire.spread = 11;
  CHECK(Plan(baseline, std::nullopt, 1, {}).points() == 25);
}

TEST_CASE("shards share the points out, chosen at random or not") {
  const Baseline baseline = baseline_of(40);
  for (const std::optional<uint64_t> random : {std::optional<uint64_t>(), std::optional<uint64_t>(17)}) {
    const Plan whole(baseline, random, 7, {});
    std::vector<uint64_t> together;
    for (uint64_t number = 1; number <= 3; ++number) {
      const Plan plan(baseline, random, 7, {number, 3});
      const auto own = own_points(plan);
      CHECK(own.size() == plan.own());
      together.insert(together.end(), own.begin(), own.end());
    }
    std::sort(together.begin(), together.end());
    CHECK(together == own_points(whole));
    CHECK(together.size() == whole.chosen());
  }
}

TEST_CASE("more shards than points leave some without") {
  const Baseline baseline = baseline_of(1);
  CHECK(own_points(Plan(baseline, std::nullopt, 1, {2, 9})) == std::vector<uint64_t>{1});
  const Plan empty(baseline, std::nullopt, 1, {9, 9});
  CHECK(empty.own() == 0);
  CHECK(own_points(empty).empty());
}

TEST_CASE("a random choice is of different points, by the seed") {
  const auto chosen = choose(100, 1000, 5, "campaign");
  CHECK(std::set<uint64_t>(chosen.begin(), chosen.end()).size() == 100);
  CHECK(std::is_sorted(chosen.begin(), chosen.end()));
  CHECK(chosen.back() < 1000);
  CHECK(chosen == choose(100, 1000, 5, "campaign"));
  CHECK(chosen != choose(100, 1000, 6, "campaign"));
  CHECK(chosen != choose(100, 1000, 5, "pairs"));
  CHECK(choose(10, 3, 1, "") == std::vector<uint64_t>{0, 1, 2});
  CHECK(choose(10, 0, 1, "").empty());
}

TEST_CASE("a baseline passes from one process to another whole") {
  Baseline baseline = baseline_of(7);
  baseline.hash = 0x123456789abcdef0;
  baseline.usual_lines = {"errors: #"};
  baseline.cpu_seconds = 0.25;
  baseline.judgement = {RunVerdict::survived, 0, 1234, Tick{99}, "", "poweroff"};
  baseline.code = {{{GuestVirt{0x1000}, {0x90, 0xc3}}, {GuestVirt{0x1002}, {0xf4}}}, {}};
  const Baseline read = Baseline::from_bytes(baseline.to_bytes());
  REQUIRE(read.code.size() == 2);
  REQUIRE(read.code[0].size() == 2);
  CHECK(read.code[0][1].address.value == 0x1002);
  CHECK(read.code[0][0].bytes == baseline.code[0][0].bytes);
  CHECK(read.code[1].empty());
  CHECK(read.sites.size() == 7);
  CHECK(read.sites[6].nth == 4);
  CHECK(read.wires[1].actions == baseline.wires[1].actions);
  CHECK(read.hash == baseline.hash);
  CHECK(read.usual_lines == baseline.usual_lines);
  CHECK(read.cpu_seconds == baseline.cpu_seconds);
  CHECK(read.judgement == baseline.judgement);
}

}  // namespace
}  // namespace ringside
