// What stands in the place of a disk image's file: a recording of one (recorded_disk.h). The image keeps its
// latency, its wire and its checks of ranges; here is only what is read and written.
#pragma once

#include <cstdint>
#include <span>

#include "host/disk_image.h"
#include "sim/state.h"

namespace ringside {

class DiskSource : public Stateful {
 public:
  // In bytes, always whole sectors, within the disk.
  virtual DiskImage::Status read(uint64_t offset, std::span<uint8_t> into) = 0;
  virtual DiskImage::Status write(uint64_t offset, std::span<const uint8_t> from) = 0;
  virtual DiskImage::Status discard(uint64_t offset, uint64_t bytes) = 0;
  virtual DiskImage::Status flush() = 0;
};

}  // namespace ringside
