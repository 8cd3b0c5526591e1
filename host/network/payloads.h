// The payload of every wire that carries Ethernet: "eth/<nic>/tx", "eth/<nic>/rx", a netback's
// "eth/<vif>/...". In a session file the frames stand as they are, with Wireshark's own link type.
#pragma once

#include "sim/field_table.h"

namespace ringside {

inline constexpr NamedFault kEthernetFaults[] = {
    {"bad_crc", "a byte changes on the cable: the frame does not fit its check sequence", "corrupt(20,flip)"},
    {"runt", "the frame is cut to less than 60 bytes", "truncate(40)"},
};

// An Ethernet II frame without preamble and frame check sequence.
inline constexpr PayloadType kEthernetPayload{.id = 220,
                                              .name = "ethernet",
                                              .title = "An Ethernet frame",
                                              .size = 0,
                                              .fields = {},
                                              .tail = TailKind::bytes,
                                              .tail_name = "frame",
                                              .group = "ethernet",
                                              .link_type = link_type::ethernet,
                                              .faults = kEthernetFaults};

// Idempotent.
inline void register_network_payload_types() { PayloadRegistry::instance().add(kEthernetPayload); }

}  // namespace ringside
