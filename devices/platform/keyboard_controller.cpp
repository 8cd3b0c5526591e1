#include "devices/platform/keyboard_controller.h"

#include <fmt/format.h>

#include "devices/platform/keyboard_registers.h"

namespace ringside {

using namespace keyboard;

KeyboardController::KeyboardController(const DeviceSite& site, Bus& ports)
    : site_(site),
      data_port_([this](unsigned) { return read_data(); },
                 [this](unsigned, uint8_t value) { write_data(value); }),
      command_port_([this](unsigned) { return read_status(); },
                    [this](unsigned, uint8_t value) { write_command(value); }) {
  ports.map(site.name, 0x60, 1, data_port_, 1);
  ports.map(site.name, 0x64, 1, command_port_, 1);
  reset();
}

KeyboardController::~KeyboardController() { site_.events.cancel(sending_); }

void KeyboardController::reset() {
  site_.events.cancel(sending_);
  memory_.fill(0);
  command_byte() = kKeyboardDisabled | kAuxiliaryDisabled;
  output_ = data_command_ = 0;
  output_full_ = output_auxiliary_ = output_timed_out_ = false;
  last_was_command_ = system_ = sending_auxiliary_ = false;
  set_address_line_20(true);
  drive();
}

uint8_t KeyboardController::read_status() const {
  uint8_t status = kNotInhibited;
  if (output_full_) status |= kOutputFull;
  if (output_full_ && output_auxiliary_) status |= kAuxiliaryFull;
  if (output_full_ && output_timed_out_) status |= kTimeout;
  if (sending_) status |= kInputFull;
  if (system_) status |= kSystem;
  if (last_was_command_) status |= kLastWasCommand;
  return status;
}

uint8_t KeyboardController::read_data() {
  // The buffer keeps its byte; only the flag goes.
  output_full_ = false;
  drive();
  return output_;
}

void KeyboardController::put(uint8_t value, bool auxiliary, bool timed_out) {
  output_ = value;
  output_full_ = true;
  output_auxiliary_ = auxiliary;
  output_timed_out_ = timed_out;
  drive();
}

void KeyboardController::drive() {
  const bool keyboard = output_full_ && !output_auxiliary_;
  const bool auxiliary = output_full_ && output_auxiliary_;
  keyboard_interrupt.set(keyboard && (command_byte() & kKeyboardInterrupt) != 0);
  auxiliary_interrupt.set(auxiliary && (command_byte() & kAuxiliaryInterrupt) != 0);
}

void KeyboardController::write_data(uint8_t value) {
  last_was_command_ = false;
  const uint8_t command = data_command_;
  data_command_ = 0;
  if (command >= kWriteMemory && command < kWriteMemory + memory_.size()) {
    memory_[command - kWriteMemory] = value;
    if (command == kWriteMemory) system_ = (value & kSystemFlag) != 0;
    return drive();
  }
  switch (command) {
    case kWriteOutputPort: return write_output_port(value);
    case kWriteKeyboardOutput: return put(value, false);
    case kWriteAuxiliaryOutput: return put(value, true);
    case kWriteAuxiliary: return send_to_device(true);
    default:
      // A byte for the keyboard opens its interface.
      command_byte() &= static_cast<uint8_t>(~kKeyboardDisabled);
      return send_to_device(false);
  }
}

// There is no device: the byte waits for the time-out. A second byte meanwhile takes its place.
void KeyboardController::send_to_device(bool auxiliary) {
  site_.events.cancel(sending_);
  sending_auxiliary_ = auxiliary;
  sending_ = site_.events.schedule(saturating_add(site_.clock.now, kDeviceTimeout), "i8042/timeout", [this] {
    sending_ = {};
    put(kResend, sending_auxiliary_, true);
  });
}

void KeyboardController::write_command(uint8_t command) {
  last_was_command_ = true;
  data_command_ = 0;
  if (command >= kReadMemory && command < kReadMemory + memory_.size()) {
    return put(memory_[command - kReadMemory], false);
  }
  if (command >= kWriteMemory && command < kWriteMemory + memory_.size()) {
    data_command_ = command;
    return;
  }
  if (command >= kPulse) {
    // Only bit 0 leads anywhere that a pulse matters.
    if ((command & kNoReset) == 0 && on_init) on_init();
    return;
  }
  switch (command) {
    case kDisableAuxiliary: command_byte() |= kAuxiliaryDisabled; return;
    case kEnableAuxiliary: command_byte() &= static_cast<uint8_t>(~kAuxiliaryDisabled); return;
    case kDisableKeyboard: command_byte() |= kKeyboardDisabled; return;
    case kEnableKeyboard: command_byte() &= static_cast<uint8_t>(~kKeyboardDisabled); return;
    case kTestAuxiliary:
    case kTestKeyboard: return put(kInterfaceTestPassed, false);
    case kSelfTest:
      system_ = true;
      command_byte() |= kSystemFlag;
      return put(kSelfTestPassed, false);
    case kReadInputPort: return put(kInputPort, false);
    case kReadOutputPort: return put(read_output_port(), false);
    case kWriteOutputPort:
    case kWriteKeyboardOutput:
    case kWriteAuxiliaryOutput:
    case kWriteAuxiliary: data_command_ = command; return;
    default:
      site_.notice(NoticeKind::unhandled,
                   fmt::format("Command {:#04x} is none of the keyboard controller's", command));
  }
}

uint8_t KeyboardController::read_output_port() const {
  uint8_t value = kNoReset | kClocksReleased;
  if (address_line_20_) value |= kAddressLine20;
  if (output_full_) value |= output_auxiliary_ ? kAuxiliaryFullPin : kKeyboardFullPin;
  return value;
}

void KeyboardController::write_output_port(uint8_t value) {
  set_address_line_20((value & kAddressLine20) != 0);
  if ((value & kNoReset) == 0 && on_init) on_init();
}

void KeyboardController::set_address_line_20(bool open) {
  if (open == address_line_20_) return;
  address_line_20_ = open;
  if (on_address_line_20) on_address_line_20();
}

void KeyboardController::visit_state(StateVisitor& visitor) const {
  visitor.bytes("memory", memory_);
  visitor.number("output", output_);
  visitor.number("output_full", output_full_);
  visitor.number("output_auxiliary", output_auxiliary_);
  visitor.number("output_timed_out", output_timed_out_);
  visitor.number("last_was_command", last_was_command_);
  visitor.number("system", system_);
  visitor.number("data_command", data_command_);
  visitor.number("address_line_20", address_line_20_);
  visitor.number("sending_auxiliary", sending_auxiliary_);
  visitor.number("sending_until", sending_.at.ps);
}

}  // namespace ringside
