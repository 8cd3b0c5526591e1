#include "devices/pci/piix3.h"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace ringside {

namespace {

constexpr PciIdentity kIdentity{.vendor = 0x8086,
                                .device = 0x7000,
                                .class_code = 0x060100,
                                .revision = 0x00,
                                .subsystem_vendor = 0x1af4,
                                .subsystem = 0x1100,
                                .header_type = 0x80};

// 2.2.9, PIRQRC: bit 7 set routes nothing, bits 3:0 are the line.
constexpr uint8_t kRoute = 0x60;
constexpr uint32_t kRouteDisabled = 0x80, kRouteLine = 0x0f;
// The lines that exist as a route: 3-7, 9-12, 14, 15. All others are reserved.
constexpr uint32_t kRoutableLines = 0xdef8;

// 2.5.5.2, the reset control register at 0xcf9.
constexpr uint8_t kResetCpu = 1 << 2, kSystemReset = 1 << 1;

struct Row {
  const char* name;
  uint8_t offset;
  uint8_t size;
  uint32_t reset;
  uint32_t writable;
};

// Chapter 2.2: registers that keep what they are given. What they control is on the ISA side (chip selects,
// DMA, the APM timers), which the simulator's platform has fixed.
constexpr Row kRows[] = {
    {"PCICMD", 0x04, 2, 0x0007, 0x0008},  // ports, memory and master hard-wired on; special cycles
    {"PCISTS", 0x06, 2, 0x0200, 0},      {"IORT", 0x4c, 1, 0x4d, 0x7f},
    {"XBCS", 0x4e, 2, 0x0003, 0x03ff},   {"TOM", 0x69, 1, 0x02, 0xfe},
    {"MSTAT", 0x6a, 2, 0x0000, 0x8080},  {"MBIRQ0", 0x70, 1, 0x80, 0xef},
    {"MBDMA0", 0x76, 1, 0x0c, 0x8f},     {"MBDMA1", 0x77, 1, 0x0c, 0x8f},
    {"PCSC", 0x78, 2, 0x0002, 0xffff},   {"APICBASE", 0x80, 1, 0x00, 0x7f},
    {"DLC", 0x82, 1, 0x00, 0x0f},        {"SMICNTL", 0xa0, 1, 0x08, 0x1f},
    {"SMIEN", 0xa2, 2, 0x0000, 0x00ff},  {"SEE", 0xa4, 4, 0x00000000, 0xffffffff},
    {"FTMR", 0xa8, 1, 0x0f, 0xff},       {"SMIREQ", 0xaa, 2, 0x0000, 0x00ff},
    {"CTLTMR", 0xac, 1, 0x00, 0xff},     {"CTHTMR", 0xae, 1, 0x00, 0xff},
};

}  // namespace

Piix3::Piix3(const DeviceSite& site, Bus& ports, Bus& memory, std::function<void(bool hard)> reset)
    : site_(site), function_(site, kIdentity, ports, memory), reset_(std::move(reset)) {
  for (const Row& row : kRows)
    function_.add_register(row.name, row.offset, row.size, row.reset, row.writable);
  for (unsigned i = 0; i < kRequests; ++i) {
    function_.add_register("PIRQRC" + std::string(1, static_cast<char>('A' + i)),
                           static_cast<uint8_t>(kRoute + i), 1, kRouteDisabled, kRouteDisabled | kRouteLine,
                           [this, i](uint32_t value) { route_written(i, value); });
  }
}

void Piix3::set_request(unsigned request, bool level) {
  if (request >= kRequests) return;
  requests_[request] = level;
  drive();
}

void Piix3::route_written(unsigned request, uint32_t value) {
  if ((value & kRouteDisabled) == 0 && (kRoutableLines >> (value & kRouteLine) & 1) == 0) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("PIRQRC{} = {:#04x} names line {}, which is reserved: the request goes nowhere",
                             static_cast<char>('A' + request), value, value & kRouteLine));
  }
  drive();
}

void Piix3::drive() {
  uint32_t high = 0;
  for (unsigned i = 0; i < kRequests; ++i) {
    const uint32_t route = function_.config_read(static_cast<uint8_t>(kRoute + i), 1);
    if (requests_[i] && (route & kRouteDisabled) == 0) high |= 1u << (route & kRouteLine);
  }
  high &= kRoutableLines;
  for (unsigned i = 0; i < kLines; ++i) lines_[i].set((high >> i & 1) != 0);
}

uint64_t Piix3::read(uint64_t, unsigned) { return reset_control_; }

// The reset comes when RCPU goes from 0 to 1; SRST then says which.
void Piix3::write(uint64_t, unsigned, uint64_t value) {
  const bool rises = (value & kResetCpu) != 0 && (reset_control_ & kResetCpu) == 0;
  reset_control_ = static_cast<uint8_t>(value & (kResetCpu | kSystemReset));
  if (!rises || !reset_) return;
  reset_((value & kSystemReset) != 0);
}

void Piix3::reset() {
  function_.reset();
  reset_control_ = 0;
  drive();
}

void Piix3::visit_state(StateVisitor& visitor) const {
  function_.visit_state(visitor);
  for (const bool request : requests_) visitor.number("PIRQ", request);
  visitor.number("RC", reset_control_);
}

}  // namespace ringside
