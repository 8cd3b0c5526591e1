// Proves what xen-blkback's optional features do here: grants that stay mapped, indirect requests, barriers,
// secure discards, large sectors. The ring's other shapes are in blk_rings.cpp.
#include <cstring>

#include "tests/unit/hv-model/blk_fixture.h"

namespace ringside {

namespace {

blkif_request indirect(uint8_t operation, uint64_t sector, uint16_t segments,
                       const std::vector<uint32_t>& pages) {
  blkif_request_indirect made{};
  made.operation = BLKIF_OP_INDIRECT;
  made.indirect_op = operation;
  made.nr_segments = segments;
  made.id = 9;
  made.sector_number = sector;
  for (size_t i = 0; i < pages.size(); ++i) made.indirect_grefs[i] = pages[i];
  blkif_request request{};
  std::memcpy(&request, &made, sizeof made);
  return request;
}

struct IndirectFixture : BlkFixture {
  // The last data page lists the segments.
  static constexpr unsigned kList = kDataPages - 1;
  static constexpr uint32_t kListGrant = kDataGrant + kList;

  using BlkFixture::BlkFixture;
  void list(unsigned number, const blkif_request_segment& segment, unsigned page = kList) {
    std::memcpy(data(page) + number * sizeof segment, &segment, sizeof segment);
  }
  int16_t ask_indirect(uint8_t operation, uint64_t sector, uint16_t segments,
                       const std::vector<uint32_t>& pages = {kListGrant}) {
    put(indirect(operation, sector, segments, pages));
    kick();
    run();
    const auto taken = take();
    REQUIRE(taken.size() == 1);
    CHECK(taken[0].id == 9);
    // As xen-blkback: the response names what was asked for, not how.
    CHECK(taken[0].operation == operation);
    return taken[0].status;
  }
};

BlkFixture& persistent(BlkFixture& fixture) {
  fixture.put_node("feature-persistent", "1");
  fixture.connect();
  return fixture;
}

}  // namespace

TEST_CASE("blk: grants of a persistent frontend stay mapped, writable, until it closes") {
  BlkFixture fixture;
  persistent(fixture);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_WRITE, 8, 0, 0, 7)) == BLKIF_RSP_OKAY);
  CHECK(fixture.grant_in_use(BlkFixture::kDataGrant));
  // It was mapped for a write request; a read needs no other mapping.
  const auto mappings = [&] { return fixture.hypervisor.find_domain(DomainId{0})->grants.mappings.size(); };
  const size_t before = mappings();
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 16, 0, 0, 0)) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(0)[0] == BlkFixture::byte_of(16));
  CHECK(mappings() == before);
  fixture.set_state(XenbusState::closed);
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(mappings() == 0);
}

TEST_CASE("blk: nothing stays mapped when either side does not want it") {
  const bool offered = GENERATE(false, true);
  BlkFixture fixture(BlkBackendConfig{.persistent = offered});
  if (!offered) fixture.put_node("feature-persistent", "1");
  fixture.connect();
  CHECK(fixture.backend_node("feature-persistent") == (offered ? "1" : "0"));
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 0, 0, 7)) == BLKIF_RSP_OKAY);
  CHECK_FALSE(fixture.any_grant_in_use());
}

TEST_CASE("blk: a grant that is named twice at once is mapped twice, and given back once") {
  BlkFixture fixture;
  persistent(fixture);
  blkif_request request = BlkFixture::transfer(BLKIF_OP_READ, 8, 3, 0, 0);
  request.nr_segments = 2;
  request.seg[1] = {BlkFixture::kDataGrant + 3, 1, 1};
  CHECK(fixture.ask(request) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(3)[512] == BlkFixture::byte_of(9));
  // The ring's page and the one that is kept.
  CHECK(fixture.hypervisor.find_domain(DomainId{0})->grants.mappings.size() == 2);
}

