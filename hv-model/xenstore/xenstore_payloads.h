// The payload of "<domain>/xenstore": a message of XenStore's wire protocol (public/io/xs_wire.h).
#pragma once

#include "sim/field_table.h"

namespace ringside {

extern const PayloadType kXenStoreMessage;

// Ids 120-129. Idempotent.
void register_xenstore_payload_types();

}  // namespace ringside
