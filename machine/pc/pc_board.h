// A PC's board, for whoever puts a device on it: ours (pc_devices.cpp), or a model of somebody's own
// (docs/bring-your-own-model.md). Everything that is put on it must live as long as the machine.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "devices/platform/platform.h"
#include "sim/bus.h"
#include "sim/dma.h"
#include "sim/systemc/timeline.h"

namespace ringside {

class PcBoard {
 public:
  PcBoard(const DeviceSite& site, Timeline& timeline, Memory& memory, Bus& ports, Bus& mmio,
          Platform& platform)
      : site_(site), timeline_(timeline), memory_(memory), ports_(ports), mmio_(mmio), platform_(platform) {}

  // The bus of I/O ports, and that of physical memory outside of RAM.
  Bus& ports() { return ports_; }
  Bus& memory_bus() { return mmio_; }
  Memory& ram() { return memory_; }
  Platform& platform() { return platform_; }
  Timeline& timeline() { return timeline_; }
  // Where a device with that name stands.
  DeviceSite site(const std::string& name) const { return site_.named(name); }
  // Its way to memory, made at the first call.
  DmaPort& dma(const std::string& name) {
    std::unique_ptr<DmaPort>& port = dma_[name];
    if (!port) {
      port = std::make_unique<DmaPort>(site(name), memory_);
      port->set_message_interrupt(
          [this](uint32_t address, uint32_t data) { platform_.message_interrupt(address, data); });
    }
    return *port;
  }

 private:
  const DeviceSite site_;
  Timeline& timeline_;
  Memory& memory_;
  Bus& ports_;
  Bus& mmio_;
  Platform& platform_;
  std::map<std::string, std::unique_ptr<DmaPort>> dma_;
};

}  // namespace ringside