TEST_CASE("blk: a read-only grant is refused to a persistent frontend even for a write") {
  BlkFixture fixture;
  persistent(fixture);
  blkif_request request = BlkFixture::request(BLKIF_OP_WRITE, 8);
  request.nr_segments = 1;
  request.seg[0] = {BlkFixture::kReadOnlyGrant, 0, 0};
  CHECK(fixture.ask(request) == BLKIF_RSP_ERROR);
  CHECK_FALSE(fixture.grant_in_use(BlkFixture::kReadOnlyGrant));
}

TEST_CASE("blk: the kept grants are bounded, and a twentieth goes when there were more") {
  BlkFixture fixture(BlkBackendConfig{.persistent_grants_max = 20});
  persistent(fixture);
  const auto in_use = [&] {
    unsigned count = 0;
    for (unsigned i = 0; i < BlkFixture::kDataPages; ++i)
      count += fixture.grant_in_use(BlkFixture::kDataGrant + i);
    return count;
  };
  for (unsigned i = 0; i < 30; ++i) {
    fixture.put(BlkFixture::transfer(BLKIF_OP_READ, i, i, 0, 0, i));
  }
  fixture.kick();
  fixture.run(milliseconds(20));
  REQUIRE(fixture.take().size() == 30);
  CHECK(in_use() == 20);
  fixture.run(milliseconds(100));
  CHECK(in_use() == 19);
  CHECK_FALSE(fixture.grant_in_use(BlkFixture::kDataGrant));
  fixture.run(seconds(10));
  CHECK(in_use() == 19);
}

TEST_CASE("blk: a kept grant that rests for a minute is given back") {
  BlkFixture fixture;
  persistent(fixture);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 0, 0, 7)) == BLKIF_RSP_OKAY);
  fixture.run(seconds(30));
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 1, 0, 7)) == BLKIF_RSP_OKAY);
  fixture.run(seconds(31));
  CHECK_FALSE(fixture.grant_in_use(BlkFixture::kDataGrant));
  CHECK(fixture.grant_in_use(BlkFixture::kDataGrant + 1));
  fixture.run(seconds(30));
  CHECK_FALSE(fixture.any_grant_in_use());
}

TEST_CASE("blk: a kept grant that is withdrawn leads to the page that it was") {
  BlkFixture fixture;
  persistent(fixture);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 0, 0, 0)) == BLKIF_RSP_OKAY);
  fixture.grant(BlkFixture::kDataGrant, fixture.canary, false);
  std::memset(fixture.page_bytes(fixture.canary), 0x77, kPageSize);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 9, 0, 0, 0)) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(0)[0] == BlkFixture::byte_of(9));
  CHECK(fixture.page_bytes(fixture.canary)[0] == 0x77);
}

TEST_CASE("blk: an indirect request moves more than eleven segments") {
  const bool keeps = GENERATE(false, true);
  IndirectFixture fixture;
  if (keeps) fixture.put_node("feature-persistent", "1");
  fixture.connect();
  for (unsigned i = 0; i < 30; ++i)
    fixture.list(i,
                 {BlkFixture::kDataGrant + i, static_cast<uint8_t>(i % 7), static_cast<uint8_t>(i % 7 + 1)});
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 100, 30) == BLKIF_RSP_OKAY);
  for (unsigned i = 0; i < 30; ++i) {
    CHECK(fixture.data(i)[i % 7 * 512] == BlkFixture::byte_of(100 + 2 * i));
    CHECK(fixture.data(i)[i % 7 * 512 + 512] == BlkFixture::byte_of(101 + 2 * i));
    std::memset(fixture.data(i), static_cast<int>(i), kPageSize);
  }
  CHECK(fixture.any_grant_in_use() == keeps);
  CHECK(fixture.ask_indirect(BLKIF_OP_WRITE, 20, 30) == BLKIF_RSP_OKAY);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 20 + 2 * 17, 0, 0, 0)) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(0)[0] == 17);
}

