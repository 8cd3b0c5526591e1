// Proves the walk of XenBus states of the network backend, its nodes, what it says of broken frontends, and
// the toolstack's attaching and detaching. After xen-netback's xenbus.c and libxl.
#include "tests/unit/hv-model/net_fixture.h"

namespace ringside {

TEST_CASE("net: both ends' nodes are there, and belong to those who may write them") {
  NetFixture fixture;
  CHECK(fixture.backend_state() == XenbusState::init_wait);
  CHECK(fixture.backend_node("frontend") == fixture.frontend_folder());
  CHECK(fixture.backend_node("mac") == "00:16:3e:00:00:01");
  CHECK(fixture.backend_node("handle") == "0");
  CHECK(fixture.backend_node("bridge") == "xenbr0");
  CHECK(fixture.backend_node("script") == "/etc/xen/scripts/vif-bridge");
  CHECK(fixture.backend_node("type") == "vif");
  CHECK(fixture.backend_node("hotplug-status") == "connected");
  CHECK(fixture.backend_node("rate") == "(none)");
  for (const char* feature :
       {"feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6", "feature-rx-copy",
        "feature-ipv6-csum-offload", "feature-multicast-control", "feature-dynamic-multicast-control",
        "feature-split-event-channels", "feature-ctrl-ring"}) {
    CHECK(fixture.backend_node(feature) == "1");
  }
  CHECK(fixture.backend_node("feature-rx-flip") == "0");
  CHECK(fixture.backend_node("multi-queue-max-queues") == "8");
  const std::string front = fixture.frontend_folder();
  CHECK(fixture.guest->read(front + "/mac").value_or("") == "00:16:3e:00:00:01");
  CHECK(fixture.guest->read(front + "/mtu").value_or("") == "1500");
  CHECK(fixture.guest->read(front + "/backend").value_or("") == fixture.backend_folder());
  CHECK(fixture.guest->write(front + "/mtu", "9000").error() == "EACCES");
  CHECK(fixture.guest->write(fixture.backend_folder() + "/state", "4").error() == "EACCES");
}

TEST_CASE("net: a frontend may close and connect again, many times") {
  NetFixture fixture;
  fixture.connect();
  for (int round = 0; round < 100; ++round) {
    fixture.put_frame(ip_frame(17, 10));
    REQUIRE(fixture.statuses() == std::vector<int16_t>{NETIF_RSP_OKAY});
    fixture.reconnect();
  }
  CHECK(fixture.seen.size() == 100);
  fixture.set_state(XenbusState::closed);
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.hypervisor.channels.ports_in_use(DomainId{0}) == 0);
  CHECK_FALSE(fixture.vif_port->link_up());
}

TEST_CASE("net: a broken frontend is told why, and nothing of it stays in use") {
  NetFixture fixture;
  fixture.init_rings();
  fixture.publish_nodes();
  const std::string front = fixture.frontend_folder();
  const std::string ports =
      " port tx " + std::to_string(fixture.tx_port.value) + " rx " + std::to_string(fixture.rx_port.value);
  std::string expected;
  SECTION("no ring") {
    REQUIRE(fixture.guest->remove(front + "/rx-ring-ref").has_value());
    expected = "2 reading " + front + "/ring-ref";
  }
  SECTION("a ring that is no number") {
    fixture.put_node("tx-ring-ref", "ring");
    expected = "22 reading " + front + "/ring-ref";
  }
  SECTION("no event channel") {
    REQUIRE(fixture.guest->remove(front + "/event-channel-rx").has_value());
    expected = "2 reading " + front + "/event-channel(-tx/rx)";
  }
  SECTION("a grant that is not there") {
    fixture.put_node("rx-ring-ref", "400");
    expected = "22 mapping shared-frames 8/400" + ports;
  }
  SECTION("a read-only ring") {
    fixture.put_node("tx-ring-ref", std::to_string(NetFixture::kReadOnly));
    expected = "22 mapping shared-frames 11/9" + ports;
  }
  SECTION("a port that is not there") {
    fixture.put_node("event-channel-tx", "3000");
    expected = "22 mapping shared-frames 8/9 port tx 3000 rx " + std::to_string(fixture.rx_port.value);
  }
  SECTION("indices that are impossible from the start") {
    fixture.rx_shared()->req_prod = 257;
    expected = "5 mapping shared-frames 8/9" + ports;
  }
  SECTION("more queues than offered") {
    fixture.put_node("multi-queue-num-queues", "9");
    expected = "22 guest requested 9 queues, exceeding the maximum of 8.";
  }
  SECTION("no queues") {
    fixture.put_node("multi-queue-num-queues", "0");
    expected = "12 allocating queues";
  }
  SECTION("queues without their nodes") {
    fixture.put_node("multi-queue-num-queues", "2");
    expected = "2 reading " + front + "/queue-0/ring-ref";
  }
  SECTION("a control ring without a port") {
    fixture.put_node("ctrl-ring-ref", std::to_string(NetFixture::kControlRing));
    expected = "2 connecting control ring";
  }
  SECTION("a control ring that is not granted") {
    fixture.put_node("ctrl-ring-ref", "400");
    fixture.put_node("event-channel-ctrl", std::to_string(fixture.new_port().value));
    expected = "22 connecting control ring";
  }
  fixture.set_state(XenbusState::connected);
  CHECK(fixture.backend_state() == XenbusState::closing);
  CHECK(fixture.error_node() == expected);
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.hypervisor.channels.ports_in_use(DomainId{0}) == 0);
  // It may try again.
  fixture.set_state(XenbusState::closed);
  CHECK(fixture.backend_state() == XenbusState::closed);
}

