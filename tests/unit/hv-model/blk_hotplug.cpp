// Proves what the toolstack does to a disk while its domain runs: it comes, goes, goes by force, and changes
// its size.
#include "tests/unit/hv-model/blk_fixture.h"

namespace ringside {

namespace {

// The frontend of a real guest: closes when its backend does.
void close_when_asked(BlkFixture& fixture) {
  REQUIRE(fixture.backend_state() == XenbusState::closing);
  fixture.set_state(XenbusState::closed);
}

bool gone(BlkFixture& fixture) {
  return !fixture.toolstack.read(fixture.backend_folder()).has_value() &&
         !fixture.toolstack.read(fixture.frontend_folder()).has_value();
}

}  // namespace

TEST_CASE("blk: a disk that is attached later appears then") {
  BlkFixture fixture(BlkBackendConfig{.attached = false});
  CHECK(gone(fixture));
  CHECK_FALSE(fixture.backend->detach(false).has_value());
  REQUIRE(fixture.backend->attach().has_value());
  CHECK_FALSE(fixture.backend->attach().has_value());
  fixture.run();
  CHECK(fixture.backend_state() == XenbusState::init_wait);
  fixture.connect();
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 0, 0, 7)) == BLKIF_RSP_OKAY);
}

TEST_CASE("blk: a disk is detached when its frontend has closed it, and may come back") {
  BlkFixture fixture;
  for (int round = 0; round < 3; ++round) {
    fixture.connect();
    REQUIRE(fixture.backend->detach(false).has_value());
    fixture.run();
    CHECK(fixture.backend_node("online") == "0");
    CHECK(fixture.backend->attached());
    CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 0, 0, 7)) == BLKIF_RSP_OKAY);
    close_when_asked(fixture);
    CHECK_FALSE(fixture.backend->attached());
    CHECK(gone(fixture));
    CHECK_FALSE(fixture.grant_in_use(BlkFixture::kRingGrant));
    CHECK(fixture.hypervisor.channels.ports_in_use(DomainId{0}) == 0);
    fixture.run(seconds(20));  // the limit is gone, too
    REQUIRE(fixture.backend->attach().has_value());
    fixture.run();
  }
}

TEST_CASE("blk: a frontend that does not close keeps its disk, and may close later") {
  BlkFixture fixture;
  fixture.connect();
  REQUIRE(fixture.backend->detach(false).has_value());
  const uint64_t notices = fixture.domain->notices.count(NoticeKind::unusual);
  fixture.run(seconds(11));
  CHECK(fixture.domain->notices.count(NoticeKind::unusual) == notices + 1);
  CHECK(fixture.backend->attached());
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 0, 0, 7)) == BLKIF_RSP_OKAY);
  fixture.set_state(XenbusState::closed);
  CHECK(fixture.backend_state() == XenbusState::closed);
  REQUIRE(fixture.backend->detach(false).has_value());
  fixture.run();
  CHECK(gone(fixture));
}

TEST_CASE("blk: a disk that is taken away by force goes with requests in flight") {
  BlkFixture fixture;
  fixture.put_node("feature-persistent", "1");
  fixture.connect();
  for (unsigned i = 0; i < 32; ++i) fixture.put(BlkFixture::transfer(BLKIF_OP_READ, i * 8, i, 0, 7, i));
  fixture.kick();
  fixture.run(microseconds(10));
  REQUIRE(fixture.backend->detach(true).has_value());
  fixture.run(microseconds(5));
  CHECK_FALSE(fixture.backend->attached());
  CHECK(gone(fixture));
  std::memset(fixture.shared(), 0xcc, kPageSize);
  const uint64_t state = state_digest(*fixture.backend);
  fixture.run();
  CHECK(state_digest(*fixture.backend) != state);  // what was in flight is part of the state
  CHECK(fixture.shared()->rsp_prod == 0xcccccccc);
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.hypervisor.channels.ports_in_use(DomainId{0}) == 0);
  REQUIRE(fixture.backend->attach().has_value());
  fixture.run();
  fixture.connect();
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 0, 0, 7)) == BLKIF_RSP_OKAY);
}

TEST_CASE("blk: a frontend that never connected loses its disk at once") {
  BlkFixture fixture;
  REQUIRE(fixture.backend->detach(true).has_value());
  fixture.run();
  CHECK(gone(fixture));
}

TEST_CASE("blk: another size is announced to a connected frontend, and is true") {
  BlkFixture fixture;
  fixture.connect();
  unsigned states_seen = 0;
  REQUIRE(fixture.guest->watch(fixture.backend_folder() + "/state", "state",
                               [&](const std::string&) { ++states_seen; }));
  fixture.run();
  states_seen = 0;
  REQUIRE(fixture.backend->resize(300 * 512).has_value());
  fixture.run();
  CHECK(states_seen == 1);
  CHECK(fixture.backend_node("state") == "4");
  CHECK(fixture.backend_node("sectors") == "300");
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 299, 0, 0, 0)) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(0)[0] == 0);
  std::memset(fixture.data(1), 0x5a, kPageSize);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_WRITE, 252, 1, 0, 7)) == BLKIF_RSP_OKAY);
  // Smaller: what is cut off is gone for good.
  REQUIRE(fixture.backend->resize(254 * 512).has_value());
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 254, 0, 0, 0)) == BLKIF_RSP_ERROR);
  REQUIRE(fixture.backend->resize(260 * 512).has_value());
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 252, 0, 0, 7)) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(0)[0] == 0x5a);
  CHECK(fixture.data(0)[2 * 512] == 0);
  CHECK_FALSE(fixture.backend->resize(0).has_value());
  CHECK_FALSE(fixture.backend->resize(511).has_value());
}

TEST_CASE("blk: a disk that nobody uses changes its size quietly") {
  BlkFixture fixture;
  REQUIRE(fixture.backend->resize(300 * 512).has_value());
  CHECK(fixture.backend_node("sectors") == "(none)");
  fixture.connect();
  CHECK(fixture.backend_node("sectors") == "300");
}

}  // namespace ringside
