// A request under way between a ring and the disk, for blk_ring.cpp and blk_io.cpp only. Its data never lies
// on the host's side: the disk takes it from the guest's pages, or puts it there, when the transfer
// completes, as a disk's DMA does. What a frontend changes before the response may or may not reach the disk.
#pragma once

#include <vector>

#include "hv-model/backends/blk/blk_ring.h"

namespace ringside {

// The BLKIF_RSP_ status that a fault's fail(code) stands for.
int16_t blk_status_of_fault(int64_t fail);

struct BlkRing::Work final : DiskImage::Buffer {
  explicit Work(Memory& the_memory) : memory(the_memory) {}

  bool store(std::span<const uint8_t> bytes) override;
  bool load(std::span<uint8_t> bytes) override;

  Memory& memory;
  bool busy = false;
  bool abandoned = false;  // the backend has died: there is nowhere to put data, and none to take
  BlkRequest request;
  Tick taken_at;
  std::vector<Page> pages;  // one for each segment
};

}  // namespace ringside
