// The keyboard controller's status bits, command byte and commands (IBM PS/2 Hardware Interface Technical
// Reference, "Keyboard and auxiliary device controller").
#pragma once

#include <cstdint>

namespace ringside::keyboard {

// Status, port 0x64.
inline constexpr uint8_t kOutputFull = 0x01;
inline constexpr uint8_t kInputFull = 0x02;
inline constexpr uint8_t kSystem = 0x04;
inline constexpr uint8_t kLastWasCommand = 0x08;
inline constexpr uint8_t kNotInhibited = 0x10;
inline constexpr uint8_t kAuxiliaryFull = 0x20;
inline constexpr uint8_t kTimeout = 0x40;

// The command byte.
inline constexpr uint8_t kKeyboardInterrupt = 0x01;
inline constexpr uint8_t kAuxiliaryInterrupt = 0x02;
inline constexpr uint8_t kSystemFlag = 0x04;
inline constexpr uint8_t kKeyboardDisabled = 0x10;
inline constexpr uint8_t kAuxiliaryDisabled = 0x20;

// The output port.
inline constexpr uint8_t kNoReset = 0x01;
inline constexpr uint8_t kAddressLine20 = 0x02;
inline constexpr uint8_t kKeyboardFullPin = 0x10;
inline constexpr uint8_t kAuxiliaryFullPin = 0x20;
inline constexpr uint8_t kClocksReleased = 0xc0;

enum Command : uint8_t {
  kReadMemory = 0x20,   // to 0x3f
  kWriteMemory = 0x60,  // to 0x7f
  kDisableAuxiliary = 0xa7,
  kEnableAuxiliary = 0xa8,
  kTestAuxiliary = 0xa9,
  kSelfTest = 0xaa,
  kTestKeyboard = 0xab,
  kDisableKeyboard = 0xad,
  kEnableKeyboard = 0xae,
  kReadInputPort = 0xc0,
  kReadOutputPort = 0xd0,
  kWriteOutputPort = 0xd1,
  kWriteKeyboardOutput = 0xd2,
  kWriteAuxiliaryOutput = 0xd3,
  kWriteAuxiliary = 0xd4,
  kPulse = 0xf0,  // to 0xff: pulses the lines of the output port whose bits 3-0 are 0
};

inline constexpr uint8_t kSelfTestPassed = 0x55;
inline constexpr uint8_t kInterfaceTestPassed = 0x00;
inline constexpr uint8_t kResend = 0xfe;
// Keyboard not locked, no manufacturing jumper.
inline constexpr uint8_t kInputPort = 0xa0;

}  // namespace ringside::keyboard
