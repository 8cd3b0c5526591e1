// NS16550A: National Semiconductor PC16550D, "Universal Asynchronous Receiver/Transmitter with FIFOs", June
// 1995. A byte written to THR waits in the transmitter FIFO, is shifted out bit by bit (transmitter.cpp),
// crosses "<name>/tx" when its last stop bit has passed, and leaves by the output callback. A character from
// the peer comes in at the line's rate, crosses "<name>/rx" and is put into the receiver FIFO (receiver.cpp).
// Registers, interrupts and modem lines are in uart.cpp, the table of registers in uart_registers.h.
//
// Sections are the datasheet's; README.md lists what is modelled.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>

#include "devices/uart/line_format.h"
#include "devices/uart/payloads.h"
#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/interrupt.h"
#include "sim/registers.h"
#include "sim/state.h"

namespace ringside {

// The modem inputs at the bits that MSR has for them.
namespace modem_input {
inline constexpr uint8_t clear_to_send = 0x10;
inline constexpr uint8_t data_set_ready = 0x20;
inline constexpr uint8_t ring_indicator = 0x40;
inline constexpr uint8_t carrier_detect = 0x80;
}  // namespace modem_input

// The modem outputs at the bits that MCR has for them. Set: active (the pin is low).
namespace modem_output {
inline constexpr uint8_t data_terminal_ready = 0x01;
inline constexpr uint8_t request_to_send = 0x02;
inline constexpr uint8_t out1 = 0x04;
inline constexpr uint8_t out2 = 0x08;
}  // namespace modem_output

// What the scenario may say; the README gives the sources of the defaults.
struct UartConfig {
  uint64_t clock_hz = 1'843'200;
  // What the peer's cable asserts at power on: a terminal behind a null-modem cable.
  uint8_t modem_inputs =
      modem_input::clear_to_send | modem_input::data_set_ready | modem_input::carrier_detect;
  // The peer sends a character only when the receiver has room for it, so that nothing typed is lost. Off:
  // the peer sends at the line's rate whatever happens, as a real one does, and a slow driver overruns.
  bool peer_waits_for_room = true;
  // The peer sends only while RTS is active (hardware flow control).
  bool peer_obeys_rts = false;
  // On a PC, OUT2 enables the buffer between the UART's INTR and the interrupt line.
  bool out2_gates_interrupt = true;
};

// Indexes of the rows in UartRegisters::kRows.
enum class UartRegister : uint8_t { rbr, thr, ier, iir, fcr, lcr, mcr, lsr, msr, scr, dll, dlm };

class Uart final : public BusTarget, public Stateful {
 public:
  static constexpr uint64_t kBusLength = 8;
  static constexpr unsigned kBusWidthMax = 1;
  static constexpr size_t kFifoDepth = 16;
  using Output = std::function<void(uint8_t byte)>;
  using ModemListener = std::function<void(uint8_t outputs)>;

  explicit Uart(const DeviceSite& site, const UartConfig& config = {});
  ~Uart() override;
  Uart(const Uart&) = delete;
  Uart& operator=(const Uart&) = delete;

  InterruptPin interrupt;

  // --- The bus. An access wider than a byte is several, the lowest address first. ---
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;
  // The MR pin (table I).
  void reset();

  // --- The line ---
  // Characters that the peer begins to send now, one behind the other.
  void receive(std::span<const uint8_t> bytes);
  // One with line errors; break_condition is a line that is low for a whole character.
  void receive(UartCharacter character);
  // Takes each character that has left whole, without line errors.
  void set_output(Output output) { output_ = std::move(output); }
  // The four inputs together (modem_input), and who hears the outputs (modem_output).
  void set_modem_inputs(uint8_t inputs);
  void set_modem_listener(ModemListener listener) { modem_listener_ = std::move(listener); }
  uint8_t modem_outputs() const;
  // How many characters the peer has yet to send.
  size_t waiting_characters() const { return line_.size(); }
  LineFormat format() const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend struct UartRegisters;

