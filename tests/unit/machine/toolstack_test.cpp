// The toolstack's commands: how they are read, what a scenario says of wrong ones, and what they do to
// XenStore and to a domain. The guest here is a domain without a core, played by the test; scenarios/linux-pv
// has a real one.
#include <catch2/catch.hpp>

#include "machine/scenario.h"
#include "machine/xen_toolstack.h"

using namespace ringside;
using Catch::Matchers::Contains;

namespace {

struct Toolstack {
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  std::unique_ptr<Memory> memory = *Memory::create({uint64_t{1} << 32}, 4 << 20);
  Hypervisor hypervisor{{}, *memory, clock, events, wiring};
  XenStore store;
  XenStoreClient client{store, events, clock, {}};
  XenToolstack toolstack{hypervisor, client};
  Domain& domain = hypervisor.create_domain();

  Toolstack() { toolstack.introduce(domain, "guest", 64 << 20); }
  void say(const std::string& text) { toolstack.take_input(domain, {text.begin(), text.end()}); }
  std::string node(const std::string& name) {
    return client.read("/local/domain/1/" + name).value_or("(nothing)");
  }
  uint64_t complaints() const { return domain.notices.count(NoticeKind::unusual); }
};

struct FakeDevices : HotPlug {
  std::string said;
  Result<> attach(Domain&, const std::string& device) override {
    said += "attach " + device + ";";
    return {};
  }
  Result<> detach(Domain&, const std::string& device, bool forced) override {
    said += (forced ? "force " : "detach ") + device + ";";
    return {};
  }
  Result<> resize(Domain&, const std::string& device, uint64_t bytes) override {
    if (bytes == 0) return fail("nothing is left");
    said += "resize " + device + " " + std::to_string(bytes) + ";";
    return {};
  }
};

std::string message_of(const std::string& send) {
  const auto scenario = parse_scenario(
      "name = \"a\"\n[[domain]]\nkernel = \"k\"\n[[disk]]\nname = \"xvda\"\nimage = \"i\"\n"
      "[[input]]\nwire = \"toolstack\"\nat = \"1s\"\nsend = \"" +
          send + "\"\n",
      "x.toml", {});
  return scenario ? "" : scenario.error().message;
}

}  // namespace

TEST_CASE("toolstack commands are read as they are written") {
  const auto commands =
      parse_toolstack_commands(" mem-set 48M\r\n\nblock-detach  xvdb --force\nblock-resize xvda 1G\nsuspend");
  REQUIRE(commands);
  REQUIRE(commands->size() == 4);
  CHECK((*commands)[0].verb == ToolstackVerb::mem_set);
  CHECK((*commands)[0].bytes == 48 << 20);
  CHECK((*commands)[1].verb == ToolstackVerb::block_detach);
  CHECK((*commands)[1].device == "xvdb");
  CHECK((*commands)[1].forced);
  CHECK((*commands)[2].device == "xvda");
  CHECK((*commands)[2].bytes == uint64_t{1} << 30);
  CHECK((*commands)[3].verb == ToolstackVerb::save);
}

TEST_CASE("a scenario says what is wrong with a command") {
  CHECK(message_of("shutdown") == "");
  CHECK(message_of("block-detach xvda --force\\nreboot") == "");
  CHECK_THAT(message_of("shutdwon"), Contains("knows no command 'shutdwon'; did you mean 'shutdown'?"));
  CHECK_THAT(message_of("xyzzyplugh"), Contains("choose one of shutdown, reboot"));
  CHECK_THAT(message_of("mem-set"), Contains("write \"mem-set SIZE\""));
  CHECK_THAT(message_of("mem-set 12Q"), Contains("'12Q' in 'mem-set 12Q' is no size"));
  CHECK_THAT(message_of("mem-set 99999999999999G"), Contains("is no size"));
  CHECK_THAT(message_of("shutdown now"), Contains("write \"shutdown\""));
  CHECK_THAT(message_of("block-attach xvdz"), Contains("names a device that 'dom1' does not have: 'xvdz'"));
  CHECK_THAT(message_of("network-attach eth0"), Contains("does not have: 'eth0'"));
  CHECK_THAT(message_of("share-detach xvda"), Contains("does not have: 'xvda'"));
  CHECK_THAT(message_of("  "), Contains("holds a command"));
}

TEST_CASE("a domain begins with xl's nodes") {
  Toolstack t;
  CHECK(t.node("memory/static-max") == "65536");
  CHECK(t.node("control/shutdown") == "");
  CHECK(t.client.permissions("/local/domain/1/control/shutdown").value() == std::vector<std::string>{"n1"});
  CHECK(t.client.permissions("/local/domain/1/error").value() == std::vector<std::string>{"n1"});
  CHECK(t.client.permissions("/local/domain/1/memory/target").value() ==
        std::vector<std::string>{"n0", "r1"});
}

TEST_CASE("requests to the guest are words in control/shutdown") {
  Toolstack t;
  t.say("shutdown");
  CHECK(t.node("control/shutdown") == "poweroff");
  t.say("reboot");
  CHECK(t.node("control/shutdown") == "reboot");
  CHECK(t.complaints() == 0);
}

TEST_CASE("a guest that suspends itself for a save is resumed at once") {
  Toolstack t;
  t.say("save");
  CHECK(t.node("control/shutdown") == "suspend");
  CHECK(t.domain.cancels_suspend);
  SECTION("one that does not listen finds the request withdrawn after a minute") {
    t.clock.now = seconds(59);
    t.events.run_due(t.clock.now);
    CHECK(t.node("control/shutdown") == "suspend");
    t.clock.now = seconds(61);
    t.events.run_due(t.clock.now);
    CHECK(t.node("control/shutdown") == "");
    CHECK(t.complaints() == 1);
  }
  SECTION("one that listens in time is left alone") {
    REQUIRE(t.client.write("/local/domain/1/control/shutdown", ""));
    t.clock.now = seconds(61);
    t.events.run_due(t.clock.now);
    CHECK(t.complaints() == 0);
  }
}

TEST_CASE("mem-set moves the balloon's target and the hypervisor's limit") {
  Toolstack t;
  t.say("mem-set 48M");
  CHECK(t.node("memory/target") == "49152");
  CHECK(t.domain.max_pages == (49 << 20 >> 12));
  t.say("mem-set 65M");
  CHECK(t.node("memory/target") == "49152");
  CHECK(t.complaints() == 1);
  t.say("mem-set 0");
  CHECK(t.complaints() == 2);
}

TEST_CASE("commands about devices go to who has them, and their errors are notices") {
  Toolstack t;
  t.say("block-attach xvdb");
  CHECK(t.complaints() == 1);
  FakeDevices blocks, networks;
  t.toolstack.set_block_devices(blocks);
  t.toolstack.set_network_devices(networks);
  t.say("block-attach xvdb\nblock-resize xvdb 4K\nblock-detach xvdb --force\nnetwork-detach nic0");
  CHECK(blocks.said == "attach xvdb;resize xvdb 4096;force xvdb;");
  CHECK(networks.said == "detach nic0;");
  t.say("block-resize xvdb 0");
  t.say("rubbish");
  CHECK(t.complaints() == 3);
  t.domain.crash("test");
  t.say("block-attach xvdb");
  CHECK(t.complaints() == 4);
}
