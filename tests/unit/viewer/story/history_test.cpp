// Proves that a state found at random is the one that all rows in order make, that going on after a
// truncation is as if nothing had been before it, and that going to and fro is cheap. What it costs on a
// clock, `bench` measures.
#include "viewer/story/history.h"
#include "sim/random.h"
#include "tests/unit/viewer/story/story_table.h"
#include "viewer/story/device_facts.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::story_test;

namespace {

// Sums the rows, and counts how often that is done.
struct Sum {
  void apply(const StoryParts&, Row row, uint32_t) {
    ++*applied;
    ++count;
    sum = sum * 31 + row;
  }
  size_t bytes() const { return weight; }
  uint64_t sum = 0, count = 0;
  size_t weight = 64;
  size_t* applied = nullptr;
};

struct Bench {
  explicit Bench(size_t weight = 64) : history(parts, own, Sum{.weight = weight, .applied = &applied}) {}
  // Two wires of our own, and one of others.
  void fill(size_t count) {
    for (const char* name : {"a", "b", "c"}) table.add_wire(name, WireKind::message, 1, {});
    own = {0, 2};
    for (size_t i = 0; i < count; ++i)
      table.add({table.size()}, table.size(), static_cast<uint32_t>(random.below(3)), Direction::out, 0, 0,
                {});
  }
  uint64_t expected(Row behind) const {
    uint64_t sum = 0;
    for (Row row = 0; behind != kNoRow && row <= behind; ++row)
      if (table.wire(row) != 1) sum = sum * 31 + row;
    return sum;
  }
  CrossingTable table;
  StoryWires wires;
  DeviceFacts facts{wires};
  StoryParts parts{table, wires, facts};
  std::vector<uint32_t> own;
  Random random{1};
  size_t applied = 0;
  History<Sum> history;
};

}  // namespace

TEST_CASE("any row's state is found, whatever was asked before") {
  Bench bench;
  bench.fill(20'000);
  for (int i = 0; i < 300; ++i) {
    const Row row = static_cast<Row>(bench.random.below(bench.table.size()));
    REQUIRE(bench.history.at(row).sum == bench.expected(row));
    const Row near = row < 5 ? row : row - static_cast<Row>(bench.random.below(5));
    REQUIRE(bench.history.at(near).sum == bench.expected(near));
  }
  CHECK(bench.history.at(kNoRow).sum == 0);
  CHECK(bench.history.at(kNoRow - 1).sum == bench.expected(19'999));
}

TEST_CASE("one step costs about one row, forwards and backwards") {
  Bench bench;
  bench.fill(600'000);
  const Row last = bench.table.size() - 1;
  bench.history.at(last);
  CHECK(bench.applied < 600'000);
  CHECK(bench.history.copies() <= 512);
  bench.applied = 0;
  for (Row row = last; row > last - 2000; --row) bench.history.at(row);
  CHECK(bench.applied < 2000 * 16);
  bench.applied = 0;
  for (Row row = last - 2000; row < last; ++row) bench.history.at(row);
  CHECK(bench.applied <= 2000);
  bench.applied = 0;
  for (int i = 0; i < 100; ++i) bench.history.at(static_cast<Row>(bench.random.below(last)));
  CHECK(bench.applied < 100 * 2400);
}

TEST_CASE("copies of large states take a bounded memory") {
  Bench bench(1 << 20);
  bench.fill(100'000);
  bench.history.at(bench.table.size() - 1);
  CHECK(bench.history.bytes() <= 8 << 20);
  CHECK(bench.history.copies() > 0);
  CHECK(bench.history.at(77'777).sum == bench.expected(77'777));
}

TEST_CASE("after a truncation all is as if it had been so from the start") {
  Bench bench;
  bench.fill(10'000);
  bench.history.at(9'999);
  bench.history.at(9'000);
  for (const Row first : {9'500u, 4'000u, 10u}) {
    bench.table.truncate(first);
    bench.history.truncate(bench.table.kept_since(bench.table.history() - 1));
    while (bench.table.size() < 11'000)
      bench.table.add({bench.table.size()}, bench.table.size(), static_cast<uint32_t>(bench.random.below(3)),
                      Direction::out, 0, 0, {});
    for (const Row row : {first - 1, first, 10'999u, 5'000u})
      REQUIRE(bench.history.at(row).sum == bench.expected(row));
  }
}

TEST_CASE("a table remembers how much of it several truncations have left") {
  CrossingTable table;
  table.add_wire("a", WireKind::message, 1, {});
  for (int i = 0; i < 10; ++i) table.add({}, table.size(), 0, Direction::out, 0, 0, {});
  table.truncate(8);
  table.truncate(3);
  for (int i = 0; i < 10; ++i) table.add({}, table.size(), 0, Direction::out, 0, 0, {});
  table.truncate(9);
  CHECK(table.history() == 3);
  CHECK(table.kept_since(0) == 3);
  CHECK(table.kept_since(2) == 9);
  CHECK(table.kept_since(3) == 9);
}
