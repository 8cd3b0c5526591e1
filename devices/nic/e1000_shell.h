// The 82540EM as an sc_module: BAR0's 128 KiB behind `socket`, INTA# at `interrupt`. A SystemC platform has
// no PCI bus of ours, so a small board stands around the controller: it enables memory and bus mastering as a
// PCI BIOS would, its DMA goes to `memory` (which the platform may show its core behind a target of its own),
// and its network is a switch with one more port, `cable`, for whatever the platform plugs in.
//
//   E1000Shell nic("nic", E1000Config{}, memory);
//   nic.core.cable.set_receiver(...);                          // frames that the controller sends
//   nic.act([](E1000Board& board) { board.cable.transmit(...); });  // frames for it
#pragma once

#include "devices/nic/e1000.h"
#include "sim/systemc/device_shell.h"

namespace ringside {

class E1000Board final : public BusTarget {
 public:
  static constexpr uint64_t kBusLength = E1000::kMemoryBytes;
  static constexpr unsigned kBusWidthMax = 4;

  E1000Board(const DeviceSite& site, const E1000Config& config, Memory& memory)
      : ports_(Bus::Space::ports, site.named("pio")),
        registers_(Bus::Space::memory, site.named("mmio")),
        dma_(site, memory),
        lan_("lan", Tick{}, site.clock, site.events),
        nic_port_(lan_.attach(site.name)),
        cable(lan_.attach("cable")),
        controller(site, config, ports_, registers_, dma_, nic_port_),
        interrupt(controller.pci().intx) {
    constexpr uint8_t kCommand = 0x04;
    constexpr uint32_t kMemorySpaceAndBusMaster = 0x0006;
    controller.pci().config_write(kCommand, 2, kMemorySpaceAndBusMaster);
  }

  uint64_t read(uint64_t offset, unsigned size) override { return controller.read(offset, size); }
  void write(uint64_t offset, unsigned size, uint64_t value) override {
    controller.write(offset, size, value);
  }

 private:
  Bus ports_, registers_;
  DmaPort dma_;
  EthernetSwitch lan_;
  SwitchPort& nic_port_;

 public:
  SwitchPort& cable;
  E1000 controller;
  InterruptPin& interrupt;
};

using E1000Shell = DeviceShell<E1000Board>;

}  // namespace ringside
