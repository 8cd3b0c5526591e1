#include "devices/pci/host_bridge.h"

#include <fmt/format.h>

namespace ringside {

namespace {

// SeaBIOS and Linux know QEMU's `pc` board, whose layout ours is, by this subsystem.
constexpr PciIdentity kIdentity{.vendor = 0x8086,
                                .device = 0x1237,
                                .class_code = 0x060000,
                                .revision = 0x02,
                                .subsystem_vendor = 0x1af4,
                                .subsystem = 0x1100};

// 3.2.18 (PAM) and 3.2.24 (SMRAM) of the datasheet.
constexpr uint8_t kAttributes = 0x59;
constexpr unsigned kAttributeRegisters = 7;
constexpr uint32_t kUpperHalf = 0x30, kLowerHalf = 0x03;  // read and write enable of each
constexpr uint32_t kSmramOpen = 1 << 6, kSmramEnable = 1 << 3;

struct Row {
  const char* name;
  uint8_t offset;
  uint8_t size;
  uint32_t reset;
  uint32_t writable;
};

// Chapter 3.2, but for PAM and SMRAM, which have handlers. What they tune (DRAM timing, buffers, arbitration)
// has no counterpart in the simulator: they keep what they are given.
constexpr Row kRows[] = {
    {"PCICMD", 0x04, 2, 0x0006, 0x0140},  // memory and master hard-wired on; PERRE and SERRE
    {"PCISTS", 0x06, 2, 0x0280, 0},       // fast back-to-back, medium DEVSEL#
    {"MLT", 0x0d, 1, 0x00, 0xf8},
    {"PMCCFG", 0x50, 2, 0x0000, 0xffff},
    {"DETURBO", 0x52, 1, 0x00, 0xff},
    {"DBC", 0x53, 1, 0x80, 0xff},
    {"AXC", 0x54, 1, 0x00, 0xff},
    {"DRT", 0x55, 1, 0x00, 0xff},  // a word at an odd offset, in halves
    {"DRT", 0x56, 1, 0x00, 0xff},
    {"DRAMC", 0x57, 1, 0x01, 0xff},
    {"DRAMT", 0x58, 1, 0x10, 0xff},
    {"DRB0-3", 0x60, 4, 0x01010101, 0xffffffff},
    {"DRB4-7", 0x64, 4, 0x01010101, 0xffffffff},
    {"FDHC", 0x68, 1, 0x00, 0xff},
    {"MTT", 0x70, 1, 0x00, 0xff},
    {"CLT", 0x71, 1, 0x10, 0xff},
    {"ERRCMD", 0x90, 1, 0x00, 0xff},
    {"TRC", 0x93, 1, 0x00, 0xff},
};

}  // namespace

HostBridge::HostBridge(const DeviceSite& site, Bus& ports, Bus& memory)
    : site_(site), function_(site, kIdentity, ports, memory) {
  for (const Row& row : kRows)
    function_.add_register(row.name, row.offset, row.size, row.reset, row.writable);
  for (unsigned i = 0; i < kAttributeRegisters; ++i) {
    // PAM0's lower half is reserved.
    function_.add_register(fmt::format("PAM{}", i), static_cast<uint8_t>(kAttributes + i), 1, 0,
                           i == 0 ? kUpperHalf : kUpperHalf | kLowerHalf,
                           [this, i](uint32_t value) { attributes_written(i, value); });
  }
  function_.add_register("SMRAM", 0x72, 1, 0x02, 0x78, [this](uint32_t value) { smram_written(value); });
}

void HostBridge::reset() {
  attributes_noticed_ = false;
  function_.reset();
}

// DEVIATES: 82441FX, 3.2.18 - the attributes are kept but move no memory: 0xc0000-0xfffff is RAM at any time.
// Firmware is loaded there as shadowing would leave it, so a BIOS finds what it expects.
void HostBridge::attributes_written(unsigned index, uint32_t value) {
  const bool all_enabled = value == (index == 0 ? kUpperHalf : kUpperHalf | kLowerHalf);
  if (all_enabled || attributes_noticed_) return;
  attributes_noticed_ = true;
  site_.notice(
      NoticeKind::unimplemented,
      fmt::format(
          "PAM{} = {:#04x} is kept, but has no effect: 0xc0000-0xfffff is always RAM, readable and writable",
          index, value));
}

void HostBridge::smram_written(uint32_t value) {
  if ((value & kSmramOpen) == 0 || (value & kSmramEnable) == 0) return;
  site_.notice(
      NoticeKind::unimplemented,
      fmt::format("SMRAM = {:#04x} is kept, but opens no window: there is no system management mode", value));
}

void HostBridge::visit_state(StateVisitor& visitor) const {
  function_.visit_state(visitor);
  visitor.number("attributes_noticed", attributes_noticed_);
}

}  // namespace ringside
