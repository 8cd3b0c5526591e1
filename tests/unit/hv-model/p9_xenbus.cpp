// Proves the walk of XenBus states of the 9P backend, what it offers, and what it does with frontends that
// break off or write nonsense.
#include "tests/unit/hv-model/p9_fixture.h"

namespace ringside {

TEST_CASE("9pfs: the toolstack's and the backend's nodes are there, and belong to those who may write them") {
  P9Fixture fixture(NinePfsConfig{.tag = "share", .path = "/srv", .max_rings = 4, .max_ring_page_order = 6});
  CHECK(fixture.backend_state() == XenbusState::init_wait);
  CHECK(fixture.backend_node("versions") == "1");
  CHECK(fixture.backend_node("max-rings") == "4");
  CHECK(fixture.backend_node("max-ring-page-order") == "6");
  CHECK(fixture.backend_node("path") == "/srv");
  CHECK(fixture.backend_node("security_model") == "none");
  CHECK(fixture.backend_node("frontend") == fixture.frontend_folder());
  CHECK(fixture.guest.read(fixture.frontend_folder() + "/tag").value_or("") == "share");
  CHECK(fixture.guest.read(fixture.frontend_folder() + "/backend").value_or("") == fixture.backend_folder());
  CHECK(fixture.guest.read(fixture.backend_folder() + "/state").has_value());
  CHECK(fixture.guest.write(fixture.backend_folder() + "/state", "4").error() == "EACCES");
  CHECK(fixture.guest.write(fixture.frontend_folder() + "/state", "1").has_value());
}

TEST_CASE("9pfs: a frontend may close and connect again, many times, and the service forgets it") {
  P9Fixture fixture;
  for (unsigned round = 0; round < 200; ++round) {
    fixture.connect(1, 2);
    fixture.ask(ScriptedService::message(ninep::Tclunk, 1, 11), round % 2);
    REQUIRE(fixture.take(round % 2).size() == 7);
    if (round % 2) {
      fixture.set_state(XenbusState::closing);
      REQUIRE(fixture.backend_state() == XenbusState::closing);
      REQUIRE_FALSE(fixture.any_grant_in_use());
    }
    fixture.set_state(XenbusState::closed);
    REQUIRE(fixture.backend_state() == XenbusState::closed);
    REQUIRE_FALSE(fixture.any_grant_in_use());
    REQUIRE(fixture.service.resets == round + 1);
    for (const FrontRing& ring : fixture.rings)
      REQUIRE(fixture.hypervisor.channels.close(fixture.domain->id, ring.port) == 0);
    fixture.set_state(XenbusState::initialising);
    REQUIRE(fixture.backend_state() == XenbusState::init_wait);
  }
}

TEST_CASE("9pfs: a frontend that skips Initialised connects all the same") {
  P9Fixture fixture;
  fixture.make_ring(1);
  fixture.publish_nodes();
  fixture.set_state(XenbusState::connected);
  CHECK(fixture.backend_state() == XenbusState::connected);
}

TEST_CASE("9pfs: messages that wait in the ring when it is connected are served") {
  P9Fixture fixture;
  fixture.make_ring(1);
  fixture.write(ScriptedService::message(ninep::Tclunk, 5, 11));
  fixture.connect();
  CHECK(fixture.take().size() == 7);
}

TEST_CASE("9pfs: indices may begin anywhere") {
  P9Fixture fixture;
  fixture.make_ring(1);
  FrontRing& ring = fixture.rings[0];
  ring.out_prod = ring.in_cons = 0xfffffffe;
  for (const size_t at : {P9Fixture::kInCons, P9Fixture::kInProd, P9Fixture::kOutCons, P9Fixture::kOutProd})
    fixture.store_index(ring, at, 0xfffffffe);
  fixture.connect();
  fixture.ask(ScriptedService::message(ninep::Tclunk, 5, 11));
  CHECK(fixture.take() == ScriptedService::message(ninep::Rclunk, 5));
  CHECK(fixture.load_index(ring, P9Fixture::kOutCons) == 9);
}

TEST_CASE("9pfs: a broken frontend is told why, and nothing of it stays in use") {
  P9Fixture fixture(NinePfsConfig{.max_rings = 2, .max_ring_page_order = 3});
  fixture.make_ring(1);
  fixture.make_ring(1);
  fixture.publish_nodes();
  const std::string folder = fixture.frontend_folder();
  std::string expected;
  SECTION("no version") {
    REQUIRE(fixture.guest.remove(folder + "/version").has_value());
    expected = "22 version '' is not among 1";
  }
  SECTION("a version that is not offered") {
    fixture.put_node("version", "2");
    expected = "22 version '2' is not among 1";
  }
  SECTION("no num-rings") {
    REQUIRE(fixture.guest.remove(folder + "/num-rings").has_value());
    expected = "2 reading " + folder + "/num-rings";
  }
  SECTION("no ring at all") {
    fixture.put_node("num-rings", "0");
    expected = "22 num-rings is 0, where 1 to 2 can be";
  }
  SECTION("more rings than there may be") {
    fixture.put_node("num-rings", "3");
    expected = "22 num-rings is 3, where 1 to 2 can be";
  }
  SECTION("no second ring-ref") {
    REQUIRE(fixture.guest.remove(folder + "/ring-ref1").has_value());
    expected = "2 reading " + folder + "/ring-ref1";
  }
  SECTION("a ring-ref that is no number") {
    fixture.put_node("ring-ref1", "eight");
    expected = "22 reading " + folder + "/ring-ref1";
  }
  SECTION("no second event-channel") {
    REQUIRE(fixture.guest.remove(folder + "/event-channel-1").has_value());
    expected = "2 reading " + folder + "/event-channel-1";
  }
  SECTION("a grant that is not there") {
    fixture.put_node("ring-ref1", "590");
    expected = "22 ring-ref1 590: mapping interface page, status -1";
  }
  SECTION("a read-only interface page") {
    fixture.grant(P9Fixture::interface_grant(1), fixture.rings[1].interface, true);
    expected = "22 ring-ref1 608: mapping interface page, status -1";
  }
  SECTION("a data page that is not there") {
    fixture.store_index(fixture.rings[1], P9Fixture::kRefs + 4, 590);
    expected = "22 ring-ref1 608: mapping data page 1, ref 590, status -1";
  }
  SECTION("a ring order above the maximum") {
    fixture.store_index(fixture.rings[1], P9Fixture::kOrder, 4);
    expected = "22 ring-ref1 608: ring order 4 exceeds max:3";
  }
  SECTION("a ring order beyond any") {
    fixture.store_index(fixture.rings[1], P9Fixture::kOrder, 0xffffffff);
    expected = "22 ring-ref1 608: ring order 4294967295 exceeds max:3";
  }
  SECTION("a port that is not there") {
    fixture.put_node("event-channel-1", "3000");
    expected = "22 binding event-channel-1 port 3000";
  }
  SECTION("a port for two rings") {
    fixture.put_node("event-channel-1", std::to_string(fixture.rings[0].port.value));
    expected = "22 binding event-channel-1 port " + std::to_string(fixture.rings[0].port.value);
  }
  fixture.set_state(XenbusState::initialised);
  CHECK(fixture.error_node() == expected);
  CHECK(fixture.backend_state() == XenbusState::closing);
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.hypervisor.channels.ports_in_use(DomainId{0}) == 0);
  fixture.set_state(XenbusState::closed);
  CHECK(fixture.backend_state() == XenbusState::closed);
}

