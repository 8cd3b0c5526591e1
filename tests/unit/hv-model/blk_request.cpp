// Proves how single requests are judged, by the rules of xen-blkback's dispatch_rw_block_io restated, what
// their payload holds, and the numbers of virtual disks.
#include <catch2/catch.hpp>

#include "hv-model/backends/blk/blk_request.h"
#include "hv-model/backends/blk/virtual_device.h"

using namespace ringside;

namespace {

enum : uint8_t { kRead = 0, kWrite = 1, kBarrier = 2, kFlush = 3, kDiscard = 5 };

BlkRequest sound(uint8_t operation, uint8_t segments = 1) {
  BlkRequest request;
  request.head.operation = operation;
  request.head.nr_segments = segments;
  request.head.id = 0x1122334455667788;
  for (uint8_t i = 0; i < std::min<uint8_t>(segments, 11); ++i) request.segments[i] = {8u + i, 0, 7, {}};
  return request;
}

}  // namespace

TEST_CASE("blkif request: sound ones") {
  for (const uint8_t operation : {kRead, kWrite, kBarrier, kFlush}) {
    CHECK(fault_of_transfer(sound(operation, 11), 88, false).empty());
  }
  CHECK(fault_of_transfer(sound(kFlush, 0), 88, false).empty());
  CHECK(fault_of_transfer(sound(kRead), 88, true).empty());
}

TEST_CASE("blkif request: each mistake is seen") {
  CHECK_FALSE(fault_of_transfer(sound(kRead, 0), 88, false).empty());
  CHECK_FALSE(fault_of_transfer(sound(kWrite, 0), 88, false).empty());
  CHECK_FALSE(fault_of_transfer(sound(kRead, 12), 1000, false).empty());
  CHECK_FALSE(fault_of_transfer(sound(kRead, 255), 1000, false).empty());
  CHECK_FALSE(fault_of_transfer(sound(kWrite), 88, true).empty());
  CHECK_FALSE(fault_of_transfer(sound(kFlush, 0), 88, true).empty());  // a flush is a write to xen-blkback
  BlkRequest request = sound(kRead);
  request.segments[0].last_sect = 8;
  CHECK_FALSE(fault_of_transfer(request, 88, false).empty());
  request.segments[0] = {8, 3, 2, {}};
  CHECK_FALSE(fault_of_transfer(request, 88, false).empty());
}

TEST_CASE("blkif request: the range is checked without overflow") {
  BlkRequest request = sound(kRead);
  const auto good = [&](uint64_t sector) {
    request.head.sector_number = sector;
    return fault_of_transfer(request, 88, false).empty();
  };
  CHECK(good(80));
  CHECK_FALSE(good(81));
  CHECK_FALSE(good(UINT64_MAX - 7));  // the sum is 0
  CHECK_FALSE(good(UINT64_MAX));
  BlkRequest discard = sound(kDiscard, 0);
  discard.head.nr_sectors = 88;
  CHECK(fault_of_discard(discard, 88, false).empty());
  CHECK_FALSE(fault_of_discard(discard, 88, true).empty());
  discard.head.sector_number = 1;
  CHECK_FALSE(fault_of_discard(discard, 88, false).empty());
  discard.head.nr_sectors = UINT64_MAX;
  CHECK_FALSE(fault_of_discard(discard, 88, false).empty());
}

TEST_CASE("blkif request: a payload gives the request back, and one that was cut gives zeros") {
  const BlkRequest request = sound(kWrite, 3);
  std::vector<uint8_t> payload = request.to_payload();
  CHECK(payload.size() == 40 + 3 * 8);
  const auto back = BlkRequest::from_payload(payload);
  REQUIRE(back.has_value());
  CHECK(back->head.id == request.head.id);
  CHECK(back->segments[2].gref == 10);
  CHECK(sound(kRead, 200).to_payload().size() == 40 + 11 * 8);
  payload.resize(40 + 8);
  CHECK(BlkRequest::from_payload(payload)->segments[1].gref == 0);
  payload.resize(39);
  CHECK_FALSE(BlkRequest::from_payload(payload).has_value());
}

TEST_CASE("blkif: numbers of virtual disks, from xen-vbd-interface(7)") {
  CHECK(virtual_device_number("xvda") == 51712u);
  CHECK(virtual_device_number("xvda1") == 51713u);
  CHECK(virtual_device_number("xvdb") == 51728u);
  CHECK(virtual_device_number("xvdp15") == 51967u);
  CHECK(virtual_device_number("xvdq") == (1u << 28 | 16u << 8));
  CHECK(virtual_device_number("xvdaa") == (1u << 28 | 26u << 8));
  CHECK(virtual_device_number("xvda16") == (1u << 28 | 16u));
  CHECK(virtual_device_number("sda2") == 2050u);
  CHECK(virtual_device_number("hda") == 768u);
  CHECK(virtual_device_number("hdb1") == 833u);
  CHECK(virtual_device_number("hdc") == 5632u);
  for (const char* bad :
       {"", "xvd", "xvda01", "xvd1", "disk0", "xvdaaa", "xvda1000", "sdq", "hde", "xvda1x"}) {
    CAPTURE(bad);
    CHECK_FALSE(virtual_device_number(bad).has_value());
  }
}
