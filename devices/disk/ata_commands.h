// The commands that the drive knows, one row each (ATA/ATAPI-7 volume 1, chapter 6). An opcode without a row
// ends with ABRT, as the standard has it for a feature set that IDENTIFY DEVICE does not offer: SMART,
// security, host protected area, device configuration, PACKET, queued commands, CFA, media status.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "devices/disk/ata_drive.h"

namespace ringside {

struct AtaCommandRow {
  uint8_t opcode = 0;
  std::string_view name;  // as the standard prints it
  // `addressed`: sectors from Sector Count and an address. `ext`: 48 bits of it. `multiple`: DRQ blocks of
  // the size set by SET MULTIPLE MODE. `through`: the cache is written through (FUA).
  bool addressed = false, ext = false, dma = false, multiple = false, through = false;
  void (AtaDrive::*start)() = nullptr;
};

struct AtaCommands {
  using D = AtaDrive;
  // clang-format off
  static constexpr AtaCommandRow kRows[] = {
      {0x00, "NOP", 0, 0, 0, 0, 0, &D::nop},
      {0x10, "RECALIBRATE", 0, 0, 0, 0, 0, &D::recalibrate},
      {0x20, "READ SECTORS", 1, 0, 0, 0, 0, &D::start_read},
      {0x21, "READ SECTORS without retry", 1, 0, 0, 0, 0, &D::start_read},
      {0x24, "READ SECTORS EXT", 1, 1, 0, 0, 0, &D::start_read},
      {0x25, "READ DMA EXT", 1, 1, 1, 0, 0, &D::start_read},
      {0x29, "READ MULTIPLE EXT", 1, 1, 0, 1, 0, &D::start_read},
      {0x30, "WRITE SECTORS", 1, 0, 0, 0, 0, &D::start_write},
      {0x31, "WRITE SECTORS without retry", 1, 0, 0, 0, 0, &D::start_write},
      {0x34, "WRITE SECTORS EXT", 1, 1, 0, 0, 0, &D::start_write},
      {0x35, "WRITE DMA EXT", 1, 1, 1, 0, 0, &D::start_write},
      {0x39, "WRITE MULTIPLE EXT", 1, 1, 0, 1, 0, &D::start_write},
      {0x3d, "WRITE DMA FUA EXT", 1, 1, 1, 0, 1, &D::start_write},
      {0x40, "READ VERIFY SECTORS", 1, 0, 0, 0, 0, &D::start_verify},
      {0x41, "READ VERIFY SECTORS without retry", 1, 0, 0, 0, 0, &D::start_verify},
      {0x42, "READ VERIFY SECTORS EXT", 1, 1, 0, 0, 0, &D::start_verify},
      {0x70, "SEEK", 0, 0, 0, 0, 0, &D::seek},
      {0x90, "EXECUTE DEVICE DIAGNOSTIC", 0, 0, 0, 0, 0, &D::execute_device_diagnostic},
      {0x91, "INITIALIZE DEVICE PARAMETERS", 0, 0, 0, 0, 0, &D::initialize_device_parameters},
      {0xc4, "READ MULTIPLE", 1, 0, 0, 1, 0, &D::start_read},
      {0xc5, "WRITE MULTIPLE", 1, 0, 0, 1, 0, &D::start_write},
      {0xc6, "SET MULTIPLE MODE", 0, 0, 0, 0, 0, &D::set_multiple_mode},
      {0xc8, "READ DMA", 1, 0, 1, 0, 0, &D::start_read},
      {0xc9, "READ DMA without retry", 1, 0, 1, 0, 0, &D::start_read},
      {0xca, "WRITE DMA", 1, 0, 1, 0, 0, &D::start_write},
      {0xcb, "WRITE DMA without retry", 1, 0, 1, 0, 0, &D::start_write},
      {0xce, "WRITE MULTIPLE FUA EXT", 1, 1, 0, 1, 1, &D::start_write},
      {0xe0, "STANDBY IMMEDIATE", 0, 0, 0, 0, 0, &D::standby_immediate},
      {0xe1, "IDLE IMMEDIATE", 0, 0, 0, 0, 0, &D::idle_immediate},
      {0xe2, "STANDBY", 0, 0, 0, 0, 0, &D::standby},
      {0xe3, "IDLE", 0, 0, 0, 0, 0, &D::idle},
      {0xe4, "READ BUFFER", 0, 0, 0, 0, 0, &D::start_read_buffer},
      {0xe5, "CHECK POWER MODE", 0, 0, 0, 0, 0, &D::check_power_mode},
      {0xe6, "SLEEP", 0, 0, 0, 0, 0, &D::sleep},
      {0xe7, "FLUSH CACHE", 0, 0, 0, 0, 0, &D::flush_cache},
      {0xe8, "WRITE BUFFER", 0, 0, 0, 0, 0, &D::start_write_buffer},
      {0xea, "FLUSH CACHE EXT", 0, 1, 0, 0, 0, &D::flush_cache},
      {0xec, "IDENTIFY DEVICE", 0, 0, 0, 0, 0, &D::start_identify},
      {0xef, "SET FEATURES", 0, 0, 0, 0, 0, &D::set_features},
  };
  // clang-format on

  // RECALIBRATE and SEEK have 16 opcodes each (ATA-3): their low half once was the step rate.
  static const AtaCommandRow* find(uint8_t opcode) {
    const uint8_t group = opcode & 0xf0;
    if (group == 0x10 || group == 0x70) opcode = group;
    for (const AtaCommandRow& row : kRows) {
      if (row.opcode == opcode) return &row;
    }
    return nullptr;
  }
};

}  // namespace ringside
