// The keyboard controller of a PS/2 and its successors (IBM PS/2 Hardware Interface Technical Reference,
// "Keyboard and auxiliary device controller"; the chip is an Intel 8042) at ports 0x60 and 0x64, with neither
// a keyboard nor a mouse connected. It passes its self tests, loops bytes back for the auxiliary port's test,
// moves address line 20 and pulses the processor's reset; a byte for a device comes to nothing after the time
// in which the device should have begun to clock it, with 0xfe and the time-out bit.
//
// Commands are carried out at once; only the wait for a device takes time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "devices/platform/byte_ports.h"
#include "sim/interrupt.h"
#include "sim/state.h"

namespace ringside {

class KeyboardController final : public Stateful {
 public:
  static constexpr unsigned kKeyboardLine = 1, kAuxiliaryLine = 12;
  // The host holds the data line for 15 ms; a device that has not begun by then is not there.
  static constexpr Tick kDeviceTimeout = milliseconds(15);

  KeyboardController(const DeviceSite& site, Bus& ports);
  ~KeyboardController() override;
  KeyboardController(const KeyboardController&) = delete;
  KeyboardController& operator=(const KeyboardController&) = delete;

  void reset();

  // Its output port holds address line 20 open (as after power on), or not.
  bool address_line_20() const { return address_line_20_; }
  std::function<void()> on_address_line_20;
  std::function<void()> on_init;

  InterruptPin keyboard_interrupt, auxiliary_interrupt;

  void visit_state(StateVisitor& visitor) const override;

 private:
  uint8_t read_status() const;
  uint8_t read_data();
  void write_data(uint8_t value);
  void write_command(uint8_t command);
  // A byte for the processor.
  void put(uint8_t value, bool auxiliary, bool timed_out = false);
  void send_to_device(bool auxiliary);
  void write_output_port(uint8_t value);
  uint8_t read_output_port() const;
  void set_address_line_20(bool open);
  void drive();
  uint8_t& command_byte() { return memory_[0]; }
  uint8_t command_byte() const { return memory_[0]; }

  const DeviceSite site_;
  BytePorts data_port_, command_port_;
  std::array<uint8_t, 32> memory_{};  // the 8042's RAM that commands reach; byte 0 is the command byte
  uint8_t output_ = 0;
  bool output_full_ = false, output_auxiliary_ = false, output_timed_out_ = false;
  bool last_was_command_ = false;
  bool system_ = false;       // SYS: the self test has passed
  uint8_t data_command_ = 0;  // the command whose data byte comes next; 0: the keyboard's
  bool address_line_20_ = true;
  bool sending_auxiliary_ = false;
  EventQueue::Handle sending_;
};

}  // namespace ringside
