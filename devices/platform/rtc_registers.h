// The MC146818A's fourteen registers (Motorola MC146818A datasheet, ADI1026, "Registers") and the bytes of
// CMOS RAM behind them that a PC's firmware reads (IBM PC/AT Technical Reference; SeaBIOS's rtc.h for those
// that virtual machines use).
#pragma once

#include <cstdint>

#include "devices/platform/rtc.h"
#include "sim/registers.h"

namespace ringside {

// Gives the table access to the device's handlers.
struct RtcRegisters {
  static constexpr auto kTime = [](std::string_view name, uint32_t offset) {
    return Register<Rtc>{{.name = name, .offset = offset, .section = "Time, calendar, and alarm locations"}};
  };
  static constexpr Register<Rtc> kRegisters[] = {
      kTime("Seconds", 0x00),
      kTime("Seconds Alarm", 0x01),
      kTime("Minutes", 0x02),
      kTime("Minutes Alarm", 0x03),
      kTime("Hours", 0x04),
      kTime("Hours Alarm", 0x05),
      kTime("Day of Week", 0x06),
      kTime("Date of Month", 0x07),
      kTime("Month", 0x08),
      kTime("Year", 0x09),
      {{.name = "Register A", .offset = 0x0a, .reset = 0x26, .writable = 0x7f, .section = "Register A"},
       &Rtc::read_a,
       &Rtc::write_a},
      {{.name = "Register B", .offset = 0x0b, .reset = 0x02, .writable = 0xff, .section = "Register B"},
       nullptr,
       &Rtc::write_b},
      {{.name = "Register C", .offset = 0x0c, .access = RegisterAccess::read_only, .section = "Register C"},
       &Rtc::read_c},
      {{.name = "Register D",
        .offset = 0x0d,
        .access = RegisterAccess::read_only,
        .reset = 0x80,
        .section = "Register D"}},
  };
};

namespace rtc {

inline constexpr uint8_t kSeconds = 0, kSecondsAlarm = 1, kMinutes = 2, kMinutesAlarm = 3, kHours = 4,
                         kHoursAlarm = 5, kDayOfWeek = 6, kDateOfMonth = 7, kMonth = 8, kYear = 9;
inline constexpr uint8_t kRegisterA = 10, kRegisterB = 11;
inline constexpr unsigned kRegisters = 14;

// Register A.
inline constexpr uint8_t kUpdateInProgress = 0x80;  // UIP
inline constexpr uint8_t kDividerMask = 0x70;       // DV2-DV0
inline constexpr uint8_t kDivider32768Hz = 0x20;
inline constexpr uint8_t kRateMask = 0x0f;  // RS3-RS0
// Register B.
inline constexpr uint8_t kSet = 0x80;
inline constexpr uint8_t kDataModeBinary = 0x04;  // DM
inline constexpr uint8_t kHours24 = 0x02;         // 24/12
inline constexpr uint8_t kDaylightSaving = 0x01;  // DSE
inline constexpr uint8_t kSquareWave = 0x08;      // SQWE
// Register C; register B has the enables of the same three at the same bits (PIE, AIE, UIE).
inline constexpr uint8_t kPeriodic = 0x40;
inline constexpr uint8_t kAlarm = 0x20;
inline constexpr uint8_t kUpdateEnded = 0x10;
inline constexpr uint8_t kRequest = 0x80;  // IRQF
inline constexpr uint8_t kSources = kPeriodic | kAlarm | kUpdateEnded;

inline constexpr uint8_t kAfternoon = 0x80;  // of the hours, in 12-hour mode
inline constexpr uint8_t kAlarmAny = 0xc0;   // an alarm byte with both bits set matches everything

// CMOS RAM.
inline constexpr uint8_t kEquipment = 0x14;
inline constexpr uint8_t kBaseMemory = 0x15;      // KiB, two bytes
inline constexpr uint8_t kExtendedMemory = 0x17;  // KiB above 1 MiB, at most 63 MiB, two bytes; 0x30 too
inline constexpr uint8_t kChecksum = 0x2e;        // of 0x10-0x2d, high byte first
inline constexpr uint8_t kExtendedMemoryCopy = 0x30;
inline constexpr uint8_t kCentury = 0x32;         // BCD
inline constexpr uint8_t kMemoryAbove16M = 0x34;  // 64 KiB units, below 4 GiB, two bytes
inline constexpr uint8_t kBootFlag1 = 0x38;       // bits 7-4: the third boot device; bit 0: no floppy check
inline constexpr uint8_t kBootFlag2 = 0x3d;       // the second boot device, the first one
inline constexpr uint8_t kMemoryAbove4G = 0x5b;   // 64 KiB units, three bytes
inline constexpr uint8_t kProcessors = 0x5f;      // how many more than one

}  // namespace rtc
}  // namespace ringside
