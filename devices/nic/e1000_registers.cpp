// The rows. Where the SDM gives an initial value of X, ours is 0. Statistics read once and stick at all ones
// (13.7); the 64-bit ones are cleared by reading their upper half.
#include "devices/nic/e1000_registers.h"

#include <array>

#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"

namespace ringside {

using namespace e1000;
using enum RegisterAccess;

namespace {

constexpr RegisterRow row(std::string_view name, uint32_t offset, RegisterAccess access, uint64_t reset,
                          uint64_t writable, std::string_view section) {
  return {name, offset, 4, access, reset, writable, section, 0};
}

constexpr E1000Array kArrays[] = {
    {"MTA", kMta, 128, 4, ~0u, ~0u, "13.5.1"},
    {"RA", kRal, 32, 4, ~0u, 0x8003ffff, "13.5.2, 13.5.3"},  // RAL and RAH in turn
    {"VFTA", kVfta, 128, 4, ~0u, ~0u, "13.5.4"},
    {"IP4AT", 0x05840, 8, 4, ~0u, ~0u, "13.6.6"},
    {"IP6AT", 0x05880, 4, 4, ~0u, ~0u, "13.6.7"},
    {"WUPM", 0x05a00, 32, 4, 0, 0, "13.6.9"},
    {"FFLT", 0x05f00, 4, 8, 0x7ff, 0x7ff, "13.6.10"},
    {"FFMT", 0x09000, 128, 8, 0xf, 0xf, "13.6.11"},
    {"FFVT", 0x09800, 128, 8, ~0u, ~0u, "13.6.12"},
};

constexpr uint64_t kNone = 0, kAll = 0xffffffff;

}  // namespace

std::span<const E1000Array> e1000_arrays() { return kArrays; }

std::span<const Register<E1000>> E1000RegisterTable::rows() {
  static constexpr Register<E1000> kRows[] = {
      // General
      {row("CTRL", kCtrl, read_write, 0x00000209, 0xd8fc1be9, "13.4.1"), nullptr, &E1000::write_ctrl},
      {row("STATUS", kStatus, read_only, 0x00000881, kNone, "13.4.2"), &E1000::read_status},
      {row("EECD", kEecd, read_write, 0x00000110, 0x00000077, "13.4.3"), &E1000::read_eecd,
       &E1000::write_eecd},
      {row("EERD", kEerd, read_write, 0, 0x0000ff00, "13.4.4"), nullptr, &E1000::write_eerd},
      {row("CTRL_EXT", kCtrlExt, read_write, 0, 0x00228ccf, "13.4.6"), nullptr, &E1000::write_ctrl_ext},
      {row("MDIC", kMdic, read_write, 0, 0x2fffffff, "13.4.7"), nullptr, &E1000::write_mdic},
      {row("FCAL", kFcal, read_write, 0, kAll, "13.4.8")},
      {row("FCAH", kFcah, read_write, 0, 0xffff, "13.4.9")},
      {row("FCT", kFct, read_write, 0, 0xffff, "13.4.10")},
      {row("VET", kVet, read_write, 0x8100, 0xffff, "13.4.11")},
      {row("FCTTV", kFcttv, read_write, 0, 0xffff, "13.4.12")},
      {row("TXCW", kTxcw, read_write, 0, 0xc000ffff, "13.4.13")},
      {row("RXCW", kRxcw, read_only, 0, kNone, "13.4.14")},
      {row("LEDCTL", kLedctl, read_write, 0x07068302, 0xcfcfcfcf, "13.4.15")},
      {row("PBA", kPba, read_write, 0x00100030, 0x78, "13.4.16"), nullptr, &E1000::write_pba},
      // Interrupts
      {row("ICR", kIcr, write_one_clear, 0, kAllCauses, "13.4.17"), &E1000::read_icr, &E1000::write_icr},
      {row("ITR", kItr, read_write, 0, 0xffff, "13.4.18"), nullptr, &E1000::write_itr},
      {row("ICS", kIcs, write_only, 0, kNone, "13.4.19"), nullptr, &E1000::write_ics},
      {row("IMS", kIms, read_write, 0, kNone, "13.4.20"), nullptr, &E1000::write_ims},
      {row("IMC", kImc, write_only, 0, kNone, "13.4.21"), nullptr, &E1000::write_imc},
      // Receive
      {row("RCTL", kRctl, read_write, 0, 0x06dfb3fe, "13.4.22"), nullptr, &E1000::write_rctl},
      {row("FCRTL", kFcrtl, read_write, 0, 0x8000fff8, "13.4.23")},
      {row("FCRTH", kFcrth, read_write, 0, 0x8000fff8, "13.4.24")},
      {row("RDBAL", kRdbal, read_write, 0, 0xfffffff0, "13.4.25"), nullptr, &E1000::write_rx_base},
      {row("RDBAH", kRdbah, read_write, 0, kAll, "13.4.26"), nullptr, &E1000::write_rx_base},
      {row("RDLEN", kRdlen, read_write, 0, 0x000fff80, "13.4.27"), nullptr, &E1000::write_rx_base},
      {row("RDH", kRdh, read_write, 0, 0xffff, "13.4.28"), nullptr, &E1000::write_rx_base},
      {row("RDT", kRdt, read_write, 0, 0xffff, "13.4.29"), nullptr, &E1000::write_rdt},
      {row("RDTR", kRdtr, read_write, 0, 0xffff, "13.4.30"), nullptr, &E1000::write_rdtr},
      {row("RXDCTL", kRxdctl, read_write, 0x00010000, 0x013f3f3f, "13.4.46")},
      {row("RADV", kRadv, read_write, 0, 0xffff, "13.4.31")},
      {row("RSRPD", kRsrpd, read_write, 0, 0x0fff, "13.4.32")},
      {row("RXCSUM", kRxcsum, read_write, 0, 0x07ff, "13.4.47")},
      // Transmit
      {row("TCTL", kTctl, read_write, 0, 0x013ffffa, "13.4.33"), nullptr, &E1000::write_tctl},
      {row("TIPG", kTipg, read_write, 0, 0x3fffffff, "13.4.34")},
      {row("AIFS", kAifs, read_write, 0, 0xffff, "13.4.35")},
      {row("TDBAL", kTdbal, read_write, 0, 0xfffffff0, "13.4.36"), nullptr, &E1000::write_tx_base},
      {row("TDBAH", kTdbah, read_write, 0, kAll, "13.4.37"), nullptr, &E1000::write_tx_base},
      {row("TDLEN", kTdlen, read_write, 0, 0x000fff80, "13.4.38"), nullptr, &E1000::write_tx_base},
      {row("TDH", kTdh, read_write, 0, 0xffff, "13.4.39"), nullptr, &E1000::write_tx_base},
      {row("TDT", kTdt, read_write, 0, 0xffff, "13.4.40"), nullptr, &E1000::write_tdt},
      {row("TIDV", kTidv, read_write, 0, 0xffff, "13.4.41")},
      {row("TXDCTL", kTxdctl, read_write, 0, 0xff3f3f3f, "13.4.43")},
      {row("TADV", kTadv, read_write, 0, 0xffff, "13.4.44")},
      {row("TSPMT", kTspmt, read_write, 0x01000400, kAll, "13.4.45")},
      // Wakeup and manageability
      {row("WUC", kWuc, read_write, 0, 0x000b, "13.6.1")},
      {row("WUFC", kWufc, read_write, 0, 0x000f80ff, "13.6.2")},
      {row("WUS", kWus, write_one_clear, 0, 0x000f00ff, "13.6.3")},
      {row("MANC", kManc, read_write, 0, kAll, "13.6.4")},
      {row("IPAV", kIpav, read_write, 0, 0x0001000f, "13.6.5")},
      {row("WUPL", kWupl, read_only, 0, kNone, "13.6.8")},
      // Diagnostics
      {row("RDFH", kRdfh, read_write, 0, 0x1fff, "13.8.1")},
      {row("RDFT", kRdft, read_write, 0, 0x1fff, "13.8.2")},
      {row("RDFHS", kRdfhs, read_write, 0, 0x1fff, "13.8.3")},
      {row("RDFTS", kRdfts, read_write, 0, 0x1fff, "13.8.4")},
      {row("RDFPC", kRdfpc, read_only, 0, kNone, "13.8.5"), &E1000::read_rdfpc},
      {row("TDFH", kTdfh, read_write, 0, 0x1fff, "13.8.6")},
      {row("TDFT", kTdft, read_write, 0, 0x1fff, "13.8.7")},
      {row("TDFHS", kTdfhs, read_write, 0, 0x1fff, "13.8.8")},
      {row("TDFTS", kTdfts, read_write, 0, 0x1fff, "13.8.9")},
      {row("TDFPC", kTdfpc, read_only, 0, kNone, "13.8.10"), &E1000::read_tdfpc},
      // Statistics
      {row("CRCERRS", kCrcerrs, read_clear, 0, kNone, "13.7.1")},
      {row("ALGNERRC", 0x04004, read_clear, 0, kNone, "13.7.2")},
      {row("SYMERRS", 0x04008, read_clear, 0, kNone, "13.7.3")},
      {row("RXERRC", 0x0400c, read_clear, 0, kNone, "13.7.4")},
      {row("MPC", kMpc, read_clear, 0, kNone, "13.7.5")},
      {row("SCC", 0x04014, read_clear, 0, kNone, "13.7.6")},
      {row("ECOL", 0x04018, read_clear, 0, kNone, "13.7.7")},
      {row("MCC", 0x0401c, read_clear, 0, kNone, "13.7.8")},
      {row("LATECOL", 0x04020, read_clear, 0, kNone, "13.7.9")},
      {row("COLC", 0x04028, read_clear, 0, kNone, "13.7.10")},
      {row("DC", 0x04030, read_clear, 0, kNone, "13.7.11")},
      {row("TNCRS", 0x04034, read_clear, 0, kNone, "13.7.12")},
      {row("SEC", 0x04038, read_clear, 0, kNone, "13.7.13")},
      {row("CEXTERR", 0x0403c, read_clear, 0, kNone, "13.7.14")},
      {row("RLEC", kRlec, read_clear, 0, kNone, "13.7.15")},
      {row("XONRXC", kXonrxc, read_clear, 0, kNone, "13.7.16")},
      {row("XONTXC", kXontxc, read_clear, 0, kNone, "13.7.17")},
      {row("XOFFRXC", kXoffrxc, read_clear, 0, kNone, "13.7.18")},
      {row("XOFFTXC", kXofftxc, read_clear, 0, kNone, "13.7.19")},
      {row("FCRUC", kFcruc, read_clear, 0, kNone, "13.7.20")},
      {row("PRC64", kPrc64, read_clear, 0, kNone, "13.7.21")},
      {row("PRC127", kPrc64 + 4, read_clear, 0, kNone, "13.7.22")},
      {row("PRC255", kPrc64 + 8, read_clear, 0, kNone, "13.7.23")},
      {row("PRC511", kPrc64 + 12, read_clear, 0, kNone, "13.7.24")},
      {row("PRC1023", kPrc64 + 16, read_clear, 0, kNone, "13.7.25")},
      {row("PRC1522", kPrc64 + 20, read_clear, 0, kNone, "13.7.26")},
      {row("GPRC", kGprc, read_clear, 0, kNone, "13.7.27")},
      {row("BPRC", kBprc, read_clear, 0, kNone, "13.7.28")},
      {row("MPRC", kMprc, read_clear, 0, kNone, "13.7.29")},
      {row("GPTC", kGptc, read_clear, 0, kNone, "13.7.30")},
      {row("GORCL", kGorcl, read_only, 0, kNone, "13.7.31")},
      {row("GORCH", kGorch, read_clear, 0, kNone, "13.7.31"), &E1000::read_high<kGorcl>},
      {row("GOTCL", kGotcl, read_only, 0, kNone, "13.7.32")},
      {row("GOTCH", kGotch, read_clear, 0, kNone, "13.7.32"), &E1000::read_high<kGotcl>},
      {row("RNBC", kRnbc, read_clear, 0, kNone, "13.7.33")},
      {row("RUC", kRuc, read_clear, 0, kNone, "13.7.34")},
      {row("RFC", kRfc, read_clear, 0, kNone, "13.7.35")},
      {row("ROC", kRoc, read_clear, 0, kNone, "13.7.36")},
      {row("RJC", kRjc, read_clear, 0, kNone, "13.7.37")},
      {row("MGTPRC", 0x040b4, read_clear, 0, kNone, "13.7.38")},
      {row("MGTPDC", 0x040b8, read_clear, 0, kNone, "13.7.39")},
      {row("MGTPTC", 0x040bc, read_clear, 0, kNone, "13.7.40")},
      {row("TORL", kTorl, read_only, 0, kNone, "13.7.41")},
      {row("TORH", kTorh, read_clear, 0, kNone, "13.7.41"), &E1000::read_high<kTorl>},
      {row("TOTL", kTotl, read_only, 0, kNone, "13.7.42")},
      {row("TOTH", kToth, read_clear, 0, kNone, "13.7.42"), &E1000::read_high<kTotl>},
      {row("TPR", kTpr, read_clear, 0, kNone, "13.7.43")},
      {row("TPT", kTpt, read_clear, 0, kNone, "13.7.44")},
      {row("PTC64", kPtc64, read_clear, 0, kNone, "13.7.45")},
      {row("PTC127", kPtc64 + 4, read_clear, 0, kNone, "13.7.46")},
      {row("PTC255", kPtc64 + 8, read_clear, 0, kNone, "13.7.47")},
      {row("PTC511", kPtc64 + 12, read_clear, 0, kNone, "13.7.48")},
      {row("PTC1023", kPtc64 + 16, read_clear, 0, kNone, "13.7.49")},
      {row("PTC1522", kPtc64 + 20, read_clear, 0, kNone, "13.7.50")},
      {row("MPTC", kMptc, read_clear, 0, kNone, "13.7.51")},
      {row("BPTC", kBptc, read_clear, 0, kNone, "13.7.52")},
      {row("TSCTC", kTsctc, read_clear, 0, kNone, "13.7.53")},
      {row("TSCTFC", kTsctfc, read_clear, 0, kNone, "13.7.54")},
  };
  return kRows;
}

}  // namespace ringside
