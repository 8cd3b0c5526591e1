// An IDE controller with one disk, for a platform that is not a PC of ours: primary channel and bus master as
// one range of 32 bytes, one interrupt. The PCI function is set up as by firmware and stays out of sight.
//
//   00h-07h command block    08h Device Control, Alternate Status    10h-17h BMICOM, BMISTA, BMIDTP
//
// DMA goes to a memory of its own, which starts at address 0: the platform fills and reads it by memory().
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "devices/disk/ide_controller.h"
#include "host/disk_image.h"
#include "sim/bus.h"
#include "sim/interrupt.h"
#include "sim/memory.h"

namespace ringside {

class IdePorts final : public BusTarget {
 public:
  static constexpr uint64_t kBusLength = 32;
  static constexpr unsigned kBusWidthMax = 4;

  // `memory_bytes`: a multiple of 4096.
  IdePorts(const DeviceSite& site, const DiskImageConfig& image, const AtaDriveConfig& drive,
           uint64_t memory_bytes = 1 << 20);

  // Why there is no disk; empty when all is well. Without one the channel is empty, without memory all reads
  // give ones.
  const std::string& failure() const { return failure_; }
  Memory* memory() { return memory_.get(); }

  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  InterruptPin interrupt;

 private:
  BusTarget* target(uint64_t& offset);

  Bus ports_, mmio_;
  std::string failure_;
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<DiskImage> image_;
  std::unique_ptr<DmaPort> dma_;
  std::unique_ptr<IdeController> controller_;
};

}  // namespace ringside
