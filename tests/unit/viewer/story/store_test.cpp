// Proves what XenStore and XenBus are behind a row, from messages alone: what nobody has written, read or
// listed is not known.
#include "tests/unit/viewer/story/story_table.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::story_test;

namespace {

const StoreNode* find(const StoreState& store, const std::vector<std::string>& path) {
  const StoreNode* node = &store.root;
  for (const std::string& part : path) {
    const auto child = node->children.find(part);
    if (child == node->children.end()) return nullptr;
    node = &child->second;
  }
  return node;
}
const std::vector<std::string> kName = {"local", "domain", "1", "name"};

}  // namespace

TEST_CASE("a write shows when it is answered, and not when it is refused") {
  Rows rows;
  const Row asked = rows.store(XS_WRITE, Direction::out, 1, std::string_view("name\0one", 8));
  const Row done = rows.store(XS_WRITE, Direction::in, 1, std::string_view("OK\0", 3));
  rows.store(XS_WRITE, Direction::out, 2, std::string_view("name\0two", 8));
  const Row refused = rows.store(XS_ERROR, Direction::in, 2, std::string_view("EACCES\0", 7));
  Story story(rows.table);
  story.update();
  CHECK(find(story.store(asked), kName) == nullptr);
  REQUIRE(find(story.store(done), kName) != nullptr);
  CHECK(find(story.store(done), kName)->value == "one");
  CHECK(find(story.store(done), kName)->changed == done);
  CHECK(find(story.store(refused), kName)->value == "one");
}

TEST_CASE("a transaction shows when it is committed, and never when it is not") {
  Rows rows;
  const auto transaction = [&](uint32_t number, const char* value, std::string_view end, bool conflict) {
    rows.store(XS_TRANSACTION_START, Direction::out, 10, std::string_view("\0", 1));
    rows.store(XS_TRANSACTION_START, Direction::in, 10, std::to_string(number) + '\0');
    const Row written = rows.write("name", value, number);
    rows.store(XS_TRANSACTION_END, Direction::out, 11, end, number);
    const Row over =
        rows.store(conflict ? uint32_t{XS_ERROR} : uint32_t{XS_TRANSACTION_END}, Direction::in, 11,
                   conflict ? std::string_view("EAGAIN\0", 7) : std::string_view("OK\0", 3), number);
    return std::pair(written, over);
  };
  const auto first = transaction(5, "one", std::string_view("T\0", 2), false);
  const auto given_up = transaction(6, "two", std::string_view("F\0", 2), false);
  const auto conflict = transaction(7, "three", std::string_view("T\0", 2), true);
  Story story(rows.table);
  story.update();
  CHECK(find(story.store(first.first), kName) == nullptr);
  CHECK(story.store(first.first).transactions_open == 1);
  CHECK(find(story.store(first.second), kName)->value == "one");
  CHECK(story.store(first.second).transactions_open == 0);
  CHECK(find(story.store(given_up.second), kName)->value == "one");
  CHECK(find(story.store(conflict.second), kName)->value == "one");
  CHECK(story.store(conflict.second).transactions_open == 0);
}

TEST_CASE("reads and listings show what is there, and what is gone") {
  Rows rows;
  rows.store(XS_READ, Direction::out, 1, std::string_view("/local/domain/1/name\0", 21));
  const Row read = rows.store(XS_READ, Direction::in, 1, "guest");
  rows.store(XS_DIRECTORY, Direction::out, 2, std::string_view("/local/domain/1\0", 16));
  const Row listed = rows.store(XS_DIRECTORY, Direction::in, 2, std::string_view("name\0memory\0", 12));
  rows.store(XS_DIRECTORY, Direction::out, 3, std::string_view("/local/domain/1\0", 16));
  const Row fewer = rows.store(XS_DIRECTORY, Direction::in, 3, std::string_view("memory\0", 7));
  rows.store(XS_READ, Direction::out, 4, std::string_view("memory\0", 7));
  const Row gone = rows.store(XS_ERROR, Direction::in, 4, std::string_view("ENOENT\0", 7));
  Story story(rows.table);
  story.update();
  CHECK(find(story.store(read), kName)->value == "guest");
  // New to us, but nobody has changed it.
  CHECK(find(story.store(read), kName)->changed == kNoRow);
  CHECK(find(story.store(listed), {"local", "domain", "1", "memory"}) != nullptr);
  CHECK_FALSE(find(story.store(listed), kName)->removed);
  CHECK(find(story.store(fewer), kName)->removed);
  CHECK(find(story.store(fewer), kName)->changed == fewer);
  CHECK(find(story.store(gone), {"local", "domain", "1", "memory"})->removed);
}