TEST_CASE("net: a state that no frontend has is an error") {
  NetFixture fixture;
  fixture.set_state(XenbusState::init_wait);
  CHECK(fixture.backend_state() == XenbusState::closing);
  CHECK(fixture.error_node() == "22 saw state 2 at frontend");
}

TEST_CASE("net: Connected waits for the hotplug script of a device that comes while the domain runs") {
  NetFixture fixture;
  fixture.backend->detach(true);
  fixture.backend->attach_running();
  fixture.run(milliseconds(1));
  fixture.init_rings();
  fixture.publish_nodes();
  fixture.set_state(XenbusState::connected);
  CHECK(fixture.backend_state() == XenbusState::init_wait);
  fixture.run(milliseconds(60));
  CHECK(fixture.backend_state() == XenbusState::connected);
}

TEST_CASE("net: a device is detached in order, or by force, or not at all") {
  NetFixture fixture;
  fixture.connect();
  SECTION("in order") {
    fixture.backend->detach(false);
    fixture.run();
    CHECK(fixture.backend_state() == XenbusState::closing);
    fixture.set_state(XenbusState::closed);
    CHECK(fixture.backend_state() == XenbusState::closed);
    fixture.run(milliseconds(100));
    CHECK_FALSE(fixture.backend->attached());
    CHECK(fixture.backend_node("state") == "(none)");
    CHECK_FALSE(fixture.guest->read(fixture.frontend_folder() + "/state").has_value());
  }
  SECTION("by force") {
    fixture.backend->detach(true);
    CHECK_FALSE(fixture.backend->attached());
    CHECK(fixture.backend_node("state") == "(none)");
  }
  SECTION("the frontend will not") {
    fixture.backend->detach(false);
    fixture.run(seconds(11));
    CHECK(fixture.backend->attached());
    CHECK(fixture.notices() == 1);
    fixture.backend->detach(true);
  }
  fixture.run();
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.hypervisor.channels.ports_in_use(DomainId{0}) == 0);
  fixture.backend->attach_running();
  fixture.run(milliseconds(100));
  fixture.connect();
  fixture.put_frame(ip_frame(17, 10));
  CHECK(fixture.statuses().size() == 1);
}

TEST_CASE("net: a frontend that takes its state away loses the device") {
  NetFixture fixture;
  fixture.connect();
  REQUIRE(fixture.guest->remove(fixture.frontend_folder() + "/state").has_value());
  fixture.run();
  CHECK(fixture.backend_state() == XenbusState::closed);
  CHECK_FALSE(fixture.any_grant_in_use());
  fixture.set_state(XenbusState::initialising);
  CHECK(fixture.backend_state() == XenbusState::closed);
}

}  // namespace ringside
