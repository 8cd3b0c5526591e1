// One channel's half of the PIIX3's bus master ("Programming Interface for Bus Master IDE Controller", Intel,
// revision 1.0; 82371SB datasheet 290550, bus master IDE registers): the engine that moves a drive's data to
// and from memory along a table of physical region descriptors (PRDs).
//
// Start fetches the first descriptor; while the drive asserts DMARQ, pieces of at most one region move, each
// as one DMA transfer that takes the cycles of the drive's mode. Behind the region marked EOT the engine
// stops by itself. So however a guest writes its table, one event moves one region at most, and a table
// without end lasts only as long as the drive has data.
//
// What a guest gets wrong: a transfer that memory refuses sets Error and stops (master abort), and so does a
// direction other than the drive's. Bits that must be 0 are taken as 0. A region that would cross 64 KiB
// wraps, because the incrementer has bits 1 to 15 only.
#pragma once

#include <cstdint>

#include "devices/disk/ata_drive.h"
#include "devices/pci/pci_function.h"
#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/dma.h"
#include "sim/registers.h"
#include "sim/state.h"

namespace ringside {

struct BusMasterTiming {
  // Two dwords read over PCI at 33 MHz: arbitration, address, target latency and data, about ten clocks.
  Tick descriptor_fetch = nanoseconds(300);
};

class BusMaster final : public BusTarget, public Stateful {
 public:
  BusMaster(const DeviceSite& site, unsigned channel, PciFunction& pci, DmaPort& dma,
            const BusMasterTiming& timing);
  ~BusMaster() override;
  BusMaster(const BusMaster&) = delete;
  BusMaster& operator=(const BusMaster&) = delete;

  // 8 ports: BMICOM, BMISTA, BMIDTP.
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  // --- The cable ---
  void dma_requested(AtaDrive& drive);
  void dma_released(AtaDrive& drive);
  // INTRQ rises.
  void interrupt_raised();

  // The PCI command register has changed: it may give the bus back.
  void bus_changed() { go_on(); }
  void reset();

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend struct BusMasterRegisters;

  static constexpr uint8_t kActive = 0x01, kError = 0x02, kInterrupt = 0x04;
  static constexpr uint8_t kStart = 0x01, kToMemory = 0x08;

  uint64_t read_byte(uint64_t offset);
  void write_byte(uint64_t offset, uint8_t value);
  void write_command(uint64_t value);
  void write_status(uint64_t value);
  void start();
  void stop();
  void go_on();
  void fetch();
  void move();
  void moved(AtaDrive& drive, size_t bytes);
  bool pass(size_t bytes);
  void fail(const char* what);
  void abort();
  bool active() const { return (status() & kActive) != 0; }
  uint64_t& command() { return registers_.value(0); }
  uint64_t command() const { return registers_.value(0); }
  uint64_t& status() { return registers_.value(1); }
  uint64_t status() const { return registers_.value(1); }
  uint64_t table() const { return registers_.value(2); }

  const DeviceSite site_;
  const unsigned channel_;
  PciFunction& pci_;
  DmaPort& dma_;
  const BusMasterTiming timing_;
  RegisterFile<BusMaster> registers_;

  AtaDrive* drive_ = nullptr;  // asserts DMARQ
  uint64_t next_descriptor_ = 0;
  // The region that is open: the address, the bytes left, and whether it is the last one.
  uint32_t address_ = 0;
  uint32_t left_ = 0;
  bool last_ = false;
  bool fetching_ = false;
  bool wrap_noticed_ = false, bus_noticed_ = false;  // once for each start
  bool ultra_noticed_ = false;
  size_t piece_ = 0;  // bytes that are moving now
  EventQueue::Handle step_;
};

}  // namespace ringside
