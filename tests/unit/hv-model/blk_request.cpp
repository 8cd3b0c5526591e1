// Proves how single requests are judged, by the rules of xen-blkback's dispatch_rw_block_io restated, what
// their payload holds, and the numbers of virtual disks.
#include <catch2/catch.hpp>

#include <cstring>

#include "hv-model/backends/blk/blk_layout.h"
#include "hv-model/backends/blk/blk_request.h"
#include "hv-model/backends/blk/virtual_device.h"

using namespace ringside;

namespace {

enum : uint8_t { kRead = 0, kWrite = 1, kBarrier = 2, kFlush = 3, kDiscard = 5, kIndirect = 6 };

BlkLimits disk(uint64_t sectors, bool read_only) { return {.sectors = sectors, .read_only = read_only}; }

BlkRequest sound(uint8_t operation, uint8_t segments = 1) {
  BlkRequest request;
  request.head.operation = operation;
  request.head.nr_segments = segments;
  request.head.indirect_op = 0xff;
  request.head.id = 0x1122334455667788;
  for (uint8_t i = 0; i < std::min<uint8_t>(segments, 11); ++i)
    request.segments.push_back({8u + i, 0, 7, 0, 0});
  return request;
}

}  // namespace

TEST_CASE("blkif request: sound ones") {
  for (const uint8_t operation : {kRead, kWrite, kBarrier, kFlush}) {
    CHECK(fault_of_transfer(sound(operation, 11), disk(88, false)).empty());
  }
  CHECK(fault_of_transfer(sound(kFlush, 0), disk(88, false)).empty());
  CHECK(fault_of_transfer(sound(kRead), disk(88, true)).empty());
}

TEST_CASE("blkif request: each mistake is seen") {
  CHECK_FALSE(fault_of_transfer(sound(kRead, 0), disk(88, false)).empty());
  CHECK_FALSE(fault_of_transfer(sound(kWrite, 0), disk(88, false)).empty());
  CHECK_FALSE(fault_of_transfer(sound(kRead, 12), disk(1000, false)).empty());
  CHECK_FALSE(fault_of_transfer(sound(kRead, 255), disk(1000, false)).empty());
  CHECK_FALSE(fault_of_transfer(sound(kWrite), disk(88, true)).empty());
  CHECK_FALSE(
      fault_of_transfer(sound(kFlush, 0), disk(88, true)).empty());  // a flush is a write to xen-blkback
  BlkRequest request = sound(kRead);
  request.segments[0].last_sect = 8;
  CHECK_FALSE(fault_of_transfer(request, disk(88, false)).empty());
  request.segments[0] = {8, 3, 2, 0, 0};
  CHECK_FALSE(fault_of_transfer(request, disk(88, false)).empty());
}

TEST_CASE("blkif request: the range is checked without overflow") {
  BlkRequest request = sound(kRead);
  const auto good = [&](uint64_t sector) {
    request.head.sector_number = sector;
    return fault_of_transfer(request, disk(88, false)).empty();
  };
  CHECK(good(80));
  CHECK_FALSE(good(81));
  CHECK_FALSE(good(UINT64_MAX - 7));  // the sum is 0
  CHECK_FALSE(good(UINT64_MAX));
  BlkRequest discard = sound(kDiscard, 0);
  discard.head.nr_sectors = 88;
  CHECK(fault_of_discard(discard, disk(88, false)).empty());
  CHECK_FALSE(fault_of_discard(discard, disk(88, true)).empty());
  discard.head.sector_number = 1;
  CHECK_FALSE(fault_of_discard(discard, disk(88, false)).empty());
  discard.head.nr_sectors = UINT64_MAX;
  CHECK_FALSE(fault_of_discard(discard, disk(88, false)).empty());
}

TEST_CASE("blkif request: a payload gives the request back, and one that was cut gives zeros") {
  const BlkRequest request = sound(kWrite, 3);
  std::vector<uint8_t> payload;
  request.to_payload(payload);
  CHECK(payload.size() == 48 + 3 * 8);
  BlkRequest back = request;
  REQUIRE(back.from_payload(payload));
  CHECK(back.head.id == request.head.id);
  REQUIRE(back.segments.size() == 3);
  CHECK(back.segments[2].gref == 10);
  payload.resize(48 + 8);
  REQUIRE(back.from_payload(payload));
  REQUIRE(back.segments.size() == 3);
  CHECK(back.segments[1].gref == 0);
  payload.resize(47);
  CHECK_FALSE(back.from_payload(payload));
}

