// The IDE function of a PIIX3 (Intel 82371SB, datasheet 290550): PCI function 8086:7010, two channels in
// compatibility mode (1f0h-1f7h, 3f6h and interrupt 14; 170h-177h, 376h and interrupt 15), and the bus master
// registers of both at base address register 4.
//
// A channel's ports answer while the PCI command register enables I/O space and IDETIM's bit 15 the channel.
// Both are 0 after reset: firmware sets them, or set_up_as_firmware() where a kernel is started without any.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "devices/disk/ata_drive.h"
#include "devices/disk/bus_master.h"
#include "devices/disk/ide_channel.h"
#include "devices/pci/pci_function.h"
#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/dma.h"
#include "sim/interrupt.h"
#include "sim/state.h"

namespace ringside {

class IdeController final : public Stateful {
 public:
  // The buses and `dma` must outlive the controller.
  IdeController(const DeviceSite& site, Bus& ports, Bus& memory, DmaPort& dma,
                const BusMasterTiming& timing = {});
  ~IdeController() override;
  IdeController(const IdeController&) = delete;
  IdeController& operator=(const IdeController&) = delete;

  // Channel 0 or 1, unit 0 or 1 (master or slave). The image must outlive the controller.
  AtaDrive& attach(unsigned channel, unsigned unit, DiskImage& image, const AtaDriveConfig& config);

  // For the host bridge: function 1 of the south bridge.
  PciFunction& pci() { return pci_; }
  // Channel 0: interrupt line 14, channel 1: 15.
  InterruptPin& interrupt(unsigned channel) { return pins_[channel & 1]; }
  IdeChannel& channel(unsigned number) { return channels_[number & 1]; }
  BusMaster& bus_master(unsigned number) { return masters_[number & 1]; }

  // What PC firmware does: both channels, I/O space and bus mastering on, the bus master registers at
  // `bus_master_ports` (a multiple of 16).
  void set_up_as_firmware(uint16_t bus_master_ports = 0xc000);
  // RST#: as at power on. What is in the images and in write caches stays.
  void reset();

  void visit_state(StateVisitor& visitor) const override;

 private:
  // BAR 4: 8 ports for each channel.
  struct BusMasterBlock final : BusTarget {
    explicit BusMasterBlock(std::array<BusMaster, 2>& the_masters) : masters(the_masters) {}
    uint64_t read(uint64_t offset, unsigned size) override;
    void write(uint64_t offset, unsigned size, uint64_t value) override;
    std::array<BusMaster, 2>& masters;
  };
  struct Decoded {
    Bus::Mapping command = 0, control = 0;
  };
  void update_decoding();

  const DeviceSite site_;
  Bus& ports_;
  PciFunction pci_;
  std::array<InterruptPin, 2> pins_;
  std::array<BusMaster, 2> masters_;
  std::array<IdeChannel, 2> channels_;
  BusMasterBlock bus_master_block_;
  std::array<Decoded, 2> decoded_;
};

}  // namespace ringside
