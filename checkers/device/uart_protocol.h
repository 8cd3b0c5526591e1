// The 16550A's rules: National Semiconductor PC16550D datasheet, June 1995. Sections are its own.
#pragma once

#include "checkers/device/device_protocol.h"

namespace ringside {

class UartProtocol final : public DeviceProtocol {
 public:
  using DeviceProtocol::DeviceProtocol;
  void on_crossing(const Seen& seen) override;

 private:
  void read(const Seen& seen, unsigned offset, uint8_t value);
  void write(const Seen& seen, unsigned offset, uint8_t value);
  void read_data(const Seen& seen, uint8_t value);
  void write_data(const Seen& seen, uint8_t value);
  void read_line_status(uint8_t value);
  void write_fifo_control(uint8_t value);
  void write_line_control(uint8_t value);
  bool latch_open() const { return (line_control_ & 0x80) != 0; }
  // The line shows nothing of what is sent: loopback, or break.
  bool line_hidden() const { return loopback_ || (line_control_ & 0x40) != 0; }
  unsigned room() const;

  uint8_t line_control_ = 0, interrupt_enable_ = 0;
  bool fifo_mode_ = false, loopback_ = false;
  unsigned received_max_ = 0;  // characters in the receiver, at most
  unsigned inside_ = 0;        // characters in the transmitter, its shift register included, at least
  bool holding_full_ = false;  // LSR has said so, and no character has left since
  bool dummy_read_ = false;    // RBR was read empty once since the UART was programmed
  // Since the divisor latch was opened: DLL was written, LSR has shown data or an empty THR.
  bool latch_written_ = false, latch_saw_data_ = false, latch_saw_empty_ = false;
};

}  // namespace ringside
