// Registers the payload types of devices/platform/ (ids 230-236; its apic/ has 237), so that sessions,
// `ringside show` and the Wireshark dissector can decode them. Idempotent.
#pragma once

#include <cstdint>

#include "sim/field_table.h"

namespace ringside {

// On "post": a byte written to port 0x80, by which firmware says how far it is.
struct PostCodeRecord {
  uint8_t code;
};
extern const PayloadType kPostCodePayload;

// On "debugcon": a line (or 255 bytes) of what was written to the debug console; the text is the tail.
struct DebugTextRecord {
  uint16_t port;
};
extern const PayloadType kDebugTextPayload;

// On "rtc/interrupt": flags of register C whose interrupt is enabled, about to be set.
struct RtcInterruptRecord {
  uint8_t flags;
  uint8_t reserved[3];
};
static_assert(sizeof(RtcInterruptRecord) == 4);
extern const PayloadType kRtcInterruptPayload;

void register_platform_payload_types();

}  // namespace ringside
