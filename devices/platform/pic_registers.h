// The bits of the 8259A's command words (Intel 8259A datasheet 231468, "Programming the 8259A"), and of the
// PIIX's edge/level control registers (82371SB datasheet 290550, 2.4).
//
// The two addresses of an 8259A hold no registers of their own: what a write means depends on its bits and on
// what was written before, so there is no table of rows here.
#pragma once

#include <cstdint>

namespace ringside::pic {

// ICW1 is a write to A0 = 0 with bit 4 set.
inline constexpr uint8_t kIcw1 = 0x10;
inline constexpr uint8_t kIcw1NeedsIcw4 = 0x01;    // IC4
inline constexpr uint8_t kIcw1Single = 0x02;       // SNGL: no ICW3 follows
inline constexpr uint8_t kIcw1Interval4 = 0x04;    // ADI, MCS-80/85 mode only
inline constexpr uint8_t kIcw1Level = 0x08;        // LTIM
inline constexpr uint8_t kIcw4Processor86 = 0x01;  // uPM
inline constexpr uint8_t kIcw4AutoEoi = 0x02;      // AEOI
inline constexpr uint8_t kIcw4FullyNested = 0x10;  // SFNM: special fully nested mode
// OCW3 is a write to A0 = 0 with bits 4-3 = 01; bits 4-3 = 00 make it OCW2.
inline constexpr uint8_t kOcw3 = 0x08;
inline constexpr uint8_t kOcw3ReadIsr = 0x01;         // RIS
inline constexpr uint8_t kOcw3ReadCommand = 0x02;     // RR
inline constexpr uint8_t kOcw3Poll = 0x04;            // P
inline constexpr uint8_t kOcw3SpecialMask = 0x20;     // SMM
inline constexpr uint8_t kOcw3SetSpecialMask = 0x40;  // ESMM
// OCW2, bits 7-5: R, SL, EOI.
enum class Ocw2 : uint8_t {
  rotate_automatic_clear = 0,
  non_specific_eoi = 1,
  no_operation = 2,
  specific_eoi = 3,
  rotate_automatic_set = 4,
  rotate_non_specific_eoi = 5,
  set_priority = 6,
  rotate_specific_eoi = 7,
};

// The inputs whose bit in ELCR1 and ELCR2 can be set. IRQ 0, 1, 2, 8 and 13 are always sensed by edge.
inline constexpr uint8_t kLevelCapableMaster = 0xf8;
inline constexpr uint8_t kLevelCapableSlave = 0xde;

}  // namespace ringside::pic