  // Handlers of the register table.
  uint64_t read_rbr();
  uint64_t read_iir();
  uint64_t read_lsr();
  uint64_t read_msr();
  void write_thr(uint64_t value);
  void write_ier(uint64_t value);
  void write_fcr(uint64_t value);
  void write_lcr(uint64_t value);
  void write_mcr(uint64_t value);
  void write_lsr(uint64_t value);
  void write_msr(uint64_t value);

  uint8_t read_byte(uint64_t offset);
  void write_byte(uint64_t offset, uint8_t value);
  uint8_t value(UartRegister which) const {
    return static_cast<uint8_t>(file_.value(static_cast<size_t>(which)));
  }
  bool fifo_mode() const { return (value(UartRegister::fcr) & 0x01) != 0; }
  bool loopback() const { return (value(UartRegister::mcr) & 0x10) != 0; }
  bool divisor_latch_access() const { return (value(UartRegister::lcr) & 0x80) != 0; }
  uint16_t divisor() const;
  size_t fifo_depth() const { return fifo_mode() ? kFifoDepth : 1; }

  // Interrupts (8.5, table IV).
  uint8_t interrupt_identification() const;
  void update_interrupt();

  // Modem lines (8.7, 8.8).
  uint8_t effective_modem_inputs() const;
  void update_modem_status();
  void update_modem_outputs();

  // The transmitter: transmitter.cpp.
  void clear_transmitter_fifo();
  void start_shifting();
  void finish_shifting();
  void shift_out(uint8_t byte);
  void update_break();
  void set_holding_empty();
  bool transmitter_empty() const;
  void reset_transmitter();
  void visit_transmitter(StateVisitor& visitor) const;

  // The receiver: receiver.cpp.
  void clear_receiver_fifo();
  void expect_character();
  void finish_reception();
  UartCharacter as_received(UartCharacter character) const;
  void arrive(UartCharacter character);
  void store(UartCharacter character);
  void reveal_errors();
  bool errors_in_fifo() const;
  bool peer_may_send() const;
  void restart_timeout();
  void check_timeout();
  size_t trigger_level() const;
  void reset_receiver();
  void visit_receiver(StateVisitor& visitor) const;

  const DeviceSite site_;
  const UartConfig config_;
  RegisterFile<Uart> file_;
  Wire& tx_wire_;
  Wire& rx_wire_;
  Output output_;
  ModemListener modem_listener_;

  uint8_t line_errors_ = 0;  // LSR bits 1-4, until LSR is read
  uint8_t modem_inputs_ = 0;
  uint8_t modem_status_ = 0;   // MSR: what bits 4-7 were last, and the deltas
  uint8_t modem_outputs_ = 0;  // what the listener heard last

  // Transmitter.
  std::deque<uint8_t> transmitter_fifo_;  // one place in 16450 mode: THR
  uint8_t shift_register_ = 0;
  bool shifting_ = false;
  bool holding_empty_ = true;            // LSR bit 5
  bool holding_empty_interrupt_ = true;  // it has not been told since; IER bit 1 lets it out
  bool two_at_once_ = true;              // 8.10: no delay of the next indication
  bool break_sent_ = false;
  EventQueue::Handle start_event_, finish_event_, holding_empty_event_, break_event_;

  // Receiver.
  std::deque<UartCharacter> line_;           // what the peer has yet to send; the first one may be under way
  std::deque<UartCharacter> receiver_fifo_;  // errors of the first one are in line_errors_
  uint8_t last_read_ = 0;                    // what RBR gives when there is nothing
  bool fifo_error_ = false;                  // LSR bit 7
  bool timeout_ = false;                     // character timeout is pending
  Tick timeout_at_;
  EventQueue::Handle arrival_event_, timeout_event_;
};

}  // namespace ringside
