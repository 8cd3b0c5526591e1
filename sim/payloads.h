// Registers the payload types of sim/ (ids 1-99). Idempotent.
#pragma once

namespace ringside {

void register_sim_payload_types();

}  // namespace ringside
