// Registers, interrupts and modem lines of the UART.
#include "devices/uart/uart.h"

#include <fmt/format.h>

#include "devices/uart/uart_registers.h"

namespace ringside {

namespace {

namespace interrupt_enable {  // 8.6
constexpr uint8_t received_data = 0x01, holding_empty = 0x02, line_status = 0x04, modem_status = 0x08;
}
namespace identification {  // 8.5, table IV
constexpr uint8_t none = 0x01, line_status = 0x06, received_data = 0x04, timeout = 0x0c, holding_empty = 0x02,
                  modem_status = 0x00, fifos_enabled = 0xc0;
}
namespace line_status {  // 8.3
constexpr uint8_t data_ready = 0x01, holding_empty = 0x20, transmitter_empty = 0x40, fifo_error = 0x80;
}
namespace fifo_control {  // 8.4; the DMA mode (bit 3) is kept, its pins go nowhere on a PC
constexpr uint8_t enable = 0x01, clear_receiver = 0x02, clear_transmitter = 0x04, stored = 0xc9;
}
constexpr uint8_t kModemDeltas = 0x0f;  // MSR bits 0-3
constexpr uint8_t kRingEnded = 0x04;    // TERI

// The table's order is the enumeration's.
constexpr bool is_row(UartRegister which, std::string_view name) {
  return UartRegisters::kRows[static_cast<size_t>(which)].name == name;
}
static_assert(is_row(UartRegister::rbr, "RBR") && is_row(UartRegister::thr, "THR") &&
              is_row(UartRegister::ier, "IER") && is_row(UartRegister::iir, "IIR") &&
              is_row(UartRegister::fcr, "FCR") && is_row(UartRegister::lcr, "LCR") &&
              is_row(UartRegister::mcr, "MCR") && is_row(UartRegister::lsr, "LSR") &&
              is_row(UartRegister::msr, "MSR") && is_row(UartRegister::scr, "SCR") &&
              is_row(UartRegister::dll, "DLL") && is_row(UartRegister::dlm, "DLM"));

}  // namespace

Uart::Uart(const DeviceSite& site, const UartConfig& config)
    : site_(site),
      config_(config),
      file_(kUartRegisters),
      tx_wire_(site.wire(site.name + "/tx", WireKind::message, kUartPayload)),
      rx_wire_(site.wire(site.name + "/rx", WireKind::message, kUartPayload)),
      modem_inputs_(config.modem_inputs & 0xf0),
      modem_status_(modem_inputs_) {
  // Noise on the line: a character that nobody sent.
  rx_wire_.set_stimulus([this](std::span<const uint8_t> payload) {
    if (!payload.empty()) receive(UartCharacter{payload[0], payload.size() < 2 ? uint8_t{0} : payload[1]});
  });
}

Uart::~Uart() {
  rx_wire_.set_stimulus(nullptr);
  for (EventQueue::Handle* event : {&start_event_, &finish_event_, &holding_empty_event_, &break_event_,
                                    &arrival_event_, &timeout_event_}) {
    site_.events.cancel(*event);
  }
}

void Uart::reset() {
  // Table I: the divisor latches and SCR keep what they hold.
  for (const UartRegister which :
       {UartRegister::ier, UartRegister::fcr, UartRegister::lcr, UartRegister::mcr}) {
    const auto index = static_cast<size_t>(which);
    file_.value(index) = file_.row(index).reset;
  }
  reset_transmitter();
  reset_receiver();
  modem_status_ = effective_modem_inputs();
  update_modem_outputs();
  update_interrupt();
  expect_character();
}

// --- The bus ---

uint64_t Uart::read(uint64_t offset, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= uint64_t{read_byte(offset + i)} << (8 * i);
  return value;
}

void Uart::write(uint64_t offset, unsigned size, uint64_t value) {
  for (unsigned i = 0; i < size; ++i) write_byte(offset + i, static_cast<uint8_t>(value >> (8 * i)));
}

uint8_t Uart::read_byte(uint64_t offset) {
  size_t found = RegisterFile<Uart>::kNone;
  if (divisor_latch_access()) found = file_.find(offset, UartRegisters::divisor);
  if (found == RegisterFile<Uart>::kNone) found = file_.find(offset, UartRegisters::plain);
  // Behind the eighth register nobody answers.
  return found == RegisterFile<Uart>::kNone ? 0xff : static_cast<uint8_t>(file_.read(*this, found));
}

void Uart::write_byte(uint64_t offset, uint8_t value) {
  size_t found = RegisterFile<Uart>::kNone;
  if (divisor_latch_access()) found = file_.find(offset, UartRegisters::divisor);
  if (found == RegisterFile<Uart>::kNone) found = file_.find(offset, UartRegisters::writes);
  if (found == RegisterFile<Uart>::kNone) found = file_.find(offset, UartRegisters::plain);
  if (found != RegisterFile<Uart>::kNone) file_.write(*this, found, value);
}

void Uart::write_ier(uint64_t) {
  // 8.3, bit 5: the interrupt is issued when its enable goes high while THR is empty.
  if ((value(UartRegister::ier) & interrupt_enable::holding_empty) == 0)
    holding_empty_interrupt_ = holding_empty_;
  update_interrupt();
}

void Uart::write_fcr(uint64_t written) {
  const auto wanted = static_cast<uint8_t>(written);
  const bool enable = (wanted & fifo_control::enable) != 0;
  const bool changed = enable != fifo_mode();
  // 8.4, bit 0: the other bits are programmed only together with it.
  file_.value(static_cast<size_t>(UartRegister::fcr)) = enable ? wanted & fifo_control::stored : 0;
  if (changed || (enable && (wanted & fifo_control::clear_receiver) != 0)) clear_receiver_fifo();
  if (changed || (enable && (wanted & fifo_control::clear_transmitter) != 0)) clear_transmitter_fifo();
  if (changed) two_at_once_ = true;  // 8.10: the first interrupt after changing FCR0 is immediate
  if (!enable && (wanted & ~fifo_control::enable) != 0) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format("FCR = {:#04x}: without bit 0 (FIFO enable) the other bits are ignored", wanted));
  }
  update_interrupt();
  expect_character();
}