TEST_CASE("blk: the segments of an indirect request may fill several pages") {
  IndirectFixture fixture(BlkBackendConfig{.indirect_segments = 1024});
  fixture.connect();
  CHECK(fixture.backend_node("feature-max-indirect-segments") == "1024");
  // Page 38 lists 512 segments, page 39 the last one. Xen lets a grant be mapped 127 times.
  for (unsigned i = 0; i < 512; ++i) fixture.list(i, {BlkFixture::kDataGrant + 2 + i % 30, 0, 0}, 38);
  fixture.list(0, {BlkFixture::kDataGrant + 1, 0, 0}, 39);
  const std::vector<uint32_t> pages{BlkFixture::kDataGrant + 38, BlkFixture::kDataGrant + 39};
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 513, pages) == BLKIF_RSP_ERROR);  // the disk has 256 sectors
  REQUIRE(fixture.backend->resize(1024 * 512).has_value());
  fixture.run();
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 513, pages) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(1)[0] == 0);  // sector 512: the disk has grown by zeros
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 513, {pages[0]}) == BLKIF_RSP_ERROR);
  CHECK_FALSE(fixture.any_grant_in_use());
}

TEST_CASE("blk: each mistake in an indirect request is refused, and the next one is served") {
  IndirectFixture fixture;
  fixture.connect();
  for (unsigned i = 0; i < 300; ++i) fixture.list(i, {BlkFixture::kDataGrant, 0, 0});
  const auto served = [&] { return fixture.ask_indirect(BLKIF_OP_READ, 0, 12) == BLKIF_RSP_OKAY; };
  REQUIRE(served());
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 0) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 257) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 0xffff) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 250, 12) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, UINT64_MAX - 3, 12) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask_indirect(BLKIF_OP_FLUSH_DISKCACHE, 0, 12) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask_indirect(BLKIF_OP_INDIRECT, 0, 12) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 12, {400}) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 12, {0xffffffff}) == BLKIF_RSP_ERROR);
  REQUIRE(served());
  fixture.list(11, {BlkFixture::kDataGrant, 3, 2});
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 12) == BLKIF_RSP_ERROR);
  fixture.list(11, {BlkFixture::kDataGrant, 0, 8});
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 12) == BLKIF_RSP_ERROR);
  fixture.list(11, {401, 0, 0});
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 12) == BLKIF_RSP_ERROR);
  // The page that lists the segments may be one of them, and only readable.
  fixture.list(11, {IndirectFixture::kListGrant, 7, 7});
  CHECK(served());
  fixture.grant(IndirectFixture::kListGrant, fixture.data_pages[IndirectFixture::kList], true);
  fixture.list(11, {BlkFixture::kDataGrant, 0, 0});
  CHECK(served());
  CHECK_FALSE(fixture.any_grant_in_use());
}

TEST_CASE("blk: indirect requests are unknown where they are not offered") {
  IndirectFixture fixture(BlkBackendConfig{.indirect_segments = 0});
  fixture.connect();
  CHECK(fixture.backend_node("feature-max-indirect-segments") == "(none)");
  fixture.list(0, {BlkFixture::kDataGrant, 0, 0});
  CHECK(fixture.ask_indirect(BLKIF_OP_READ, 0, 1) == BLKIF_RSP_EOPNOTSUPP);
}

TEST_CASE("blk: a list of segments that changes later changes nothing") {
  IndirectFixture fixture;
  fixture.connect();
  for (unsigned i = 0; i < 12; ++i) fixture.list(i, {BlkFixture::kDataGrant + i, 0, 0});
  fixture.put(indirect(BLKIF_OP_READ, 0, 12, {IndirectFixture::kListGrant}));
  fixture.kick();
  fixture.run(microseconds(10));  // taken, and under way
  for (unsigned i = 0; i < 12; ++i) fixture.list(i, {BlkFixture::kReadOnlyGrant, 0, 7});
  std::memset(fixture.page_bytes(fixture.canary), 0x77, kPageSize);
  fixture.run();
  const auto taken = fixture.take();
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].status == BLKIF_RSP_OKAY);
  CHECK(fixture.data(11)[0] == BlkFixture::byte_of(11));
  CHECK(fixture.page_bytes(fixture.canary)[0] == 0x77);
}

