// The registers of an IDE channel (ATA/ATAPI-7 volume 1, chapter 5). Where reading and writing reach
// different registers, the bank is the direction. The values live in the drives: both keep a copy of each
// parameter.
#pragma once

#include "devices/disk/ide_channel.h"

namespace ringside {

struct AtaRegisters {
  // The Data register has 16 bits beside an Error register of 8: its bank is the width of the access.
  enum Bank : uint8_t { reads = 0, writes = 1, words = 2 };
  using C = IdeChannel;
  using P = ata::Parameter;
  static constexpr RegisterAccess kBoth = RegisterAccess::read_write;

  // 1f0h or 170h. Reset values are those of a channel with a drive 0: its signature, and Status when ready.
  static constexpr Register<IdeChannel> kCommandBlock[] = {
      {{"Data", 0, 2, kBoth, 0, 0xffff, "5.5", words}, &C::read_data, &C::write_data},
      {{"Error", 1, 1, RegisterAccess::read_only, 0x01, 0, "5.8", reads}, &C::read_parameter<P::features>},
      {{"Features", 1, 1, RegisterAccess::write_only, 0, 0xff, "5.9", writes},
       nullptr,
       &C::write_parameter<P::features>},
      {{"Sector Count", 2, 1, kBoth, 0x01, 0xff, "5.13", reads},
       &C::read_parameter<P::sector_count>,
       &C::write_parameter<P::sector_count>},
      {{"LBA Low", 3, 1, kBoth, 0x01, 0xff, "5.11", reads},
       &C::read_parameter<P::lba_low>,
       &C::write_parameter<P::lba_low>},
      {{"LBA Mid", 4, 1, kBoth, 0, 0xff, "5.12", reads},
       &C::read_parameter<P::lba_mid>,
       &C::write_parameter<P::lba_mid>},
      {{"LBA High", 5, 1, kBoth, 0, 0xff, "5.10", reads},
       &C::read_parameter<P::lba_high>,
       &C::write_parameter<P::lba_high>},
      {{"Device", 6, 1, kBoth, 0, 0xff, "5.6", reads},
       &C::read_parameter<P::device>,
       &C::write_parameter<P::device>},
      {{"Status", 7, 1, RegisterAccess::read_only, 0x50, 0, "5.14", reads}, &C::read_status},
      {{"Command", 7, 1, RegisterAccess::write_only, 0, 0xff, "5.3", writes}, nullptr, &C::write_command},
  };
  // 3f6h or 376h.
  static constexpr Register<IdeChannel> kControlBlock[] = {
      {{"Alternate Status", 0, 1, RegisterAccess::read_only, 0x50, 0, "5.2", reads},
       &C::read_alternate_status},
      {{"Device Control", 0, 1, RegisterAccess::write_only, 0, 0x86, "5.7", writes},
       nullptr,
       &C::write_device_control},
  };
};

inline constexpr std::span<const Register<IdeChannel>> kAtaCommandBlock = AtaRegisters::kCommandBlock;
inline constexpr std::span<const Register<IdeChannel>> kAtaControlBlock = AtaRegisters::kControlBlock;

}  // namespace ringside
