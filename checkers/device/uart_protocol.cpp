#include "checkers/device/uart_protocol.h"

#include <fmt/format.h>

#include <algorithm>

#include "devices/uart/payloads.h"

namespace ringside {

namespace {

constexpr unsigned kFifoDepth = 16;
// Offsets (table II), and their bits.
constexpr unsigned kData = 0, kInterruptEnable = 1, kFifoControl = 2, kLineControl = 3, kModemControl = 4,
                   kLineStatus = 5, kModemStatus = 6;
constexpr uint8_t kDataReady = 0x01, kHoldingEmpty = 0x20, kTransmitterEmpty = 0x40;
constexpr uint8_t kReceivedDataInterrupt = 0x01;
constexpr uint8_t kFifoEnable = 0x01, kClearReceiver = 0x02, kClearTransmitter = 0x04;
constexpr uint8_t kLatchAccess = 0x80, kLoopback = 0x10;

}  // namespace

void UartProtocol::on_crossing(const Seen& seen) {
  if (seen.part == DevicePart::uart_registers) {
    BusAccessRecord access;
    if (!read_record(seen.crossing, access)) return;
    // The chip decodes three address lines.
    const auto offset = static_cast<unsigned>(access.address & 7);
    const auto value = static_cast<uint8_t>(access.value);
    return access.write != 0 ? write(seen, offset, value) : read(seen, offset, value);
  }
  if (seen.part == DevicePart::uart_rx) {
    received_max_ = std::min(received_max_ + seen.verdict.copies, kFifoDepth);
    return;
  }
  UartCharacter character{};
  if (!read_record(seen.crossing, character) || (character.errors & uart_error::break_condition) != 0) return;
  if (inside_ > 0) --inside_;
  holding_full_ = false;
}

// What the transmitter takes before a character is lost: THR or its FIFO, and the shift register behind it.
unsigned UartProtocol::room() const { return (fifo_mode_ ? kFifoDepth : 1) + 1; }

void UartProtocol::read(const Seen& seen, unsigned offset, uint8_t value) {
  if (offset == kData) return read_data(seen, value);
  if (offset == kLineStatus && seen.genuine()) read_line_status(value);
}

// 8.1, bit 7: the latch must be closed to reach the receiver buffer.
void UartProtocol::read_data(const Seen& seen, uint8_t value) {
  if (latch_open()) {
    if (latch_saw_data_)
      violate(
          "uart_latch_left_open", seen,
          fmt::format("LSR said that a character is there, but with DLAB set this read is of DLL ({:#04x})",
                      value));
    return;
  }
  if (received_max_ > 0) {
    --received_max_;
    return;
  }
  // A driver that programs the chip reads each register once to clear what was pending.
  const bool clearing = (interrupt_enable_ & kReceivedDataInterrupt) == 0 && !dummy_read_;
  dummy_read_ = true;
  if (!clearing)
    violate("uart_rbr_without_data", seen,
            fmt::format("RBR is read ({:#04x}) while no character can be there", value));
}

void UartProtocol::read_line_status(uint8_t value) {
  if ((value & kDataReady) == 0) received_max_ = 0;
  if ((value & kDataReady) != 0 && received_max_ == 0) received_max_ = 1;
  if ((value & kHoldingEmpty) != 0) inside_ = std::min(inside_, 1u);
  if ((value & kTransmitterEmpty) != 0) inside_ = 0;
  holding_full_ = (value & kHoldingEmpty) == 0;
  if (!latch_open()) return;
  latch_saw_data_ = (value & kDataReady) != 0;
  latch_saw_empty_ = (value & kHoldingEmpty) != 0;
}

void UartProtocol::write(const Seen& seen, unsigned offset, uint8_t value) {
  switch (offset) {
    case kData: return write_data(seen, value);
    case kLineStatus:
    case kModemStatus:
      // 8.3: for factory tests; 8.8 gives no meaning to a write.
      return violate("uart_status_written", seen,
                     fmt::format("{} = {:#04x}: the register is for reading",
                                 offset == kLineStatus ? "LSR" : "MSR", value));
    default: break;
  }
  if (!seen.arrives()) return;
  dummy_read_ = false;
  switch (offset) {
    case kInterruptEnable:
      if (!latch_open()) interrupt_enable_ = value;
      break;
    case kFifoControl: write_fifo_control(value); break;
    case kLineControl: write_line_control(value); break;
    case kModemControl: loopback_ = (value & kLoopback) != 0; break;
    default: break;
  }
  if (line_hidden()) inside_ = 0;
}

void UartProtocol::write_data(const Seen& seen, uint8_t value) {
  if (latch_open()) {
    if (latch_saw_empty_ || latch_written_)
      violate("uart_latch_left_open", seen,
              fmt::format(
                  "{:#04x} goes to DLL{}: DLAB is still set", value,
                  latch_saw_empty_ ? ", and LSR had just said that THR is empty" : " for the second time"));
    latch_written_ = true;
    return;
  }
  if (loopback_) {
    received_max_ = std::min(received_max_ + seen.verdict.copies, kFifoDepth);
    return;
  }
  if (line_hidden()) return;
  if (inside_ >= room()) {
    violate("uart_thr_overrun", seen,
            fmt::format("THR = {:#04x} while {} characters wait: one is lost", value, inside_));
  } else if (!fifo_mode_ && holding_full_) {
    violate("uart_thr_overrun", seen,
            fmt::format("THR = {:#04x} while LSR says that it is full: a character is lost", value));
  }
  if (seen.arrives()) inside_ = std::min(inside_ + 1, room());
}

// 8.4: the other bits count only together with bit 0, and a change of bit 0 empties both FIFOs.
void UartProtocol::write_fifo_control(uint8_t value) {
  const bool enable = (value & kFifoEnable) != 0;
  const bool changed = enable != fifo_mode_;
  fifo_mode_ = enable;
  if (changed || (enable && (value & kClearReceiver) != 0)) received_max_ = 0;
  if (changed || (enable && (value & kClearTransmitter) != 0)) {
    inside_ = std::min(inside_, 1u);
    holding_full_ = false;
  }
}

void UartProtocol::write_line_control(uint8_t value) {
  if ((value & kLatchAccess) != 0 && !latch_open())
    latch_written_ = latch_saw_data_ = latch_saw_empty_ = false;
  line_control_ = value;
}

}  // namespace ringside
