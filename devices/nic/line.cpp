// The cable: frames leave the transmit FIFO, and come in, at line rate (IEEE 802.3, 4.4.2): 8 bytes of
// preamble, the frame, 4 of check sequence, and the gap. And flow control by PAUSE frames (802.3 annex 31B,
// SDM 8.7).
#include <fmt/format.h>

#include <algorithm>

#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"
#include "devices/nic/payloads.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr size_t kPreambleBytes = 8, kFcsBytes = 4, kGapBytesMin = 12, kFrameBytesMin = 60;
constexpr uint32_t kIpgOverhead = 4;  // SDM 13.4.34: added to IPGT for 10/100/1000BASE-T
// What the port's sender may have under way to us: its own queue, behind which it loses frames.
constexpr size_t kCableBytesMax = 512 << 10;
constexpr uint64_t kPauseQuantumBits = 512;
constexpr uint32_t kXonEnable = 1u << 31;  // FCRTL

}  // namespace

Tick E1000::line_time(size_t bytes) const {
  const uint64_t mbps = std::max(1u, speed_mbps());
  return {bytes * 8 * (1'000'000 / mbps)};  // a bit at 1 Mb/s takes 1,000,000 ps
}

// Begins the next frame, if there is one and the line may be used.
void E1000::start_line() {
  if (line_event_ || transmit_fifo_.empty()) return;
  const bool connected = mac_loopback() || link_up();
  if (!connected) return;
  const Frame& frame = transmit_fifo_.front();
  line_starts_at_ =
      std::max({site_.clock.now, line_free_at_, frame.ready_at, in_loopback() ? Tick{} : paused_until_});
  const Tick duration = line_time(kPreambleBytes + frame.bytes.size() + kFcsBytes);
  line_event_ = site_.events.schedule(saturating_add(line_starts_at_, duration), "e1000/line", [this] {
    line_event_ = {};
    line_done();
  });
}

// The last bit of the frame has left.
void E1000::line_done() {
  if (transmit_fifo_.empty()) return;
  const std::vector<uint8_t> bytes = std::move(transmit_fifo_.front().bytes);
  transmit_fifo_.pop_front();
  transmit_fifo_bytes_ -= bytes.size();
  const size_t gap = std::max<size_t>(kGapBytesMin, (get(kTipg) & 0x3ff) + kIpgOverhead);
  line_free_at_ = saturating_add(site_.clock.now, line_time(gap));
  const bool connected = link_up();
  if (connected || in_loopback()) count_transmitted(bytes);
  if (in_loopback()) {
    Frame frame;
    frame.bytes = bytes;
    judge_frame(std::move(frame));
  } else if (connected) {
    // A frame that a tap changes here leaves with a check sequence that fits: the tap stands ahead of it.
    tx_wire_.send(Direction::out, bytes, [this](std::span<const uint8_t> sent) {
      if (sent.size() >= kFrameBytesMin) {
        port_.transmit(sent);
      } else {
        site_.notice(NoticeKind::unusual,
                     fmt::format("a frame of {} bytes is a runt, which the switch drops: TCTL.PSP "
                                 "({:#x}) does not pad",
                                 sent.size(), get(kTctl)));
      }
    });
  }
  start_line();
  kick_transmit();
}

