// The UART's receiver: characters come from the peer at the line's rate, with their errors, into RBR or its
// FIFO. Errors show in the LSR when their character reaches the top (8.3); a driver that does not come for
// what is there hears of it after four character times (8.10).
#include <fmt/format.h>

#include "devices/uart/uart.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr uint8_t kCharacterErrors = uart_error::parity | uart_error::framing | uart_error::break_condition;
constexpr size_t kTriggerLevels[] = {1, 4, 8, 14};  // 8.4, bits 6 and 7
constexpr uint64_t kTimeoutCharacters = 4;          // 8.10

}  // namespace

void Uart::receive(std::span<const uint8_t> bytes) {
  for (const uint8_t byte : bytes) line_.push_back({byte, 0});
  expect_character();
}

void Uart::receive(UartCharacter character) {
  line_.push_back(character);
  expect_character();
}

bool Uart::peer_may_send() const {
  if (line_.empty()) return false;
  if (config_.peer_obeys_rts && (modem_outputs() & modem_output::request_to_send) == 0) return false;
  // In loopback SIN is disconnected: whoever waits for room waits for the line too.
  return !config_.peer_waits_for_room || (!loopback() && receiver_fifo_.size() < fifo_depth());
}

// Begins the next character, if the peer has one and none is under way.
void Uart::expect_character() {
  if (arrival_event_ || !peer_may_send()) return;
  arrival_event_ = site_.events.schedule(saturating_add(site_.clock.now, format().character_time()),
                                         "uart/receive", [this] { finish_reception(); });
}

// A break's stop bit is 0 as well.
UartCharacter Uart::as_received(UartCharacter character) const {
  const LineFormat line = format();
  character.byte &= line.data_mask();
  character.errors &= uart_error::all;
  if ((character.errors & uart_error::break_condition) == 0) return character;
  character.byte = 0;
  character.errors |= uart_error::framing;
  if (line.break_has_parity_error()) character.errors |= uart_error::parity;
  return character;
}

void Uart::finish_reception() {
  arrival_event_ = {};
  // Loopback began meanwhile: a peer that waits begins the character again when it is over.
  if (loopback() && config_.peer_waits_for_room) return;
  UartCharacter character = line_.front();
  line_.pop_front();
  if (!loopback()) {
    character = as_received(character);
    if (receiver_fifo_.size() >= fifo_depth()) character.errors |= uart_error::overrun;
    rx_wire_.send(Direction::in, {character.byte, character.errors},
                  [this](std::span<const uint8_t> payload) {
                    if (payload.empty()) return;
                    arrive(as_received({payload[0], payload.size() < 2 ? uint8_t{0} : payload[1]}));
                  });
  }
  expect_character();
}

// A character is in the receiver's shift register. Its overrun bit says that there was no room for it.
void Uart::arrive(UartCharacter character) {
  const bool overrun = receiver_fifo_.size() >= fifo_depth() || (character.errors & uart_error::overrun) != 0;
  character.errors &= kCharacterErrors;
  if (!overrun) return store(character);
  line_errors_ |= uart_error::overrun;
  site_.notice(NoticeKind::unusual,
               fmt::format("RBR: overrun by {:#04x}: the driver has not come for {} characters in time",
                           character.byte, receiver_fifo_.size()));
  // 8.3, bit 1: the FIFO keeps what it has, and the new character is lost; RBR is overwritten.
  if (!fifo_mode()) {
    receiver_fifo_.clear();
    return store(character);
  }
  update_interrupt();
}

void Uart::store(UartCharacter character) {
  receiver_fifo_.push_back(character);
  if (fifo_mode() && character.errors != 0) fifo_error_ = true;
  if (receiver_fifo_.size() == 1) reveal_errors();
  if (!timeout_) restart_timeout();
  update_interrupt();
}

uint64_t Uart::read_rbr() {
  if (receiver_fifo_.empty()) return last_read_;
  last_read_ = receiver_fifo_.front().byte;
  receiver_fifo_.pop_front();
  reveal_errors();
  timeout_ = false;
  restart_timeout();
  update_interrupt();
  expect_character();
  return last_read_;
}

// The errors of the character on top go to the LSR, where they stay until it is read.
void Uart::reveal_errors() {
  if (receiver_fifo_.empty()) return;
  line_errors_ |= receiver_fifo_.front().errors;
  receiver_fifo_.front().errors = 0;
}

bool Uart::errors_in_fifo() const {
  if (!fifo_mode()) return false;
  for (const UartCharacter& character : receiver_fifo_) {
    if (character.errors != 0) return true;
  }
  return false;
}

size_t Uart::trigger_level() const { return fifo_mode() ? kTriggerLevels[value(UartRegister::fcr) >> 6] : 1; }

// The timer runs while the FIFO holds something; a character that comes or is read starts it anew. Its event
// stays where it is and looks again when it is due, which costs less than to move it each time.
void Uart::restart_timeout() {
  if (!fifo_mode() || receiver_fifo_.empty()) return site_.events.cancel(timeout_event_);
  timeout_at_ = saturating_add(site_.clock.now, format().character_time() * kTimeoutCharacters);
  if (timeout_event_ && timeout_event_.at > timeout_at_)
    site_.events.cancel(timeout_event_);  // a faster rate
  if (!timeout_event_) {
    timeout_event_ = site_.events.schedule(timeout_at_, "uart/timeout", [this] { check_timeout(); });
  }
}

void Uart::check_timeout() {
  timeout_event_ = {};
  if (site_.clock.now < timeout_at_) {
    timeout_event_ = site_.events.schedule(timeout_at_, "uart/timeout", [this] { check_timeout(); });
    return;
  }
  timeout_ = true;
  update_interrupt();
}

void Uart::clear_receiver_fifo() {
  receiver_fifo_.clear();
  fifo_error_ = timeout_ = false;
  site_.events.cancel(timeout_event_);
}

void Uart::reset_receiver() {
  clear_receiver_fifo();
  site_.events.cancel(arrival_event_);
  line_errors_ = 0;
}

void Uart::visit_receiver(StateVisitor& visitor) const {
  const auto characters = [](const std::deque<UartCharacter>& all) {
    uint64_t running = all.size();
    for (const UartCharacter& character : all) {
      running = hash_mix(running, static_cast<uint64_t>(character.errors) << 8 | character.byte);
    }
    return running;
  };
  visitor.number("line", characters(line_));
  visitor.number("receiver_fifo", characters(receiver_fifo_));
  visitor.number("last_read", last_read_);
  visitor.number("fifo_error", fifo_error_);
  visitor.number("timeout", timeout_);
  visitor.number("timeout_at", timeout_event_ ? timeout_at_.ps : 0);
  visitor.number("timeout_look_at", timeout_event_.at.ps);
  visitor.number("arrival_at", arrival_event_.at.ps);
}

}  // namespace ringside
