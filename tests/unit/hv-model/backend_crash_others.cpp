// Proves for network interfaces, shares and consoles what backend_crash.cpp proves for disks.
#include "hv-model/backends/backend_death.h"
#include "hv-model/console/pv_console.h"
#include "tests/unit/hv-model/net_fixture.h"
#include "tests/unit/hv-model/p9_fixture.h"

namespace ringside {

namespace {
constexpr Tick kBack = milliseconds(100);
}

TEST_CASE("net crash: the rings are dead, the link is down, and a new backend takes them over") {
  NetFixture fixture;
  fixture.connect();
  fixture.give_buffers(4);
  REQUIRE(fixture.any_grant_in_use());
  fixture.backend->crash(kBack);
  CHECK_FALSE(fixture.any_grant_in_use());
  for (const EventPort port : {fixture.tx_port, fixture.rx_port})
    CHECK(fixture.hypervisor.channels.find(fixture.domain->id, port)->state == ChannelState::unbound);
  CHECK(fixture.backend_state() == XenbusState::connected);
  fixture.from_peer(ip_frame(17, 20));
  CHECK(fixture.received().empty());
  // A frame that the guest sends meanwhile waits in the ring.
  fixture.put_frame(ip_frame(17, 30));
  fixture.kick();
  fixture.run(milliseconds(5));
  CHECK(fixture.backend_node("state") == "(none)");
  CHECK(fixture.responses().empty());
  CHECK(fixture.seen.empty());
  // The hotplug script takes its time before the state is told; the rings run before that.
  fixture.run(kBack + milliseconds(100));
  CHECK(fixture.backend_state() == XenbusState::connected);
  CHECK(fixture.responses().size() == 1);
  fixture.put_frame(ip_frame(17, 30));
  CHECK(fixture.statuses() == std::vector<int16_t>{NETIF_RSP_OKAY});
  CHECK(fixture.seen.size() == 1);
  fixture.from_peer(ip_frame(17, 20));
  const auto got = fixture.received();
  REQUIRE(got.size() == 1);
  CHECK(got[0].id == 0);
}

TEST_CASE("net crash: a frontend that closes itself connects anew") {
  NetFixture fixture;
  fixture.connect();
  fixture.backend->crash(kBack);
  fixture.run(milliseconds(5));
  for (const EventPort port : {fixture.tx_port, fixture.rx_port})
    CHECK(fixture.hypervisor.channels.close(fixture.domain->id, port) == 0);
  fixture.put_node("state", "1");
  fixture.run(kBack + milliseconds(100));
  CHECK(fixture.backend_state() == XenbusState::init_wait);
  fixture.init_rings();
  fixture.publish_nodes();
  fixture.set_state(XenbusState::connected);
  CHECK(fixture.backend_state() == XenbusState::connected);
  fixture.put_frame(ip_frame(17, 30));
  CHECK(fixture.statuses() == std::vector<int16_t>{NETIF_RSP_OKAY});
}

TEST_CASE("net crash: detaching goes on without the dead") {
  NetFixture fixture;
  fixture.connect();
  const bool asked_before = GENERATE(false, true);
  if (asked_before) fixture.backend->detach(false);
  fixture.backend->crash(kBack);
  if (!asked_before) fixture.backend->detach(false);
  fixture.run(seconds(1));
  CHECK_FALSE(fixture.backend->attached());
  CHECK_FALSE(fixture.toolstack.read(fixture.frontend_folder() + "/state").has_value());
}

TEST_CASE("9pfs crash: the service forgets its client, and the ring goes on behind what was taken") {
  P9Fixture fixture;
  fixture.connect();
  fixture.service.holds = true;
  fixture.ask(ScriptedService::message(ninep::Tclunk, 5, 11));
  REQUIRE(fixture.service.held.size() == 1);
  fixture.backend->crash(kBack);
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.service.resets == 1);
  CHECK(fixture.backend_state() == XenbusState::connected);
  fixture.service.holds = false;
  fixture.ask(ScriptedService::message(ninep::Tclunk, 6, 11));
  CHECK(fixture.backend_node("state") == "(none)");
  CHECK(fixture.answer_bytes_there() == 0);
  fixture.run(kBack);
  CHECK(fixture.backend_state() == XenbusState::connected);
  const auto answer = fixture.take();
  REQUIRE(answer.size() == 7);
  CHECK(ScriptedService::tag_of(answer) == 6);
  CHECK(fixture.take().empty());
}

TEST_CASE("9pfs crash: one that does not come back can be detached") {
  P9Fixture fixture;
  fixture.connect();
  fixture.backend->crash({});
  fixture.run(seconds(1));
  CHECK(fixture.backend->detach(true).has_value());
  CHECK(fixture.backend->attach().has_value());
  fixture.run();
  CHECK(fixture.backend_state() == XenbusState::init_wait);
}

TEST_CASE("console crash: the daemon dies, and the next one finds what was printed meanwhile") {
  RingGuest guest;
  PvConsole console(guest.hypervisor, *guest.domain, guest.page, guest.remote_port);
  std::string printed;
  console.set_output([&](std::span<const uint8_t> bytes) { printed.append(bytes.begin(), bytes.end()); });
  const auto print = [&](const std::string& text) {
    REQUIRE(guest.put(1024, 2048, 3084, 3080, {text.begin(), text.end()}));
    guest.notify();
    guest.run(milliseconds(1));
  };
  print("one ");
  console.crash(kBack);
  console.crash({});  // what is dead does not die again
  CHECK(guest.hypervisor.channels.find(guest.domain->id, guest.port)->state == ChannelState::unbound);
  print("two ");
  CHECK(printed == "one ");
  guest.run(kBack);
  CHECK(printed == "one two ");
  print("three");
  CHECK(printed == "one two three");
}

}  // namespace ringside