void Uart::write_lcr(uint64_t) {
  if (!divisor_latch_access() && divisor() == 0) {
    site_.notice(NoticeKind::unusual, "DLM and DLL are 0: the rate is that of the divisor 65536");
  }
  update_break();
}

void Uart::write_mcr(uint64_t) {
  update_break();  // loopback holds SOUT at mark
  update_modem_status();
  update_modem_outputs();
  update_interrupt();
  expect_character();
}

uint64_t Uart::read_lsr() {
  uint8_t status = line_errors_;
  if (!receiver_fifo_.empty()) status |= line_status::data_ready;
  if (holding_empty_) status |= line_status::holding_empty;
  if (transmitter_empty()) status |= line_status::transmitter_empty;
  if (fifo_error_) status |= line_status::fifo_error;
  line_errors_ = 0;
  fifo_error_ = errors_in_fifo();
  update_interrupt();
  return status;
}

void Uart::write_lsr(uint64_t value) {
  // 8.3, note: writing is for factory tests.
  site_.notice(NoticeKind::unusual, fmt::format("LSR = {:#04x}: the register is for reading only", value));
}

uint64_t Uart::read_msr() {
  const uint8_t status = modem_status_;
  modem_status_ &= static_cast<uint8_t>(~kModemDeltas);
  update_interrupt();
  return status;
}

void Uart::write_msr(uint64_t value) {
  site_.notice(NoticeKind::unusual, fmt::format("MSR = {:#04x}: the register is for reading only", value));
}

// --- Interrupts ---