TEST_CASE("blkif request: an indirect one carries its pages and its segments") {
  BlkRequest request = sound(kIndirect, 0);
  request.head.indirect_op = kRead;
  request.head.nr_segments = 600;
  request.indirect_grefs = {70, 71};
  for (uint32_t i = 0; i < 600; ++i) request.segments.push_back({100 + i, 0, 7, 0, 0});
  CHECK(request.indirect_pages() == 2);
  CHECK(request.is_read());
  std::vector<uint8_t> payload;
  request.to_payload(payload);
  CHECK(payload.size() == 48 + 602 * 8);
  BlkRequest back;
  REQUIRE(back.from_payload(payload));
  CHECK(back.indirect_grefs[1] == 71);
  REQUIRE(back.segments.size() == 600);
  CHECK(back.segments[599].gref == 699);
  BlkLimits limits = disk(4800, false);
  CHECK_FALSE(fault_of_transfer(back, limits).empty());  // more than feature-max-indirect-segments
  limits.indirect_segments = 600;
  CHECK(fault_of_transfer(back, limits).empty());
  back.head.indirect_op = kFlush;
  CHECK_FALSE(fault_of_transfer(back, limits).empty());
  back.head.indirect_op = kIndirect;
  CHECK_FALSE(fault_of_transfer(back, limits).empty());
  back.head.indirect_op = kWrite;
  back.head.nr_segments = 599;  // a fault on the wire: it has more than it says
  CHECK_FALSE(fault_of_transfer(back, limits).empty());
  back.head.nr_segments = 0xffff;
  CHECK(back.indirect_pages() == 0);
}

TEST_CASE("blkif request: a disk of 4 KiB sectors takes whole ones") {
  BlkLimits limits = disk(800, false);
  limits.sector_bytes = 4096;
  BlkRequest request = sound(kRead);
  request.head.sector_number = 8;
  CHECK(fault_of_transfer(request, limits).empty());
  request.head.sector_number = 9;
  CHECK_FALSE(fault_of_transfer(request, limits).empty());
  request.head.sector_number = 8;
  request.segments[0].last_sect = 3;
  CHECK_FALSE(fault_of_transfer(request, limits).empty());
}

// The offsets are those of the structures in xen-blkback's common.h (packed, with their paddings).
TEST_CASE("blkif request: both layouts say the same") {
  const bool narrow = GENERATE(false, true);
  const BlkLayout* layout = blk_layout_of(narrow ? "x86_32-abi" : "x86_64-abi");
  REQUIRE(layout != nullptr);
  CHECK(layout->slot_bytes == (narrow ? 108u : 112u));
  CHECK(blk_layout_of("arm-abi") == nullptr);
  std::vector<uint8_t> slot(layout->slot_bytes);
  const auto put = [&slot](size_t offset, auto value) {
    std::memcpy(slot.data() + offset, &value, sizeof value);
  };
  const size_t shift = narrow ? 4 : 0;
  BlkRequest request;

  put(0, uint8_t{kWrite});
  put(1, uint8_t{2});
  put(2, uint16_t{0xca00});
  put(8 - shift, uint64_t{0x1122334455667788});
  put(16 - shift, uint64_t{77});
  put(24 - shift + 8, uint32_t{501});
  put(24 - shift + 12, uint8_t{1});
  put(24 - shift + 13, uint8_t{6});
  read_blk_request(*layout, slot, request);
  CHECK(request.head.operation == kWrite);
  CHECK(request.head.handle == 0xca00);
  CHECK(request.head.id == 0x1122334455667788);
  CHECK(request.head.sector_number == 77);
  REQUIRE(request.segments.size() == 2);
  CHECK(request.segments[1].gref == 501);
  CHECK(request.segments[1].first_sect == 1);
  CHECK(request.segments[1].last_sect == 6);
  CHECK(request.head.nr_sectors == 1 + 6);

  put(0, uint8_t{kIndirect});
  put(1, uint8_t{kRead});
  put(2, uint16_t{300});
  put(24 - shift, uint16_t{0xca10});
  put(28 - shift, uint32_t{900});
  put(28 - shift + 28, uint32_t{907});
  read_blk_request(*layout, slot, request);
  CHECK(request.head.indirect_op == kRead);
  CHECK(request.head.nr_segments == 300);
  CHECK(request.head.handle == 0xca10);
  CHECK(request.head.sector_number == 77);
  CHECK(request.indirect_grefs[0] == 900);
  CHECK(request.indirect_grefs[7] == 907);
  CHECK(request.segments.empty());

  put(0, uint8_t{kDiscard});
  put(1, uint8_t{1});
  put(24 - shift, uint64_t{88});
  read_blk_request(*layout, slot, request);
  CHECK(request.head.flag == 1);
  CHECK(request.head.nr_sectors == 88);

  std::array<uint8_t, 16> bytes;
  const auto response = write_blk_response(*layout, {.id = 5, .status = -1, .operation = kRead}, bytes);
  CHECK(response.size() == (narrow ? 12u : 16u));
  CHECK(response[0] == 5);
  CHECK(response[8] == kRead);
  CHECK(response[10] == 0xff);
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
