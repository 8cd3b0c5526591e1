// Registers the payload types of devices/platform/apic/ (id 237), so that sessions, `ringside show` and the
// Wireshark dissector can decode them. Idempotent.
#pragma once

#include <cstdint>

#include "sim/field_table.h"

namespace ringside {

// The delivery modes, as the ICR, the LVT, redirection entries and messages encode them (SDM volume 3,
// 10.5.1, 10.6.1, 10.11.2; 82093AA, 3.2.4).
enum class ApicDelivery : uint8_t {
  fixed = 0,
  lowest_priority = 1,
  smi = 2,
  reserved = 3,
  nmi = 4,
  init = 5,
  start_up = 6,
  external = 7,  // ExtINT
};

enum class ApicSource : uint8_t {
  io_apic = 0,
  message = 1,
  command = 2,
  timer = 3,
  lint0 = 4,
  lint1 = 5,
  error = 6
};

// On "apic/accept": an interrupt that reaches the local APIC, before it is taken.
struct ApicAcceptRecord {
  uint8_t vector;
  uint8_t delivery;  // ApicDelivery
  uint8_t level;     // 1: level-triggered
  uint8_t source;    // ApicSource
};
static_assert(sizeof(ApicAcceptRecord) == 4);
extern const PayloadType kApicAcceptPayload;

void register_apic_payload_types();

}  // namespace ringside
