// What a page holds besides when it is handed over. The bytes must be those that another device has put
// there: what the guest has written itself, or written over, is its own.
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/payloads.h"
#include "tests/unit/checkers/checker_bench.h"

using namespace ringside;

namespace {

struct PagesBench : CheckerBench {
  explicit PagesBench(std::vector<std::string> on = {"pages/*"}) : CheckerBench("pages", std::move(on)) {}
  Wire& grant = wire("dom1/grant", WireKind::call, kGrantPayload);
  Wire& blk_request = wire("dom1/ring/xvda/request", WireKind::message, kBlkRequestPayload);
  Wire& blk_response = wire("dom1/ring/xvda/response", WireKind::message, kBlkResponsePayload);
  Wire& net_tx = wire("dom1/ring/vif0/tx/request", WireKind::message, kNetTxRequestPayload);
  Wire& net_rx = wire("dom1/ring/vif0/rx/response", WireKind::message, kNetRxResponsePayload);

  static constexpr uint64_t kFrame = 100;
  void fill(uint64_t offset, uint64_t bytes, uint8_t with) {
    const std::vector<uint8_t> data(bytes, with);
    REQUIRE(memory->write(GuestPhys{kFrame * kPageSize + offset}, data.data(), data.size()));
  }
  void use(GrantOperation operation, uint32_t ref, uint32_t length = 0, uint16_t by = 0) {
    GrantRecord record;
    record.operation = static_cast<uint8_t>(operation);
    record.ref = ref;
    record.by = by;
    record.length = length;
    record.frame = kFrame;
    cross(grant, Direction::out, record);
  }
  // A page is read from the disk.
  void disk_read(uint32_t ref) {
    blk(0, ref, 0, 7);
    fill(0, kPageSize, 0xaa);
    BlkResponseRecord response{};
    response.id = ref;
    cross(blk_response, Direction::in, response);
  }
  void blk(uint8_t operation, uint32_t ref, uint8_t first, uint8_t last) {
    BlkRequestRecord request{};
    request.operation = operation;
    request.indirect_op = kNoIndirectOp;
    request.nr_segments = 1;
    request.id = ref;
    const BlkSegmentRecord segment{ref, first, last, 0, 0};
    std::vector<uint8_t> tail(sizeof segment);
    std::memcpy(tail.data(), &segment, sizeof segment);
    cross(blk_request, Direction::out, request, tail);
    use(GrantOperation::map, ref);
  }
  void send(uint32_t ref, uint16_t offset, uint16_t size) {
    NetTxRequestRecord request{};
    request.gref = ref;
    request.offset = offset;
    request.size = size;
    cross(net_tx, Direction::out, request);
    use(GrantOperation::copy_from, ref, size);
  }
};

}  // namespace

TEST_CASE("a frame is sent from a page that a disk has filled", "[checkers][pages]") {
  PagesBench bench;
  bench.disk_read(9);
  bench.fill(0, 100, 0xbb);
  bench.send(10, 0, 100);
  CHECK(bench.only("stale_data_handed_over"));
  bench.fill(0, kPageSize, 0);
  bench.send(11, 0, 100);
  CHECK(bench.clean());
}

TEST_CASE("what the request covers, and what the guest wrote itself, is no leak", "[checkers][pages]") {
  PagesBench bench;
  bench.disk_read(9);
  bench.send(10, 0, 4096);  // the disk's data is what it sends
  CHECK(bench.clean());
  bench.fill(64, 4032, 0xcc);
  bench.send(11, 0, 64);
  CHECK(bench.clean());
}

TEST_CASE("a device gets back what it gave", "[checkers][pages]") {
  PagesBench bench;
  bench.disk_read(9);
  bench.blk(1, 9, 0, 0);
  CHECK(bench.clean());
  // Another domain maps it: there is no request that it is about.
  bench.use(GrantOperation::map, 12, 0, 2);
  CHECK(bench.only("stale_data_handed_over"));
  bench.use(GrantOperation::transfer, 13);
  CHECK(bench.only("stale_data_handed_over"));
}

TEST_CASE("a disk's write from a page that a frame has come into", "[checkers][pages]") {
  PagesBench bench;
  bench.use(GrantOperation::copy_to, 5, 1500);
  bench.fill(0, 1500, 0xdd);
  bench.cross(bench.net_rx, Direction::in, NetRxResponseRecord{0, 0, 0, 0, 1500});
  bench.blk(1, 6, 0, 2);  // 1536 bytes: all of it
  CHECK(bench.clean());
  bench.blk(1, 6, 0, 0);
  CHECK(bench.only("stale_data_handed_over"));
}

TEST_CASE("a response that says more than was put", "[checkers][pages]") {
  PagesBench bench;
  bench.use(GrantOperation::copy_to, 5, 60);
  bench.cross(bench.net_rx, Direction::in, NetRxResponseRecord{0, 0, 0, 0, 1500});
  CHECK(bench.only("response_exceeds_fill"));
}

TEST_CASE("nobody asked", "[checkers][pages]") {
  PagesBench bench{std::vector<std::string>()};
  bench.disk_read(9);
  bench.send(10, 0, 100);
  CHECK(bench.clean());
  CHECK_FALSE(bench.grant.tapped());
}