// A PAUSE frame goes ahead of what waits (802.3, 31B.3).
void E1000::send_pause(uint16_t quanta) {
  if (!link_up() || !full_duplex()) return;
  std::vector<uint8_t> bytes(kFrameBytesMin);
  const uint32_t low = get(kFcal), high = get(kFcah), source_low = table(kRal), source_high = table(kRal + 4);
  for (unsigned i = 0; i < 6; ++i) {
    bytes[i] = static_cast<uint8_t>(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
    bytes[6 + i] = static_cast<uint8_t>(i < 4 ? source_low >> 8 * i : source_high >> 8 * (i - 4));
  }
  bytes[12] = static_cast<uint8_t>(get(kFct) >> 8);
  bytes[13] = static_cast<uint8_t>(get(kFct));
  bytes[15] = 1;  // the opcode
  bytes[16] = static_cast<uint8_t>(quanta >> 8);
  bytes[17] = static_cast<uint8_t>(quanta);
  count(quanta != 0 ? kXofftxc : kXontxc);
  transmit_fifo_bytes_ += bytes.size();
  Frame frame;
  frame.bytes = std::move(bytes);
  // The frame that is being sent stays the first.
  const bool sending = static_cast<bool>(line_event_) && line_starts_at_ <= site_.clock.now;
  if (!sending) site_.events.cancel(line_event_);
  transmit_fifo_.insert(transmit_fifo_.begin() + (sending ? 1 : 0), std::move(frame));
  start_line();
}

void E1000::hear_pause(uint16_t quanta) {
  count(quanta != 0 ? kXoffrxc : kXonrxc);
  if (!flag(kCtrl, kCtrlRfce) || !full_duplex()) return;
  paused_until_ = saturating_add(site_.clock.now, line_time(quanta * kPauseQuantumBits / 8));
  if (line_event_ && line_starts_at_ > site_.clock.now) site_.events.cancel(line_event_);
  start_line();
}

// XOFF when the receive FIFO has filled up to FCRTH, XON when it is down to FCRTL (SDM 8.7.5).
void E1000::update_flow_control() {
  if (!flag(kCtrl, kCtrlTfce)) return;
  const uint32_t high = get(kFcrth) & 0xfff8, low = get(kFcrtl) & 0xfff8;
  if (!sent_xoff_ && high != 0 && receive_fifo_bytes_ >= high) {
    sent_xoff_ = true;
    send_pause(static_cast<uint16_t>(get(kFcttv)));
  } else if (sent_xoff_ && receive_fifo_bytes_ <= low) {
    sent_xoff_ = false;
    if (flag(kFcrtl, kXonEnable)) send_pause(0);
  }
}

// The port hands a frame over as if the cable were infinitely fast: here it takes its time.
void E1000::frame_from_port(std::span<const uint8_t> frame) {
  if (!phy_.link_up() || phy_.loopback()) return;
  if (cable_bytes_ + frame.size() > kCableBytesMax) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("a frame of {} bytes is lost: the line to the controller is {} bytes "
                             "behind",
                             frame.size(), cable_bytes_));
    return;
  }
  const Tick starts = std::max(site_.clock.now, cable_free_at_);
  const size_t bytes = kPreambleBytes + frame.size() + kFcsBytes;
  cable_free_at_ = saturating_add(starts, line_time(bytes + kGapBytesMin));
  Frame& coming = cable_.emplace_back();
  coming.bytes.assign(frame.begin(), frame.end());
  coming.ready_at = saturating_add(starts, line_time(bytes));
  cable_bytes_ += frame.size();
  if (cable_event_) return;
  cable_event_ = site_.events.schedule(coming.ready_at, "e1000/cable", [this] { frame_arrived(); });
}

void E1000::frame_arrived() {
  cable_event_ = {};
  if (cable_.empty()) return;
  const std::vector<uint8_t> frame = std::move(cable_.front().bytes);
  cable_.pop_front();
  cable_bytes_ -= frame.size();
  if (!cable_.empty()) {
    cable_event_ = site_.events.schedule(cable_.front().ready_at, "e1000/cable", [this] { frame_arrived(); });
  }
  if (phy_.link_up() && !phy_.loopback()) pass_receive_wire(frame);
}

// A tap stands on the cable: what it changes no longer fits its check sequence.
void E1000::pass_receive_wire(const std::vector<uint8_t>& frame) {
  rx_wire_.send(Direction::in, frame,
                [this, original = rx_wire_.tapped() ? frame : std::vector<uint8_t>()](
                    std::span<const uint8_t> received) {
                  Frame arrived;
                  arrived.bytes.assign(received.begin(), received.end());
                  arrived.bad_fcs = !original.empty() && arrived.bytes != original;
                  if (!mac_loopback()) judge_frame(std::move(arrived));
                });
}

}  // namespace ringside
