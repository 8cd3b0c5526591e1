// Which frames the controller keeps (SDM 3.2.1, 13.4.22, 13.5), in the order of the checks: the receiver on,
// whole and of a good size, flow control, address, VLAN, and room in the receive FIFO.
#include <fmt/format.h>

#include <algorithm>

#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr size_t kFcsBytes = 4, kFrameBytesMin = 64, kFrameBytesMax = 1522, kLongFrameBytesMax = 16384;
constexpr unsigned kReceiveAddresses = 16;
constexpr uint32_t kSelectSource = 1;  // RAH.AS

uint16_t ether_type(std::span<const uint8_t> frame) {
  return frame.size() >= 14 ? static_cast<uint16_t>(frame[12] << 8 | frame[13]) : uint16_t{0};
}

// An address as two words, as RAL and RAH hold it.
uint32_t low_word(std::span<const uint8_t> address) {
  return address[0] | address[1] << 8 | address[2] << 16 | static_cast<uint32_t>(address[3]) << 24;
}
uint32_t high_word(std::span<const uint8_t> address) { return address[4] | address[5] << 8; }

}  // namespace

// A frame has come from the line, or back through a loopback.
void E1000::judge_frame(Frame frame) {
  if (!flag(kRctl, kRctlEn) || frame.bytes.size() < 14) return;
  if (next_receive_errors_ != 0) spoil(frame);
  count(kTpr);
  count_bytes(kTorl, frame.bytes.size() + kFcsBytes);
  const bool damaged = count_damage(frame);
  if (damaged && !flag(kRctl, kRctlSbp)) return;
  if (!damaged && is_pause(frame.bytes)) {
    hear_pause(static_cast<uint16_t>(frame.bytes[16] << 8 | frame.bytes[17]));
    if (flag(kRctl, kRctlDpf)) return;
  } else if (!damaged && ether_type(frame.bytes) == get(kFct) && get(kFct) != 0) {
    count(kFcruc);
    if (!flag(kRctl, kRctlPmcf)) return;
  }
  if (!accept_address(frame.bytes, frame.status) || !accept_vlan(frame.bytes)) return;
  if (!damaged) count_received(frame.bytes);
  prepare(frame);
  if (receive_fifo_bytes_ + frame.bytes.size() > receive_fifo_capacity()) {
    count(kMpc);
    raise(kRxo);
    return;
  }
  if (ring_owned(rx_) == 0) count(kRnbc);
  receive_fifo_bytes_ += frame.bytes.size();
  receive_fifo_.push_back(std::move(frame));
  update_flow_control();
  kick_receive();
}

// Whether the frame is bad: its check sequence, or its size with it (SDM 13.7.1, 13.7.34-13.7.37).
bool E1000::count_damage(const Frame& frame) {
  const size_t bytes = frame.bytes.size() + kFcsBytes;
  const bool is_short = bytes < kFrameBytesMin;
  const bool is_long = bytes > (flag(kRctl, kRctlLpe) ? kLongFrameBytesMax : kFrameBytesMax);
  if (is_short) {
    count(frame.bad_fcs ? kRfc : kRuc);
    if (!frame.bad_fcs) {
      site_.notice(NoticeKind::unusual,
                   fmt::format("a frame of {} bytes is a runt (RUC): its sender has not padded it",
                               frame.bytes.size()));
    }
  } else if (is_long) {
    count(frame.bad_fcs ? kRjc : kRoc);
  } else if (frame.bad_fcs) {
    count(kCrcerrs);
  }
  // Wrong checksums are no damage: who they are for has to find them.
  return is_short || is_long || frame.bad_fcs || (frame.line_errors & ~(kRdescTcpe | kRdescIpe)) != 0;
}

// SDM 8.7.1: by type, opcode, and an address of ours or the one of FCAL and FCAH.
bool E1000::is_pause(std::span<const uint8_t> frame) const {
  if (get(kFct) == 0 || frame.size() < 18 || ether_type(frame) != get(kFct) || frame[14] != 0 ||
      frame[15] != 1)
    return false;
  const uint32_t low = low_word(frame), high = high_word(frame);
  return (low == get(kFcal) && high == get(kFcah)) ||
         (low == table(kRal) && high == (table(kRal + 4) & 0xffff));
}

// PIF is set where only an inexact filter let the frame pass (3.2.3.1).
bool E1000::accept_address(std::span<const uint8_t> frame, uint8_t& status) const {
  for (unsigned i = 0; i < kReceiveAddresses; ++i) {
    const uint32_t high = table(kRal + 8 * i + 4);
    if ((high & kRahAv) == 0) continue;
    const auto compared = frame.subspan((high >> kRahAsShift & 3) == kSelectSource ? 6 : 0, 6);
    if (table(kRal + 8 * i) == low_word(compared) && (high & 0xffff) == high_word(compared)) return true;
  }
  if (low_word(frame) == 0xffffffff && high_word(frame) == 0xffff) {
    if (flag(kRctl, kRctlBam)) return true;
  }
  status |= kRdescPif;
  if ((frame[0] & 1) == 0) return flag(kRctl, kRctlUpe);
  if (flag(kRctl, kRctlMpe)) return true;
  // Twelve bits of the address, by RCTL.MO: 47-36, 46-35, 45-34 or 43-32 (13.5.1).
  constexpr unsigned kShifts[] = {4, 3, 2, 0};
  const uint32_t bits = high_word(frame) >> kShifts[get(kRctl) >> kRctlMoShift & 3] & 0xfff;
  return (table(kMta + (bits >> 5) * 4) >> (bits & 31) & 1) != 0;
}

// SDM 9.4, for frames with a tag only.
bool E1000::accept_vlan(std::span<const uint8_t> frame) const {
  if (!flag(kRctl, kRctlVfe) || frame.size() < 18 || ether_type(frame) != get(kVet)) return true;
  const uint32_t tag = static_cast<uint32_t>(frame[14]) << 8 | frame[15], id = tag & 0xfff;
  const bool canonical = (tag >> 12 & 1) != 0;
  if (flag(kRctl, kRctlCfien) && canonical != flag(kRctl, kRctlCfi)) return false;
  return (table(kVfta + (id >> 5) * 4) >> (id & 31) & 1) != 0;
}

}  // namespace ringside
