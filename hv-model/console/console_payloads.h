// The payload of "<domain>/console/out" and "<domain>/console/in": the bytes that went through the ring.
#pragma once

#include "sim/field_table.h"

namespace ringside {

extern const PayloadType kConsoleBytes;

// Ids 130-139. Idempotent.
void register_console_payload_types();

}  // namespace ringside