TEST_CASE("what is removed takes all below with it, and may come again") {
  Rows rows;
  rows.write("data/a/b", "1");
  ++rows.store_request;
  rows.store(XS_RM, Direction::out, rows.store_request, std::string_view("data/a\0", 7));
  const Row removed = rows.store(XS_RM, Direction::in, rows.store_request, std::string_view("OK\0", 3));
  const Row again = rows.write("data/a", "2");
  const std::vector<std::string> a = {"local", "domain", "1", "data", "a"};
  std::vector<std::string> b = a;
  b.push_back("b");
  Story story(rows.table);
  story.update();
  CHECK(find(story.store(removed), a)->removed);
  CHECK(find(story.store(removed), b)->removed);
  CHECK_FALSE(find(story.store(again), a)->removed);
  CHECK(find(story.store(again), b)->removed);
  CHECK(find(story.store(again), a)->value == "2");
}

TEST_CASE("a watch fires, and what it names has changed, but for the first time") {
  Rows rows;
  rows.write("name", "one");
  rows.store(XS_WATCH, Direction::out, 90, std::string_view("name\0token\0", 11));
  const Row set = rows.store(XS_WATCH, Direction::in, 90, std::string_view("OK\0", 3));
  const Row first = rows.store(XS_WATCH_EVENT, Direction::in, 0, std::string_view("name\0token\0", 11));
  const Row second = rows.store(XS_WATCH_EVENT, Direction::in, 0, std::string_view("name\0token\0", 11));
  rows.store(XS_UNWATCH, Direction::out, 91, std::string_view("name\0token\0", 11));
  const Row unset = rows.store(XS_UNWATCH, Direction::in, 91, std::string_view("OK\0", 3));
  Story story(rows.table);
  story.update();
  REQUIRE(story.store(set).watches.size() == 1);
  CHECK(story.store(set).watches[0].domain == "dom1");
  CHECK(story.store(set).watches[0].path == "name");
  CHECK(story.store(set).watches[0].fired == kNoRow);
  CHECK(story.store(first).watches[0].fired == first);
  CHECK(find(story.store(first), kName)->changed < set);
  CHECK(find(story.store(second), kName)->changed == second);
  CHECK(story.store(unset).watches.empty());
}

TEST_CASE("a hostile store is bounded") {
  Rows rows;
  std::string deep;
  for (int i = 0; i < 1500; ++i) deep += "/a";
  rows.write(deep, "x");
  for (int i = 0; i < 60'000; ++i) rows.write("data/" + std::to_string(i), "");
  Story story(rows.table);
  story.update();
  const StoreState& store = story.store(rows.table.size() - 1);
  const StoreNode* node = find(store, {"local", "domain", "1", "data"});
  REQUIRE(node != nullptr);
  CHECK(node->children.size() > 1000);
  CHECK(node->children.size() <= 50'000);
}

TEST_CASE("XenBus shows each end's states up to the row") {
  Rows rows;
  const auto state = [&](uint8_t end, uint8_t to) {
    return rows.add("dom1/xenbus/xvda", 105, end == 0 ? Direction::out : Direction::in,
                    bytes_of(XenbusStateRecord{static_cast<uint8_t>(end << 4 | to), end, to, 0}));
  };
  const Row wait = state(1, 2), initialised = state(0, 3), connected = state(1, 4);
  Story story(rows.table);
  story.update();
  REQUIRE(story.xenbus(connected).size() == 1);
  CHECK(story.xenbus(connected)[0].device == "dom1/xvda");
  CHECK(story.xenbus(connected)[0].backend.state == 4);
  CHECK(story.xenbus(connected)[0].backend.since == connected);
  CHECK(story.xenbus(connected)[0].backend.path ==
        std::vector<std::pair<uint8_t, Row>>{{2, wait}, {4, connected}});
  CHECK(story.xenbus(initialised)[0].frontend.state == 3);
  CHECK(story.xenbus(initialised)[0].backend.state == 2);
  CHECK(story.xenbus(wait)[0].frontend.state == 0);
  CHECK(story.xenbus(wait)[0].frontend.since == kNoRow);
  CHECK(story.xenbus(connected)[0].frontend.since == initialised);
}

TEST_CASE("of a share, which has no wire for it, messages show its ends' states") {
  Rows rows;
  rows.ninep(100, 0xffff);
  const auto read = [&](const char* value) {
    ++rows.store_request;
    rows.store(XS_READ, Direction::out, rows.store_request, "/local/domain/0/backend/9pfs/1/0/state");
    return rows.store(XS_READ, Direction::in, rows.store_request, value);
  };
  const Row wait = read("2");
  const Row initialised = rows.write("device/9pfs/0/state", "3");
  read("2");
  const Row connected = read("4");
  rows.write("device/9pfs/0/state/none", "9");
  Story story(rows.table);
  story.update();
  CHECK(story.xenbus(0).empty());
  REQUIRE(story.xenbus(connected).size() == 1);
  CHECK(story.xenbus(connected)[0].device == "dom1/share");
  CHECK(story.xenbus(connected)[0].frontend.path == std::vector<std::pair<uint8_t, Row>>{{3, initialised}});
  CHECK(story.xenbus(connected)[0].backend.path ==
        std::vector<std::pair<uint8_t, Row>>{{2, wait}, {4, connected}});
  CHECK(story.xenbus(initialised)[0].backend.state == 2);
  CHECK(story.xenbus(rows.table.size() - 1)[0].frontend.state == 3);
}