TEST_CASE("9pfs: a failed frontend that begins anew is served") {
  P9Fixture fixture;
  fixture.make_ring(1);
  fixture.publish_nodes();
  fixture.put_node("num-rings", "9");
  fixture.set_state(XenbusState::initialised);
  REQUIRE(fixture.backend_state() == XenbusState::closing);
  fixture.set_state(XenbusState::closed);
  fixture.set_state(XenbusState::initialising);
  REQUIRE(fixture.backend_state() == XenbusState::init_wait);
  fixture.connect();
  fixture.ask(ScriptedService::message(ninep::Tclunk, 1, 11));
  CHECK(fixture.take().size() == 7);
}

TEST_CASE("9pfs: a state that no frontend has there is an error") {
  P9Fixture fixture;
  fixture.set_state(XenbusState::reconfiguring);
  CHECK(fixture.error_node() == "22 saw state 7 at frontend");
}

TEST_CASE("9pfs: a share that is detached waits for its frontend, and its nodes go") {
  P9Fixture fixture;
  fixture.connect();
  REQUIRE(fixture.backend->detach(false));
  fixture.run();
  CHECK(fixture.backend_state() == XenbusState::closing);  // as the frontend sees it
  CHECK(fixture.backend->attached());
  CHECK(fixture.any_grant_in_use());
  fixture.set_state(XenbusState::closing);
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.backend->attached());
  fixture.set_state(XenbusState::closed);
  CHECK_FALSE(fixture.backend->attached());
  CHECK(fixture.backend_node("state") == "(none)");
  CHECK(fixture.guest.read(fixture.frontend_folder() + "/tag").error() == "ENOENT");
  CHECK(fixture.backend->detach(false).error().message == "share 'share0' is not attached");
}

