// Proves the walk of XenBus states of the block backend and what it does with frontends that break off or
// write nonsense.
#include <cstddef>

#include "hv-model/payloads.h"
#include "tests/unit/hv-model/blk_fixture.h"

namespace ringside {

TEST_CASE("blk: the toolstack's nodes are there, and belong to those who may write them") {
  BlkFixture fixture;
  CHECK(fixture.backend_state() == XenbusState::init_wait);
  CHECK(fixture.backend_node("frontend") == fixture.frontend_folder());
  CHECK(fixture.backend_node("mode") == "w");
  CHECK(fixture.backend_node("sectors") == "(none)");  // not before it is connected
  CHECK(fixture.guest->read(fixture.frontend_folder() + "/backend").value_or("") == fixture.backend_folder());
  CHECK(fixture.guest->read(fixture.frontend_folder() + "/virtual-device").value_or("") == "51712");
  CHECK(fixture.guest->read(fixture.backend_folder() + "/state").has_value());
  CHECK(fixture.guest->write(fixture.backend_folder() + "/state", "4").error() == "EACCES");
  CHECK(fixture.guest->write(fixture.frontend_folder() + "/state", "1").has_value());
}

TEST_CASE("blk: connecting announces the disk") {
  BlkFixture fixture(BlkBackendConfig{.name = "xvda", .read_only = true, .discard = true});
  fixture.connect();
  CHECK(fixture.backend_node("sectors") == "256");
  CHECK(fixture.backend_node("sector-size") == "512");
  CHECK(fixture.backend_node("info") == "4");  // VDISK_READONLY
  CHECK(fixture.backend_node("feature-flush-cache") == "1");
  CHECK(fixture.backend_node("feature-barrier") == "0");
  CHECK(fixture.backend_node("feature-discard") == "1");
  CHECK(fixture.backend_node("feature-persistent") == "1");
  CHECK(fixture.backend_node("feature-max-indirect-segments") == "256");
  CHECK(fixture.backend_node("multi-queue-max-queues") == "4");
  CHECK(fixture.backend_node("max-ring-page-order") == "4");
  CHECK(fixture.backend_node("physical-sector-size") == "512");
  CHECK(fixture.grant_in_use(BlkFixture::kRingGrant));
}

namespace {

// Lets the backend die at a moment, as a fault that strikes it does: from the event queue, right behind it.
struct Moments : Tap {
  void on_crossing(const Wire&, Crossing& crossing, Verdict&) override {
    seen.push_back(crossing.payload->at(offsetof(XenbusStateRecord, type)));
    if (seen.back() == deadly)
      fixture->events.schedule(fixture->clock.now, "test/crash",
                               [this] { fixture->backend->crash(milliseconds(5)); });
  }
  BlkFixture* fixture = nullptr;
  int deadly = -1;
  std::vector<int> seen;
};
constexpr int kBackend = 0x10;

}  // namespace

TEST_CASE("blk: the states of both ends are shown where they are noticed") {
  BlkFixture fixture;
  Moments moments;
  fixture.wiring.add_tap(moments, "dom1/xenbus/xvda");
  fixture.connect();
  fixture.set_state(XenbusState::closing);
  fixture.set_state(XenbusState::closed);
  CHECK(moments.seen == std::vector<int>{3, kBackend | 4, 4, 5, kBackend | 5, 6, kBackend | 6});
}

TEST_CASE("blk: who dies when the frontend says Initialised has not connected to it") {
  BlkFixture fixture;
  Moments moments;
  moments.fixture = &fixture;
  moments.deadly = 3;
  fixture.wiring.add_tap(moments, "dom1/xenbus/xvda");
  fixture.publish_nodes();
  fixture.put_node("state", "3");
  fixture.run(milliseconds(3));
  CHECK(moments.seen == std::vector<int>{3});
  CHECK_FALSE(fixture.grant_in_use(BlkFixture::kRingGrant));
  moments.deadly = -1;
  fixture.run(milliseconds(20));  // the next one finds it as it is
  CHECK(moments.seen == std::vector<int>{3, kBackend | 2, 3, kBackend | 4});
}

TEST_CASE("blk: a frontend may close and connect again, many times") {
  BlkFixture fixture;
  for (int round = 0; round < 300; ++round) {
    fixture.connect();
    REQUIRE(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 0, 0, 0, 0)) == BLKIF_RSP_OKAY);
    if (round % 2) {
      fixture.set_state(XenbusState::closing);
      REQUIRE(fixture.backend_state() == XenbusState::closing);
    }
    fixture.set_state(XenbusState::closed);
    REQUIRE(fixture.backend_state() == XenbusState::closed);
    REQUIRE_FALSE(fixture.grant_in_use(BlkFixture::kRingGrant));
    REQUIRE(fixture.hypervisor.channels.close(fixture.domain->id, fixture.port) == 0);
    fixture.set_state(XenbusState::initialising);
    REQUIRE(fixture.backend_state() == XenbusState::init_wait);
  }
}

TEST_CASE("blk: a frontend that skips Initialised connects all the same") {
  BlkFixture fixture;
  fixture.publish_nodes();
  fixture.set_state(XenbusState::connected);
  CHECK(fixture.backend_state() == XenbusState::connected);
}

TEST_CASE("blk: requests that wait in the ring when it is connected are served") {
  BlkFixture fixture;
  FRONT_RING_ATTACH(&fixture.front, fixture.shared(), 0, kPageSize);
  fixture.shared()->rsp_event = 1;
  fixture.put(BlkFixture::transfer(BLKIF_OP_READ, 0, 0, 0, 0));
  fixture.shared()->req_prod = 1;
  fixture.publish_nodes();
  fixture.set_state(XenbusState::initialised);
  CHECK(fixture.take().size() == 1);
}

