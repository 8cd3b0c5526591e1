// The UART's transmitter: THR or its FIFO, the shift register behind it, and the two indications of
// emptiness.
//
// A byte written while the transmitter rests waits one bit time for the shift register (the datasheet gives 8
// to 24 clocks of the 16x clock for it: tIRS, and 16 to 24 until the interrupt: tSI); behind another
// character it follows that one's last stop bit without a gap.
#include <fmt/format.h>

#include "devices/uart/uart.h"
#include "sim/hash.h"

namespace ringside {

void Uart::write_thr(uint64_t written) {
  const auto byte = static_cast<uint8_t>(written);
  const bool full = transmitter_fifo_.size() >= fifo_depth();
  if (full) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("THR = {:#04x} while {}: {} lost", byte,
                             fifo_mode() ? "the FIFO is full" : "it still holds a character",
                             fifo_mode() ? "the character is" : "the character before it is"));
    if (fifo_mode()) return;
    transmitter_fifo_.clear();
  }
  transmitter_fifo_.push_back(byte);
  if (transmitter_fifo_.size() >= 2) two_at_once_ = true;
  site_.events.cancel(holding_empty_event_);
  holding_empty_ = holding_empty_interrupt_ = false;
  if (!shifting_ && !start_event_) {
    start_event_ = site_.events.schedule(saturating_add(site_.clock.now, format().bit_time()), "uart/start",
                                         [this] { start_shifting(); });
  }
  update_interrupt();
}

void Uart::start_shifting() {
  start_event_ = {};
  if (transmitter_fifo_.empty()) return;
  const LineFormat line = format();
  shift_register_ = transmitter_fifo_.front() & line.data_mask();
  transmitter_fifo_.pop_front();
  shifting_ = true;
  const Tick now = site_.clock.now;
  finish_event_ = site_.events.schedule(saturating_add(now, line.character_time()), "uart/shift",
                                        [this] { finish_shifting(); });
  if (!transmitter_fifo_.empty()) return;
  if (!fifo_mode() || two_at_once_) return set_holding_empty();
  // 8.10: the indication comes one character time minus the last stop bit later where the FIFO has not held
  // two bytes since the last one, so that a driver that feeds single bytes is not asked twice for each.
  holding_empty_event_ = site_.events.schedule(saturating_add(now, line.character_time() - line.stop_time()),
                                               "uart/thre", [this] { set_holding_empty(); });
}

void Uart::finish_shifting() {
  finish_event_ = {};
  shifting_ = false;
  const uint8_t byte = shift_register_;
  start_shifting();
  shift_out(byte);
}

// The character has left the shift register whole.
void Uart::shift_out(uint8_t byte) {
  if (loopback()) return arrive({byte, 0});
  // Break holds SOUT low whatever is shifted out (8.1, bit 6).
  if ((value(UartRegister::lcr) & 0x40) != 0) return;
  tx_wire_.send(Direction::out, {byte, 0}, [this](std::span<const uint8_t> payload) {
    const bool sound = payload.size() == 1 || (payload.size() >= 2 && payload[1] == 0);
    if (sound && output_) output_(payload[0]);
  });
}

// The peer takes a line that is low for a whole character for a break, however long it lasts.
void Uart::update_break() {
  const bool active = (value(UartRegister::lcr) & 0x40) != 0 && !loopback();
  if (!active) {
    site_.events.cancel(break_event_);
    break_sent_ = false;
  } else if (!break_sent_ && !break_event_) {
    break_event_ = site_.events.schedule(
        saturating_add(site_.clock.now, format().character_time()), "uart/break", [this] {
          break_event_ = {};
          break_sent_ = true;
          tx_wire_.send(Direction::out, {0, uart_error::break_condition}, [](std::span<const uint8_t>) {});
        });
  }
}

void Uart::set_holding_empty() {
  site_.events.cancel(holding_empty_event_);
  if (holding_empty_) return;
  holding_empty_ = holding_empty_interrupt_ = true;
  two_at_once_ = false;
  update_interrupt();
}

bool Uart::transmitter_empty() const { return holding_empty_ && transmitter_fifo_.empty() && !shifting_; }

// The shift register goes on (8.4, bit 2).
void Uart::clear_transmitter_fifo() {
  transmitter_fifo_.clear();
  site_.events.cancel(start_event_);
  set_holding_empty();
}

void Uart::reset_transmitter() {
  for (EventQueue::Handle* event : {&start_event_, &finish_event_, &holding_empty_event_, &break_event_}) {
    site_.events.cancel(*event);
  }
  transmitter_fifo_.clear();
  shifting_ = break_sent_ = false;
  holding_empty_ = holding_empty_interrupt_ = two_at_once_ = true;
}

void Uart::visit_transmitter(StateVisitor& visitor) const {
  uint64_t fifo = transmitter_fifo_.size();
  for (const uint8_t byte : transmitter_fifo_) fifo = hash_mix(fifo, byte);
  visitor.number("transmitter_fifo", fifo);
  visitor.number("shift_register", shifting_ ? 0x100u | shift_register_ : 0);
  visitor.number("holding_empty", holding_empty_);
  visitor.number("holding_empty_interrupt", holding_empty_interrupt_);
  visitor.number("two_at_once", two_at_once_);
  visitor.number("break_sent", break_sent_);
  // 0 where there is none: an event is never at the tick of power on.
  visitor.number("start_at", start_event_.at.ps);
  visitor.number("finish_at", finish_event_.at.ps);
  visitor.number("holding_empty_at", holding_empty_event_.at.ps);
  visitor.number("break_at", break_event_.at.ps);
}

}  // namespace ringside