TEST_CASE("9pfs: a share that is detached before anybody connected goes as well") {
  P9Fixture fixture;
  REQUIRE(fixture.backend->detach(false));
  fixture.set_state(XenbusState::closed);
  CHECK_FALSE(fixture.backend->attached());
  CHECK(fixture.backend_node("state") == "(none)");
}

TEST_CASE("9pfs: a frontend that does not close keeps its share, unless it is taken by force") {
  P9Fixture fixture;
  fixture.connect();
  REQUIRE(fixture.backend->detach(false));
  fixture.run(seconds(11));
  CHECK(fixture.backend->attached());
  CHECK(fixture.domain->notices.count(NoticeKind::unusual) == 1);
  fixture.ask(ScriptedService::message(ninep::Tclunk, 1, 11));
  CHECK(fixture.take().size() == 7);
  REQUIRE(fixture.backend->detach(true));
  fixture.run();
  CHECK_FALSE(fixture.backend->attached());
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.backend_node("state") == "(none)");
}

TEST_CASE("9pfs: a share comes back after it was detached, while the domain runs") {
  P9Fixture fixture;
  fixture.connect();
  CHECK(fixture.backend->attach().error().message == "share 'share0' is attached already");
  REQUIRE(fixture.backend->detach(false));
  fixture.set_state(XenbusState::closed);
  REQUIRE(fixture.backend->attach());
  fixture.run();
  CHECK(fixture.backend_state() == XenbusState::init_wait);
  fixture.connect();
  fixture.ask(ScriptedService::message(ninep::Tclunk, 1, 11));
  CHECK(fixture.load_index(fixture.rings[0], P9Fixture::kOutCons) == 11);
}

TEST_CASE("9pfs: a frontend whose folder goes is forgotten") {
  P9Fixture fixture;
  fixture.connect();
  REQUIRE(fixture.toolstack.remove(fixture.frontend_folder()).has_value());
  fixture.run();
  CHECK(fixture.backend_state() == XenbusState::closed);
  CHECK_FALSE(fixture.any_grant_in_use());
  fixture.put_node("state", "3");
  fixture.run();
  CHECK(fixture.backend_state() == XenbusState::closed);
}

TEST_CASE("9pfs: a backend that goes gives everything back") {
  P9Fixture fixture;
  fixture.connect(2, 3);
  fixture.service.holds = true;
  fixture.ask(ScriptedService::message(ninep::Tclunk, 1, 11));
  fixture.backend.reset();
  fixture.run();
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.hypervisor.channels.ports_in_use(DomainId{0}) == 0);
}

}  // namespace ringside
