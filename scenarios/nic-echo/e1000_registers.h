// The 82540EM's registers that the driver uses, by section of its manual.
#pragma once

#include <stdint.h>

// 13.4: offsets from BAR 0.
enum {
  kControl = 0x0000,            // CTRL, 13.4.1
  kStatus = 0x0008,             // STATUS, 13.4.2
  kEepromRead = 0x0014,         // EERD, 13.4.4
  kInterruptCause = 0x00c0,     // ICR, 13.4.17: reading clears
  kInterruptThrottle = 0x00c4,  // ITR, 13.4.18: in units of 256 ns
  kInterruptSet = 0x00d0,       // IMS, 13.4.20
  kInterruptClear = 0x00d8,     // IMC, 13.4.21
  kReceiveControl = 0x0100,     // RCTL, 13.4.22
  kTransmitControl = 0x0400,    // TCTL, 13.4.33
  kTransmitGap = 0x0410,        // TIPG, 13.4.34
  kReceiveBaseLow = 0x2800,     // RDBAL, 13.4.25
  kReceiveBaseHigh = 0x2804,
  kReceiveLength = 0x2808,
  kReceiveHead = 0x2810,
  kReceiveTail = 0x2818,
  kReceiveDelay = 0x2820,     // RDTR, 13.4.30
  kTransmitBaseLow = 0x3800,  // TDBAL, 13.4.36
  kTransmitBaseHigh = 0x3804,
  kTransmitLength = 0x3808,
  kTransmitHead = 0x3810,
  kTransmitTail = 0x3818,
  kMissedPackets = 0x4010,      // MPC, 13.7.4: counters clear when read
  kGoodReceived = 0x4074,       // GPRC, 13.7.18
  kGoodSent = 0x4080,           // GPTC, 13.7.21
  kMulticastTable = 0x5200,     // MTA, 13.5.1: 128 words
  kReceiveAddressLow = 0x5400,  // RAL and RAH, 13.5.2
  kReceiveAddressHigh = 0x5404,
};

enum {
  kControlFullDuplex = 1 << 0,
  kControlAutoSpeed = 1 << 5,  // ASDE
  kControlLinkUp = 1 << 6,     // SLU
  kControlReset = 1 << 26,

  kStatusLinkUp = 1 << 1,

  kEepromStart = 1 << 0,
  kEepromDone = 1 << 4,
  kEepromAddressShift = 8,
  kEepromDataShift = 16,

  kCauseTransmitWrittenBack = 1 << 0,  // TXDW
  kCauseLinkChange = 1 << 2,           // LSC
  kCauseReceiveMinimum = 1 << 4,       // RXDMT0
  kCauseReceiveOverrun = 1 << 6,       // RXO
  kCauseReceiveTimer = 1 << 7,         // RXT0

  kReceiveEnable = 1 << 1,
  kReceiveBroadcast = 1 << 15,      // BAM; the size of buffers is 2048 bytes while its bits are 0
  kReceiveStripChecksum = 1 << 26,  // SECRC: without the frame's four bytes of CRC

  kTransmitEnable = 1 << 1,
  kTransmitPadShort = 1 << 3,
  kTransmitCollisions = 15 << 4,  // CT and COLD, as 13.4.33 recommends for full duplex
  kTransmitDistance = 0x40 << 12,
  kTransmitGapCopper = 10 | 8 << 10 | 6 << 20,  // 13.4.34: IPGT, IPGR1, IPGR2
};

static const uint32_t kReceiveAddressValid = 1u << 31;

// 3.2.3: legacy receive descriptor.
struct receive_descriptor {
  uint64_t address;
  uint16_t length, checksum;
  uint8_t status, errors;
  uint16_t special;
};
enum { kDescriptorDone = 1 << 0, kReceiveEndOfPacket = 1 << 1 };

// 3.3.3: legacy transmit descriptor.
struct transmit_descriptor {
  uint64_t address;
  uint16_t length;
  uint8_t checksum_offset, command, status, checksum_start;
  uint16_t special;
};
enum { kCommandEndOfPacket = 1 << 0, kCommandInsertChecksum = 1 << 1, kCommandReportStatus = 1 << 3 };