TEST_CASE("blk: a barrier waits for what was before it, and what comes after waits for it") {
  BlkFixture fixture(BlkBackendConfig{.barrier = true});
  fixture.connect();
  CHECK(fixture.backend_node("feature-barrier") == "1");
  for (unsigned i = 0; i < 3; ++i) std::memset(fixture.data(i), static_cast<int>(0x10 + i), kPageSize);
  // Far from one another, so that the disk alone would take them in another order.
  fixture.put(BlkFixture::transfer(BLKIF_OP_WRITE, 248, 0, 0, 7, 1));
  fixture.put(BlkFixture::transfer(BLKIF_OP_WRITE, 100, 0, 0, 7, 2));
  fixture.put(BlkFixture::transfer(BLKIF_OP_WRITE_BARRIER, 0, 1, 0, 7, 3));
  fixture.put(BlkFixture::transfer(BLKIF_OP_WRITE, 8, 2, 0, 7, 4));
  fixture.put(BlkFixture::request(BLKIF_OP_WRITE_BARRIER, 0, 5));  // without data: a flush
  fixture.put(BlkFixture::transfer(BLKIF_OP_READ, 0, 3, 0, 7, 6));
  fixture.kick();
  fixture.run();
  const auto taken = fixture.take();
  REQUIRE(taken.size() == 6);
  for (unsigned i = 2; i < 6; ++i) CHECK(taken[i].id == i + 1);
  for (const auto& response : taken) CHECK(response.status == BLKIF_RSP_OKAY);
  CHECK(fixture.data(3)[0] == 0x11);
  CHECK_FALSE(fixture.any_grant_in_use());
}

TEST_CASE("blk: a barrier whose grant is bad is answered, and the ring goes on") {
  BlkFixture fixture(BlkBackendConfig{.barrier = true});
  fixture.connect();
  blkif_request barrier = BlkFixture::transfer(BLKIF_OP_WRITE_BARRIER, 0, 0, 0, 7, 2);
  barrier.seg[0].gref = 400;
  fixture.put(BlkFixture::transfer(BLKIF_OP_WRITE, 8, 2, 0, 7, 1));
  fixture.put(barrier);
  fixture.put(BlkFixture::transfer(BLKIF_OP_READ, 0, 3, 0, 7, 3));
  fixture.kick();
  fixture.run();
  const auto taken = fixture.take();
  REQUIRE(taken.size() == 3);
  CHECK(taken[1].status == BLKIF_RSP_ERROR);
  CHECK(taken[2].status == BLKIF_RSP_OKAY);
}

TEST_CASE("blk: a discard that asks to be secure is an ordinary one, and noticed") {
  BlkFixture fixture(BlkBackendConfig{.discard = true});
  fixture.connect();
  CHECK(fixture.backend_node("discard-secure") == "0");
  blkif_request_discard discard{};
  discard.operation = BLKIF_OP_DISCARD;
  discard.flag = BLKIF_DISCARD_SECURE;
  discard.id = 1;
  discard.sector_number = 8;
  discard.nr_sectors = 8;
  blkif_request request{};
  std::memcpy(&request, &discard, sizeof discard);
  const uint64_t notices = fixture.domain->notices.count(NoticeKind::unusual);
  CHECK(fixture.ask(request) == BLKIF_RSP_OKAY);
  CHECK(fixture.domain->notices.count(NoticeKind::unusual) == notices + 1);
}

TEST_CASE("blk: a disk of 4 KiB sectors says so and wants whole ones") {
  BlkFixture fixture(BlkBackendConfig{.sector_bytes = 4096, .physical_sector_bytes = 4096});
  fixture.connect();
  CHECK(fixture.backend_node("sector-size") == "4096");
  CHECK(fixture.backend_node("physical-sector-size") == "4096");
  CHECK(fixture.backend_node("sectors") == "256");
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 0, 0, 7)) == BLKIF_RSP_OKAY);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 9, 0, 0, 7)) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 8, 0, 0, 0)) == BLKIF_RSP_ERROR);
  CHECK_FALSE(fixture.backend->resize(4096 + 512).has_value());
}

}  // namespace ringside
