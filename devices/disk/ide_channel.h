// One IDE channel: a cable with up to two drives, the ports through which a PC reaches it, and its interrupt.
//
// Both drives hear every write to the command block; the Device register's DEV bit says which of them takes
// commands and answers reads (ATA/ATAPI-7 volume 1, 5.6). What is not there:
// - device 1 only: device 0 answers for it, with its own registers, but Status 00h (device 0 only
// configurations);
// - both, or device 0 only: nobody drives the bus. DD7 has a pull-down (ATA/ATAPI-7 volume 2), so that an
// absent
//   drive never looks busy: reads give 7fh. Firmware and drivers see at once that there is nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "devices/disk/ata_drive.h"
#include "devices/disk/bus_master.h"
#include "sim/bus.h"
#include "sim/interrupt.h"
#include "sim/registers.h"
#include "sim/state.h"

namespace ringside {

class IdeChannel final : public Stateful, private AtaCable {
 public:
  IdeChannel(const DeviceSite& site, unsigned number, BusMaster& bus_master, InterruptPin& pin);
  IdeChannel(const IdeChannel&) = delete;
  IdeChannel& operator=(const IdeChannel&) = delete;

  // Unit 0 or 1. The image must outlive the channel.
  AtaDrive& attach(unsigned unit, DiskImage& image, const AtaDriveConfig& config);
  AtaDrive* drive(unsigned unit) { return drives_[unit].get(); }

  // 8 ports (1f0h), and one (3f6h).
  BusTarget& command_block() { return command_block_; }
  BusTarget& control_block() { return control_block_; }

  // RESET-.
  void reset();

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend struct AtaRegisters;

  struct CommandBlock final : BusTarget {
    explicit CommandBlock(IdeChannel& the_channel) : channel(the_channel) {}
    uint64_t read(uint64_t offset, unsigned size) override;
    void write(uint64_t offset, unsigned size, uint64_t value) override;
    IdeChannel& channel;
  };
  struct ControlBlock final : BusTarget {
    explicit ControlBlock(IdeChannel& the_channel) : channel(the_channel) {}
    uint64_t read(uint64_t offset, unsigned size) override;
    void write(uint64_t offset, unsigned size, uint64_t value) override;
    IdeChannel& channel;
  };

  // --- Handlers of the registers' table ---
  uint64_t read_data();
  void write_data(uint64_t value);
  template <ata::Parameter kParameter>
  uint64_t read_parameter() {
    return read_parameter(kParameter);
  }
  template <ata::Parameter kParameter>
  void write_parameter(uint64_t value) {
    write_parameter(kParameter, static_cast<uint8_t>(value));
  }
  uint64_t read_status();
  uint64_t read_alternate_status();
  void write_command(uint64_t value);
  void write_device_control(uint64_t value);

  uint64_t read_parameter(ata::Parameter parameter);
  void write_parameter(ata::Parameter parameter, uint8_t value);
  AtaDrive* selected() const { return drives_[selected_].get(); }
  // Whose registers are read.
  AtaDrive* responder() const { return selected() != nullptr ? selected() : drives_[0].get(); }
  void note_width(unsigned size, const char* what);

  // --- The cable ---
  void interrupt_changed() override;
  void dma_requested(AtaDrive& drive) override { bus_master_.dma_requested(drive); }
  void dma_released(AtaDrive& drive) override { bus_master_.dma_released(drive); }
  bool other_present(const AtaDrive& drive) const override;

  const DeviceSite site_;
  const unsigned number_;
  BusMaster& bus_master_;
  InterruptPin& pin_;
  CommandBlock command_block_{*this};
  ControlBlock control_block_{*this};
  RegisterFile<IdeChannel> command_registers_;
  RegisterFile<IdeChannel> control_registers_;
  std::array<std::unique_ptr<AtaDrive>, 2> drives_;
  uint8_t selected_ = 0;  // DEV
  uint8_t control_ = 0;   // Device Control
};

}  // namespace ringside