TEST_CASE("blk: a broken frontend is told why, and nothing of it stays in use") {
  BlkFixture fixture;
  std::string expected;
  fixture.publish_nodes();
  SECTION("no ring-ref") {
    REQUIRE(fixture.guest->remove(fixture.frontend_folder() + "/ring-ref").has_value());
    expected = "22 reading /local/domain/1/device/vbd/51712/ring-ref";
  }
  SECTION("no event-channel") {
    REQUIRE(fixture.guest->remove(fixture.frontend_folder() + "/event-channel").has_value());
    expected = "22 reading /local/domain/1/device/vbd/51712/event-channel";
  }
  SECTION("a ring-ref that is no number") {
    fixture.put_node("ring-ref", "eight");
    expected = "22 reading /local/domain/1/device/vbd/51712/ring-ref";
  }
  SECTION("a ring-ref beyond 32 bits") {
    fixture.put_node("ring-ref", "4294967304");
    expected = "22 reading /local/domain/1/device/vbd/51712/ring-ref";
  }
  SECTION("a grant that is not there") {
    fixture.put_node("ring-ref", "300");
    expected = "22 mapping ring-ref port " + std::to_string(fixture.port.value);
  }
  SECTION("a read-only grant") {
    fixture.put_node("ring-ref", std::to_string(BlkFixture::kReadOnlyGrant));
    expected = "22 mapping ring-ref port " + std::to_string(fixture.port.value);
  }
  SECTION("a port that is not there") {
    fixture.put_node("event-channel", "3000");
    expected = "22 mapping ring-ref port 3000";
  }
  SECTION("indices that jump from the start") {
    fixture.shared()->req_prod = 33;
    expected = "5 mapping ring-ref port " + std::to_string(fixture.port.value);
  }
  SECTION("an unknown layout") {
    fixture.put_node("protocol", "arm-abi");
    expected = "38 unknown fe protocol arm-abi";
  }
  SECTION("more queues than there are") {
    fixture.put_node("multi-queue-num-queues", "5");
    expected = "38 guest requested 5 queues, exceeding the maximum of 4.";
  }
  SECTION("no queue at all") {
    fixture.put_node("multi-queue-num-queues", "0");
    expected = "38 guest requested 0 queues, exceeding the maximum of 4.";
  }
  SECTION("queues without nodes of their own") {
    fixture.put_node("multi-queue-num-queues", "2");
    expected = "22 reading /local/domain/1/device/vbd/51712/queue-0/event-channel";
  }
  SECTION("a ring larger than offered") {
    fixture.put_node("ring-page-order", "5");
    expected = "22 requested ring page order 5 exceed max:4";
  }
  SECTION("a larger ring without its references") {
    fixture.put_node("ring-page-order", "1");
    fixture.put_node("ring-ref0", std::to_string(BlkFixture::kRingGrant));
    expected = "22 reading /local/domain/1/device/vbd/51712/ring-ref1";
  }
  SECTION("a larger ring whose second page is no grant") {
    fixture.put_node("ring-page-order", "1");
    fixture.put_node("ring-ref0", std::to_string(BlkFixture::kRingGrant));
    fixture.put_node("ring-ref1", "300");
    expected = "22 mapping ring-ref port " + std::to_string(fixture.port.value);
  }
  SECTION("two queues with one event channel") {
    fixture.put_node("multi-queue-num-queues", "2");
    for (const char* queue : {"queue-0", "queue-1"}) {
      fixture.put_node(std::string(queue) + "/ring-ref", std::to_string(BlkFixture::kRingGrant));
      fixture.put_node(std::string(queue) + "/event-channel", std::to_string(fixture.port.value));
    }
    expected = "22 mapping ring-ref port " + std::to_string(fixture.port.value);
  }
  fixture.set_state(XenbusState::initialised);
  CHECK(fixture.backend_state() == XenbusState::closing);
  CHECK(fixture.toolstack.read("error/backend/vbd/1/51712/error").value_or("") == expected);
  CHECK_FALSE(fixture.grant_in_use(BlkFixture::kRingGrant));
  CHECK_FALSE(fixture.grant_in_use(BlkFixture::kReadOnlyGrant));
}

TEST_CASE("blk: a state that no frontend has is an error") {
  BlkFixture fixture;
  fixture.set_state(XenbusState::init_wait);
  CHECK(fixture.backend_state() == XenbusState::closing);
}

TEST_CASE("blk: a frontend that takes its state away loses the device") {
  BlkFixture fixture;
  fixture.connect();
  REQUIRE(fixture.guest->remove(fixture.frontend_folder() + "/state").has_value());
  fixture.run();
  CHECK(fixture.backend_state() == XenbusState::closed);
  CHECK_FALSE(fixture.grant_in_use(BlkFixture::kRingGrant));
  fixture.set_state(XenbusState::initialising);
  CHECK(fixture.backend_state() == XenbusState::closed);
}

TEST_CASE("blk: a device that is offline goes with its frontend") {
  BlkFixture fixture;
  fixture.connect();
  REQUIRE(fixture.toolstack.write(fixture.backend_folder() + "/online", "0").has_value());
  fixture.set_state(XenbusState::closed);
  fixture.set_state(XenbusState::initialising);
  CHECK(fixture.backend_state() == XenbusState::closed);
}

}  // namespace ringside
