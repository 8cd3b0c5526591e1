#include "devices/disk/ide_ports.h"

namespace ringside {

IdePorts::IdePorts(const DeviceSite& site, const DiskImageConfig& image, const AtaDriveConfig& drive,
                   uint64_t memory_bytes)
    : ports_(Bus::Space::ports, site.named("pio")), mmio_(Bus::Space::memory, site.named("mmio")) {
  auto memory = Memory::create(GuestPhys{0}, memory_bytes);
  if (!memory) {
    failure_ = memory.error().message;
    return;
  }
  memory_ = std::move(*memory);
  dma_ = std::make_unique<DmaPort>(site, *memory_);
  controller_ = std::make_unique<IdeController>(site, ports_, mmio_, *dma_);
  controller_->interrupt(0).connect([this](bool level) { interrupt.set(level); });
  controller_->set_up_as_firmware();
  // DiskImage asks for a clock that it might set, but only reads it.
  auto opened = DiskImage::open(image, const_cast<Clock&>(site.clock), site.events, site.wiring);
  if (!opened) {
    failure_ = opened.error().message;
    return;
  }
  image_ = std::move(*opened);
  controller_->attach(0, 0, *image_, drive);
}

BusTarget* IdePorts::target(uint64_t& offset) {
  if (!controller_) return nullptr;
  if (offset < 8) return &controller_->channel(0).command_block();
  if (offset == 8) {
    offset = 0;
    return &controller_->channel(0).control_block();
  }
  if (offset < 0x10 || offset >= 0x18) return nullptr;
  offset -= 0x10;
  return &controller_->bus_master(0);
}

uint64_t IdePorts::read(uint64_t offset, unsigned size) {
  BusTarget* behind = target(offset);
  return behind != nullptr ? behind->read(offset, size) : ~0ull;
}

void IdePorts::write(uint64_t offset, unsigned size, uint64_t value) {
  if (BusTarget* behind = target(offset)) behind->write(offset, size, value);
}

}  // namespace ringside