uint8_t Uart::interrupt_identification() const {
  const uint8_t enabled = value(UartRegister::ier);
  if ((enabled & interrupt_enable::line_status) != 0 && line_errors_ != 0) return identification::line_status;
  if ((enabled & interrupt_enable::received_data) != 0) {
    // 8.5, bit 3: set along with bit 2 while a timeout is pending, whether or not the level is reached too.
    if (timeout_) return identification::timeout;
    if (receiver_fifo_.size() >= trigger_level()) return identification::received_data;
  }
  if ((enabled & interrupt_enable::holding_empty) != 0 && holding_empty_interrupt_) {
    return identification::holding_empty;
  }
  if ((enabled & interrupt_enable::modem_status) != 0 && (modem_status_ & kModemDeltas) != 0) {
    return identification::modem_status;
  }
  return identification::none;
}

uint64_t Uart::read_iir() {
  const uint8_t cause = interrupt_identification();
  if (cause == identification::holding_empty) {
    holding_empty_interrupt_ = false;
    update_interrupt();
  }
  return cause | (fifo_mode() ? identification::fifos_enabled : 0);
}

void Uart::update_interrupt() {
  // 8.7: loopback forces the pin OUT2 inactive, and with it closes the board's buffer.
  const bool open = !config_.out2_gates_interrupt || (modem_outputs() & modem_output::out2) != 0;
  interrupt.set(open && interrupt_identification() != identification::none);
}

// --- Modem lines ---

uint8_t Uart::modem_outputs() const { return loopback() ? 0 : value(UartRegister::mcr) & 0x0f; }

uint8_t Uart::effective_modem_inputs() const {
  if (!loopback()) return modem_inputs_;
  // 8.7, bit 4: DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD.
  const uint8_t outputs = value(UartRegister::mcr);
  uint8_t inputs = 0;
  if ((outputs & modem_output::data_terminal_ready) != 0) inputs |= modem_input::data_set_ready;
  if ((outputs & modem_output::request_to_send) != 0) inputs |= modem_input::clear_to_send;
  if ((outputs & modem_output::out1) != 0) inputs |= modem_input::ring_indicator;
  if ((outputs & modem_output::out2) != 0) inputs |= modem_input::carrier_detect;
  return inputs;
}

void Uart::update_modem_status() {
  const uint8_t before = modem_status_ & 0xf0;
  const uint8_t now = effective_modem_inputs();
  const auto changed = static_cast<uint8_t>(before ^ now);
  auto deltas = static_cast<uint8_t>(changed >> 4 & ~kRingEnded);
  // RI counts only where it ends: its pin goes from low to high.
  if ((changed & before & modem_input::ring_indicator) != 0) deltas |= kRingEnded;
  modem_status_ = static_cast<uint8_t>(now | (modem_status_ & kModemDeltas) | deltas);
}

void Uart::update_modem_outputs() {
  const uint8_t outputs = modem_outputs();
  if (outputs == modem_outputs_) return;
  modem_outputs_ = outputs;
  if (modem_listener_) modem_listener_(outputs);
}

void Uart::set_modem_inputs(uint8_t inputs) {
  modem_inputs_ = inputs & 0xf0;
  update_modem_status();
  update_interrupt();
}

uint16_t Uart::divisor() const {
  return static_cast<uint16_t>(value(UartRegister::dlm) << 8 | value(UartRegister::dll));
}

LineFormat Uart::format() const { return {value(UartRegister::lcr), divisor(), config_.clock_hz}; }

void Uart::visit_state(StateVisitor& visitor) const {
  for (const auto& row : file_.rows()) {
    visitor.number(row.name, file_.value(static_cast<size_t>(&row - file_.rows().data())));
  }
  visitor.number("line_errors", line_errors_);
  visitor.number("modem_inputs", modem_inputs_);
  visitor.number("modem_status", modem_status_);
  visitor.number("interrupt", interrupt.level());
  visit_transmitter(visitor);
  visit_receiver(visitor);
}

}  // namespace ringside
