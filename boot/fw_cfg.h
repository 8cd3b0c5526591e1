// QEMU's firmware configuration device (QEMU docs/specs/fw_cfg.rst), as SeaBIOS reads it: a selector at port
// 0x510, data at 0x511, and from 0x514 on the DMA interface. Behind it are numbered items, and named files
// whose directory is an item too. All of them are fixed when the machine is built; the guest can only read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "boot/acpi.h"
#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/dma.h"
#include "sim/state.h"

namespace ringside {

struct FwCfgConfig {
  uint64_t ram_bytes = 0;
  uint64_t memory_end = 0;                      // where RAM's addresses end (memory_map.h)
  const AcpiTables* acpi = nullptr;             // null: the BIOS makes tables of its own
  std::optional<uint16_t> serial_console_port;  // SeaBIOS then shows its screen there, and reads keys
  std::string boot_order;  // file "bootorder": a line for each device; empty: the BIOS's own
};

class FwCfg final : public BusTarget, public Stateful {
 public:
  static constexpr uint16_t kPort = 0x510;
  static constexpr uint16_t kPorts = 12;

  FwCfg(const DeviceSite& site, const FwCfgConfig& config, DmaPort& dma);

  // More of them, before the machine runs.
  void add_item(uint16_t key, std::vector<uint8_t> contents);
  void add_file(const std::string& name, std::vector<uint8_t> contents);

  // Offsets from kPort.
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;
  void reset();

  void visit_state(StateVisitor& visitor) const override;

 private:
  void select(uint16_t key);
  uint8_t next_byte();
  void transfer();
  bool copy_out(GuestPhys to, uint64_t length);
  void rebuild_directory();

  const DeviceSite site_;
  DmaPort& dma_;
  std::map<uint16_t, std::vector<uint8_t>> items_;
  std::map<std::string, uint16_t> files_;
  const std::vector<uint8_t>* selected_ = nullptr;
  uint16_t key_ = 0;
  uint64_t position_ = 0;
  uint64_t dma_address_ = 0;  // what 0x514 has been given
};

}  // namespace ringside
