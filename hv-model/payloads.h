// Registers the payload types of hv-model's wires (ids 100-199), so that sessions, `ringside show` and the
// Wireshark dissector can decode them. Idempotent.
#pragma once

namespace ringside {

void register_hypervisor_payload_types();

}  // namespace ringside
