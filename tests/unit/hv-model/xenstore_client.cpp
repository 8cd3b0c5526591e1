// Proves: the in-process client's calls, and that events arrive later, from the event queue.
#include <catch2/catch.hpp>

#include "hv-model/xenbus.h"
#include "hv-model/xenstore/client.h"
#include "hv-model/xenstore/xenstore.h"

using namespace ringside;

namespace {

struct Desk {
  void run_until(Tick tick) {
    clock.now = tick;
    events.run_due(tick);
  }
  Clock clock;
  EventQueue events;
  XenStore store;
  XenStoreClient client{store, events, clock, microseconds(10)};
};

class Backend : public XenbusDevice {
 public:
  Backend(XenStoreClient& client)
      : XenbusDevice(client, "/local/domain/0/backend/vbd/1/51712", "/local/domain/1/device/vbd/51712") {}
  std::vector<XenbusState> seen;
  void start() { watch_other_end(); }

 protected:
  void other_end_changed(XenbusState state) override { seen.push_back(state); }
};

}  // namespace

TEST_CASE("XenStore client: values, folders and errors") {
  Desk desk;
  XenStoreClient& client = desk.client;
  CHECK(client.write("/a/b", "hello"));
  CHECK(client.read("/a/b").value() == "hello");
  CHECK(client.read("/a/none").error() == "ENOENT");
  CHECK(client.make_directory("/a/c"));
  CHECK(client.directory("/a").value() == std::vector<std::string>{"b", "c"});
  CHECK(client.set_permissions("/a/b", {"n1", "r2"}));
  CHECK(client.permissions("/a/b").value() == std::vector<std::string>{"n1", "r2"});
  CHECK(client.remove("/a"));
  CHECK(client.directory("/a").error() == "ENOENT");
  CHECK(client.write("/a", std::string(5000, 'x')).error() == "E2BIG");
  CHECK(client.write("relative", "x"));
  CHECK(client.read("/local/domain/0/relative").value() == "x");
}

TEST_CASE("XenStore client: transactions") {
  Desk desk;
  XenStoreClient& client = desk.client;
  REQUIRE(client.write("/a", "1"));
  const auto first = client.begin();
  REQUIRE(first != 0);
  CHECK(client.read("/a", first).value() == "1");
  CHECK(client.write("/a", "2"));
  CHECK(client.end(first, true).error() == "EAGAIN");
  const auto second = client.begin();
  CHECK(client.write("/b", "3", second));
  CHECK(client.read("/b").error() == "ENOENT");
  CHECK(client.end(second, true));
  CHECK(client.read("/b").value() == "3");
}

TEST_CASE("XenStore client: events arrive after the latency, and none after unwatch") {
  Desk desk;
  std::vector<std::string> seen;
  const auto note = [&](const std::string& path) { seen.push_back(path); };
  REQUIRE(desk.client.watch("/a", "t", note));
  CHECK(desk.client.watch("/a", "t", note).error() == "EEXIST");
  CHECK(seen.empty());
  desk.run_until(microseconds(9));
  CHECK(seen.empty());
  desk.run_until(microseconds(10));
  CHECK(seen == std::vector<std::string>{"/a"});
  REQUIRE(desk.client.write("/a/x", "1"));
  desk.run_until(microseconds(20));
  CHECK(seen == std::vector<std::string>{"/a", "/a/x"});
  REQUIRE(desk.client.write("/a/y", "1"));
  REQUIRE(desk.client.unwatch("/a", "t"));
  CHECK(desk.client.unwatch("/a", "t").error() == "ENOENT");
  desk.run_until(microseconds(30));
  CHECK(seen.size() == 2);
}

TEST_CASE("XenStore client: an event that is on its way when the client goes is lost") {
  Desk desk;
  bool called = false;
  {
    XenStoreClient short_lived(desk.store, desk.events, desk.clock, microseconds(10));
    REQUIRE(short_lived.watch("/a", "t", [&](const std::string&) { called = true; }));
  }
  desk.run_until(microseconds(100));
  CHECK(!called);
}

TEST_CASE("XenBus: states, the other end, and a fatal error") {
  Desk desk;
  Backend backend(desk.client);
  CHECK(backend.state() == XenbusState::unknown);
  backend.switch_state(XenbusState::init_wait);
  CHECK(desk.client.read("/local/domain/0/backend/vbd/1/51712/state").value() == "2");
  backend.start();
  desk.run_until(milliseconds(1));
  CHECK(backend.seen == std::vector<XenbusState>{XenbusState::unknown});
  REQUIRE(desk.client.write("/local/domain/1/device/vbd/51712/state", "1"));
  REQUIRE(desk.client.write("/local/domain/1/device/vbd/51712/state", "1"));
  desk.run_until(milliseconds(2));
  REQUIRE(desk.client.write("/local/domain/1/device/vbd/51712/state", "3"));
  desk.run_until(milliseconds(3));
  CHECK(backend.seen ==
        std::vector<XenbusState>{XenbusState::unknown, XenbusState::initialising, XenbusState::initialised});
  REQUIRE(desk.client.write("/local/domain/1/device/vbd/51712/ring-ref", "8"));
  CHECK(backend.read_other("ring-ref").value() == "8");

  backend.fail(22, "reading ring-ref");
  CHECK(desk.client.read("/local/domain/0/error/backend/vbd/1/51712/error").value() == "22 reading ring-ref");
  CHECK(desk.client.read("/local/domain/0/backend/vbd/1/51712/state").value() == "5");
  CHECK(backend.state() == XenbusState::closing);
}

TEST_CASE("XenBus: what is a state") {
  CHECK(parse_xenbus_state("4") == XenbusState::connected);
  CHECK(parse_xenbus_state("8") == XenbusState::reconfigured);
  for (const char* bad : {"", "9", "44", "x", "4 ", "-1"})
    CHECK(parse_xenbus_state(bad) == XenbusState::unknown);
  CHECK(to_string(XenbusState::init_wait) == "InitWait");
}
