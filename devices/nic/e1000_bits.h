// The 82540EM's registers by offset, and the bits in them and in its descriptors, by the names of Intel's
// "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual", 317453 revision 4.0
// (below: SDM). Offsets: SDM table 13-2; bits: the section that e1000_registers.cpp gives for each register.
#pragma once

#include <cstdint>

namespace ringside::e1000 {

// --- General ---
inline constexpr uint32_t kCtrl = 0x00000, kStatus = 0x00008, kEecd = 0x00010, kEerd = 0x00014;
inline constexpr uint32_t kCtrlExt = 0x00018, kMdic = 0x00020, kFcal = 0x00028, kFcah = 0x0002c;
inline constexpr uint32_t kFct = 0x00030, kVet = 0x00038, kFcttv = 0x00170, kTxcw = 0x00178, kRxcw = 0x00180;
inline constexpr uint32_t kLedctl = 0x00e00, kPba = 0x01000;
inline constexpr uint32_t kCtrlFd = 1u << 0, kCtrlSlu = 1u << 6, kCtrlFrcspd = 1u << 11,
                          kCtrlFrcdplx = 1u << 12;
inline constexpr uint32_t kCtrlRst = 1u << 26, kCtrlRfce = 1u << 27, kCtrlTfce = 1u << 28,
                          kCtrlVme = 1u << 30;
inline constexpr uint32_t kCtrlPhyRst = 1u << 31;
inline constexpr unsigned kCtrlSpeedShift = 8;
inline constexpr uint32_t kStatusFd = 1u << 0, kStatusLu = 1u << 1, kStatusTxoff = 1u << 4,
                          kStatusPci66 = 1u << 11;
inline constexpr unsigned kStatusSpeedShift = 6, kStatusAsdvShift = 8;
inline constexpr uint32_t kEecdSk = 1u << 0, kEecdCs = 1u << 1, kEecdDi = 1u << 2, kEecdDo = 1u << 3;
inline constexpr uint32_t kEecdReq = 1u << 6, kEecdGnt = 1u << 7, kEecdPres = 1u << 8;
inline constexpr uint32_t kEerdStart = 1u << 0, kEerdDone = 1u << 4;
inline constexpr uint32_t kCtrlExtAsdchk = 1u << 12, kCtrlExtEeRst = 1u << 13;
inline constexpr uint32_t kMdicWrite = 1u << 26, kMdicRead = 2u << 26, kMdicOp = 3u << 26;
inline constexpr uint32_t kMdicReady = 1u << 28, kMdicInterrupt = 1u << 29, kMdicError = 1u << 30;

// --- Interrupts ---
inline constexpr uint32_t kIcr = 0x000c0, kItr = 0x000c4, kIcs = 0x000c8, kIms = 0x000d0, kImc = 0x000d8;
inline constexpr uint32_t kTxdw = 1u << 0, kTxqe = 1u << 1, kLsc = 1u << 2, kRxdmt0 = 1u << 4, kRxo = 1u << 6;
inline constexpr uint32_t kRxt0 = 1u << 7, kMdac = 1u << 9, kPhyint = 1u << 12, kTxdLow = 1u << 15;
inline constexpr uint32_t kSrpd = 1u << 16;
inline constexpr uint32_t kAllCauses = 0x1f6df;  // those that the part has

// --- Receive ---
inline constexpr uint32_t kRctl = 0x00100, kFcrtl = 0x02160, kFcrth = 0x02168, kRdbal = 0x02800,
                          kRdbah = 0x02804;
inline constexpr uint32_t kRdlen = 0x02808, kRdh = 0x02810, kRdt = 0x02818, kRdtr = 0x02820,
                          kRxdctl = 0x02828;
inline constexpr uint32_t kRadv = 0x0282c, kRsrpd = 0x02c00, kRxcsum = 0x05000, kMta = 0x05200,
                          kRal = 0x05400;
inline constexpr uint32_t kVfta = 0x05600;
inline constexpr uint32_t kRctlEn = 1u << 1, kRctlSbp = 1u << 2, kRctlUpe = 1u << 3, kRctlMpe = 1u << 4;
inline constexpr uint32_t kRctlLpe = 1u << 5, kRctlLbm = 3u << 6, kRctlBam = 1u << 15, kRctlVfe = 1u << 18;
inline constexpr uint32_t kRctlCfien = 1u << 19, kRctlCfi = 1u << 20, kRctlDpf = 1u << 22,
                          kRctlPmcf = 1u << 23;
inline constexpr uint32_t kRctlBsex = 1u << 25, kRctlSecrc = 1u << 26;
inline constexpr unsigned kRctlRdmtsShift = 8, kRctlMoShift = 12, kRctlBsizeShift = 16;
inline constexpr uint32_t kRdtrFpd = 1u << 31;
inline constexpr uint32_t kRxcsumIpofld = 1u << 8, kRxcsumTuofld = 1u << 9;
inline constexpr uint32_t kRahAv = 1u << 31;
inline constexpr unsigned kRahAsShift = 16;

// --- Transmit ---
inline constexpr uint32_t kTctl = 0x00400, kTipg = 0x00410, kAifs = 0x00458, kTdbal = 0x03800,
                          kTdbah = 0x03804;
inline constexpr uint32_t kTdlen = 0x03808, kTdh = 0x03810, kTdt = 0x03818, kTidv = 0x03820,
                          kTxdctl = 0x03828;
inline constexpr uint32_t kTadv = 0x0382c, kTspmt = 0x03830;
inline constexpr uint32_t kTctlEn = 1u << 1, kTctlPsp = 1u << 3, kTctlSwxoff = 1u << 22;
inline constexpr uint32_t kDctlGran = 1u << 24;
inline constexpr unsigned kDctlWthreshShift = 16, kTxdctlLwthreshShift = 25;

// --- Wakeup and manageability (stored), diagnostics ---
inline constexpr uint32_t kWuc = 0x05800, kWufc = 0x05808, kWus = 0x05810, kManc = 0x05820, kIpav = 0x05838;
inline constexpr uint32_t kWupl = 0x05900;
inline constexpr uint32_t kRdfh = 0x02410, kRdft = 0x02418, kRdfhs = 0x02420, kRdfts = 0x02428,
                          kRdfpc = 0x02430;
inline constexpr uint32_t kTdfh = 0x03410, kTdft = 0x03418, kTdfhs = 0x03420, kTdfts = 0x03428,
                          kTdfpc = 0x03430;

// --- Statistics, SDM 13.7 ---
inline constexpr uint32_t kSymerrs = 0x04008, kRxerrc = 0x0400c, kEcol = 0x04018, kLatecol = 0x04020,
                          kCexterr = 0x0403c, kSec = 0x04038;
inline constexpr uint32_t kCrcerrs = 0x04000, kMpc = 0x04010, kRlec = 0x04040, kXonrxc = 0x04048;
inline constexpr uint32_t kXontxc = 0x0404c, kXoffrxc = 0x04050, kXofftxc = 0x04054, kFcruc = 0x04058;
inline constexpr uint32_t kPrc64 = 0x0405c, kGprc = 0x04074, kBprc = 0x04078, kMprc = 0x0407c,
                          kGptc = 0x04080;
inline constexpr uint32_t kGorcl = 0x04088, kGorch = 0x0408c, kGotcl = 0x04090, kGotch = 0x04094;
inline constexpr uint32_t kRnbc = 0x040a0, kRuc = 0x040a4, kRfc = 0x040a8, kRoc = 0x040ac, kRjc = 0x040b0;
inline constexpr uint32_t kTorl = 0x040c0, kTorh = 0x040c4, kTotl = 0x040c8, kToth = 0x040cc, kTpr = 0x040d0;
inline constexpr uint32_t kTpt = 0x040d4, kPtc64 = 0x040d8, kMptc = 0x040f0, kBptc = 0x040f4,
                          kTsctc = 0x040f8;
inline constexpr uint32_t kTsctfc = 0x040fc;

// --- Receive descriptor, SDM 3.2.3: address, length, packet checksum, status, errors, special ---
inline constexpr uint8_t kRdescDd = 1 << 0, kRdescEop = 1 << 1, kRdescIxsm = 1 << 2, kRdescVp = 1 << 3;
inline constexpr uint8_t kRdescTcpcs = 1 << 5, kRdescIpcs = 1 << 6, kRdescPif = 1 << 7;
inline constexpr uint8_t kRdescCe = 1 << 0, kRdescSe = 1 << 1, kRdescSeq = 1 << 2, kRdescCxe = 1 << 4,
                         kRdescTcpe = 1 << 5, kRdescIpe = 1 << 6, kRdescRxe = 1 << 7;

// --- Transmit descriptors, SDM 3.3: the command byte is bits 24-31 of the third dword in each format ---
inline constexpr uint8_t kCmdEop = 1 << 0, kCmdIfcs = 1 << 1, kCmdIc = 1 << 2, kCmdRs = 1 << 3,
                         kCmdDext = 1 << 5;
inline constexpr uint8_t kCmdVle = 1 << 6, kCmdIde = 1 << 7;
inline constexpr uint8_t kDcmdTse = 1 << 2;  // data descriptor, 3.3.7.1
inline constexpr uint8_t kTucmdTcp = 1 << 0, kTucmdIp = 1 << 1,
                         kTucmdTse = 1 << 2;                        // context descriptor, 3.3.6.1
inline constexpr uint8_t kPoptsIxsm = 1 << 0, kPoptsTxsm = 1 << 1;  // data descriptor, 3.3.7.3
inline constexpr uint32_t kTdescDd = 1 << 0;                        // status, in the fourth dword
inline constexpr uint8_t kTdescEc = 1 << 1, kTdescLc = 1 << 2, kTdescTu = 1 << 3;

inline constexpr unsigned kDescriptorBytes = 16;

}  // namespace ringside::e1000
