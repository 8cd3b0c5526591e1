// The checker `xenbus`: each case breaks one rule; the first shows what breaks none.
#include "tests/unit/checkers/xen_fixture.h"

using namespace ringside;
using Catch::Contains;
using Rules = std::vector<std::string>;

namespace {

struct CheckedDevice : CheckedXen {
  CheckedDevice() { make_device("vbd/51712"); }
  void offer() {
    put(frontend + "/ring-ref", "8");
    put(frontend + "/event-channel", "3");
  }
  void announce() {
    for (const char* name : {"/sectors", "/sector-size", "/info"}) put(backend + name, "512");
  }
};

}  // namespace

TEST_CASE("Devices that come up, close and come up again break no rule of XenBus") {
  CheckedDevice device;
  device.offer();
  device.announce();
  for (int round = 0; round < 3; ++round) {
    device.set_state(device.frontend, 3);
    device.set_state(device.backend, 4);
    device.set_state(device.backend, 4);
    device.set_state(device.frontend, 4);
    device.set_state(device.backend, 5);
    device.set_state(device.frontend, 5);
    device.set_state(device.frontend, 6);
    device.set_state(device.backend, 6);
    device.set_state(device.frontend, 1);
    device.set_state(device.backend, 2);
  }
  REQUIRE(device.toolstack.remove(device.frontend));
  REQUIRE(device.toolstack.remove(device.backend));
  device.checkers->end(true);
  CHECK(device.rules() == Rules{});
}

TEST_CASE("What a transaction writes counts at its end, in any order") {
  CheckedDevice device;
  const auto transaction = device.toolstack.begin();
  REQUIRE(device.toolstack.write(device.frontend + "/state", "3", transaction));
  REQUIRE(device.toolstack.write(device.frontend + "/ring-ref", "8", transaction));
  REQUIRE(device.toolstack.write(device.frontend + "/event-channel", "3", transaction));
  CHECK(device.rules() == Rules{});
  REQUIRE(device.toolstack.end(transaction, true));
  CHECK(device.rules() == Rules{});
}

TEST_CASE("Who says that it is ready has said what the other end needs") {
  CheckedDevice device;
  SECTION("a frontend: its ring") {
    device.put(device.frontend + "/ring-ref", "8");
    device.set_state(device.frontend, 3);
  }
  SECTION("a backend: its disk") {
    device.put(device.backend + "/sectors", "8");
    device.put(device.backend + "/info", "0");
    device.set_state(device.backend, 4);
  }
  CHECK(device.rules() == Rules{"xenbus/keys_missing"});
}

TEST_CASE("An end goes where it can go") {
  CheckedDevice device;
  device.offer();
  device.announce();
  device.set_state(device.frontend, 3);
  device.set_state(device.backend, 4);
  device.set_state(device.frontend, 4);
  REQUIRE(device.rules() == Rules{});
  SECTION("a backend not back to InitWait") {
    device.set_state(device.backend, 2);
    REQUIRE(device.rules() == Rules{"xenbus/transition"});
    CHECK_THAT(device.checkers->violations()[0].text, Contains("from Connected to InitWait"));
  }
  SECTION("a frontend not from Closing to Connected") {
    device.set_state(device.frontend, 5);
    device.set_state(device.frontend, 4);
    CHECK(device.rules() == Rules{"xenbus/transition"});
  }
  SECTION("a frontend not from Closed to Connected") {
    device.set_state(device.frontend, 6);
    device.set_state(device.frontend, 4);
    CHECK(device.rules() == Rules{"xenbus/transition"});
  }
  SECTION("a frontend not from Closed to Closing, unless its backend has died") {
    device.set_state(device.frontend, 6);
    const bool dies = GENERATE(false, true);
    if (dies) REQUIRE(device.toolstack.remove(device.backend));
    device.set_state(device.frontend, 5);
    CHECK(device.rules() == (dies ? Rules{} : Rules{"xenbus/transition"}));
  }
  SECTION("a frontend not anew without having closed") {
    device.set_state(device.frontend, 1);
    CHECK(device.rules() == Rules{"xenbus/reconnect_unclosed"});
  }
  SECTION("nor to what is no state") {
    device.set_state(device.frontend, 9);
    CHECK(device.rules() == Rules{"xenbus/bad_state"});
  }
}

TEST_CASE("A device's folders go together") {
  CheckedDevice device;
  device.set_state(device.frontend, 6);
  const bool dies = GENERATE(false, true);  // with its domain: then no toolstack looks at the frontend
  if (!dies) device.set_state(device.backend, 6);
  REQUIRE(device.toolstack.remove(device.backend));
  device.checkers->end(true);
  CHECK(device.rules() == (dies ? Rules{} : Rules{"xenbus/nodes_left"}));
}
