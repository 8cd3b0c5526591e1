// Proves what a frontend sees of a backend that dies as a killed domain does: at once its grants are free,
// its ports unbound and its rings dead, while XenStore says nothing; then the backend's folder goes; and the
// one that takes its place serves who connects anew, or who has stayed connected.
#include "hv-model/backends/backend_death.h"
#include "tests/unit/hv-model/blk_fixture.h"
#include "tests/unit/hv-model/ring_guest.h"

namespace ringside {

namespace {

constexpr Tick kBack = milliseconds(100);

struct CrashedDisk : BlkFixture {
  using BlkFixture::BlkFixture;
  ChannelState port_state() { return hypervisor.channels.find(domain->id, port)->state; }
  void die_with(const blkif_request& made, Tick back_after = kBack) {
    put(made);
    kick();
    run(microseconds(10));  // taken, and on its way to the disk
    backend->crash(back_after);
  }
};

}  // namespace

TEST_CASE("blk crash: mappings and channel end at once, the nodes later") {
  CrashedDisk fixture;
  fixture.connect();
  std::memset(fixture.data(0), 0xee, kPageSize);
  fixture.die_with(BlkFixture::transfer(BLKIF_OP_READ, 3, 0, 0, 0));
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK_FALSE(fixture.grant_in_use(BlkFixture::kRingGrant));
  CHECK(fixture.port_state() == ChannelState::unbound);
  CHECK(fixture.backend_state() == XenbusState::connected);
  // As Xen has it, a notification to nobody is no error.
  CHECK(fixture.hypervisor.channels.send(fixture.domain->id, fixture.port) == 0);
  fixture.run(BackendDeath::kTeardown);
  CHECK(fixture.backend_node("state") == "(none)");
  CHECK(fixture.toolstack.read(fixture.frontend_folder() + "/state").value_or("") == "4");
  // What the disk still had for it changes no page, and is not answered.
  CHECK(fixture.data(0)[0] == 0xee);
  CHECK(fixture.shared()->rsp_prod == 0);
}

TEST_CASE("blk crash: a write that was under way has not reached the disk") {
  CrashedDisk fixture;
  fixture.connect();
  std::memset(fixture.data(0), 0x55, kPageSize);
  fixture.die_with(BlkFixture::transfer(BLKIF_OP_WRITE, 3, 0, 0, 0), Tick{});
  fixture.run();
  std::vector<uint8_t> sector(512);
  fixture.image->read(3, sector, [](DiskImage::Status) {});
  fixture.run();
  CHECK(sector[0] == BlkFixture::byte_of(3));
}

TEST_CASE("blk crash: persistent grants go, too") {
  CrashedDisk fixture;
  fixture.put_node("feature-persistent", "1");
  fixture.connect();
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 1, 0, 0, 0)) == BLKIF_RSP_OKAY);
  REQUIRE(fixture.any_grant_in_use());
  fixture.die_with(BlkFixture::transfer(BLKIF_OP_READ, 2, 0, 0, 0, 2));
  CHECK_FALSE(fixture.any_grant_in_use());
}

TEST_CASE("blk crash: a frontend that has stayed connected is served from its last response on") {
  CrashedDisk fixture;
  fixture.connect();
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 1, 0, 0, 0, 1)) == BLKIF_RSP_OKAY);
  fixture.die_with(BlkFixture::transfer(BLKIF_OP_READ, 7, 1, 0, 0, 2));
  fixture.run(kBack + milliseconds(20));
  CHECK(fixture.backend_state() == XenbusState::connected);
  CHECK(fixture.port_state() == ChannelState::interdomain);
  const auto taken = fixture.take();
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].id == 2);
  CHECK(fixture.data(1)[0] == BlkFixture::byte_of(7));
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 9, 0, 0, 0, 3)) == BLKIF_RSP_OKAY);
}

TEST_CASE("blk crash: a frontend that closes itself connects anew") {
  CrashedDisk fixture;
  fixture.connect();
  fixture.die_with(BlkFixture::transfer(BLKIF_OP_READ, 7, 1, 0, 0, 2));
  fixture.run(milliseconds(5));
  CHECK(fixture.hypervisor.channels.close(fixture.domain->id, fixture.port) == 0);
  fixture.put_node("state", "1");
  fixture.run(kBack);
  CHECK(fixture.backend_state() == XenbusState::init_wait);
  CHECK(fixture.backend_node("online") == "1");
  fixture.connect();
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 9, 0, 0, 0, 3)) == BLKIF_RSP_OKAY);
}

TEST_CASE("blk crash: one that does not come back can be detached, and attached again") {
  CrashedDisk fixture;
  fixture.connect();
  fixture.backend->crash({});
  fixture.backend->crash(kBack);  // what is dead does not die again
  fixture.run(seconds(1));
  CHECK(fixture.backend_node("state") == "(none)");
  CHECK_FALSE(fixture.backend->attach().has_value());
  CHECK(fixture.backend->detach(false).has_value());
  CHECK_FALSE(fixture.toolstack.read(fixture.frontend_folder() + "/state").has_value());
  CHECK(fixture.backend->attach().has_value());
  fixture.run();
  CHECK(fixture.backend_state() == XenbusState::init_wait);
}

TEST_CASE("blk crash: in the middle of a detachment, which then ends") {
  CrashedDisk fixture;
  fixture.connect();
  REQUIRE(fixture.backend->detach(false).has_value());
  fixture.run(microseconds(500));
  fixture.backend->crash(kBack);
  fixture.run(seconds(1));
  CHECK_FALSE(fixture.backend->attached());
  CHECK_FALSE(fixture.toolstack.read(fixture.frontend_folder() + "/state").has_value());
}

TEST_CASE("blk crash: late requests and responses of a dead ring go nowhere") {
  CrashedDisk fixture;
  fixture.connect();
  ScriptedTap tap;
  const std::string wire =
      GENERATE(std::string("dom1/ring/xvda/request"), std::string("dom1/ring/xvda/response"));
  const bool behind = GENERATE(false, true);
  tap.act = [&](const Wire& seen, Crossing&, Verdict& verdict) {
    if (seen.name() != wire) return;
    verdict.copies = 2;
    (behind ? verdict.behind : verdict.copies) = 2;
    if (!behind) verdict.delay = milliseconds(3);
  };
  fixture.wiring.add_tap(tap);
  fixture.put(BlkFixture::transfer(BLKIF_OP_READ, 7, 1, 0, 0, 2));
  fixture.kick();
  fixture.run(milliseconds(2));
  CHECK_FALSE(tap.seen.empty());
  fixture.backend->crash({});
  fixture.run(seconds(1));
  CHECK(fixture.shared()->rsp_prod == 0);
  CHECK_FALSE(fixture.any_grant_in_use());
  fixture.wiring.remove_tap(tap);
}

}  // namespace ringside
