// The payload types of hv-model's wires (ids 100-199): their records, and the registration that lets
// sessions, `ringside show` and the Wireshark dissector decode them.
#pragma once

#include <array>
#include <cstdint>

#include "sim/field_table.h"

namespace ringside {

// Idempotent.
void register_hypervisor_payload_types();

// "<domain>/hypercall": one crossing out when the guest calls, one in when the result is there.
struct HypercallRecord {
  uint32_t number = 0;
  uint32_t operation = 0;  // operation_code(): number and sub-command in one
  uint32_t phase = 0;      // 0: call, 1: return
  uint32_t padding = 0;
  std::array<uint64_t, 6> arguments{};
  int64_t result = 0;  // of a return
};
static_assert(sizeof(HypercallRecord) == 72);
inline constexpr uint32_t kNoSubCommand = 0xffff;
constexpr uint32_t operation_code(uint64_t number, uint64_t command) {
  return static_cast<uint32_t>((number > 0xffff ? 0xffff : number) << 16 |
                               (command > kNoSubCommand ? kNoSubCommand : command));
}

// "<domain>/evtchn".
struct EventRecord {
  uint32_t port = 0;
  uint8_t operation = 0;       // EventOperation
  uint8_t state = 0;           // ChannelState of the port
  uint16_t remote_domain = 0;  // interdomain and unbound channels
  uint32_t remote_port = 0;    // interdomain: the port; virtual interrupts: the VIRQ
};
static_assert(sizeof(EventRecord) == 12);

// "<domain>/grant": the wire is the granter's, whoever maps or copies.
enum class GrantOperation : uint8_t {
  map = 1,
  unmap,
  copy_from,
  copy_to,
  transfer,
  setup_table,
  set_version,
  swap
};
struct GrantRecord {
  uint8_t operation = 0;
  uint8_t padding = 0;
  int16_t status = 0;  // GNTST_*
  uint32_t ref = 0;
  uint16_t by = 0;      // the domain that uses the grant
  uint16_t flags = 0;   // GTF_* of the entry as it is now
  uint32_t length = 0;  // bytes copied
  uint64_t frame = 0;
};
static_assert(sizeof(GrantRecord) == 24);

// "<domain>/xenbus/<device>", of disks and network interfaces: an end has come to a state, in the backend's
// eyes: out as soon as it has noticed the frontend's and before it does anything about it, in when it has
// written its own.
struct XenbusStateRecord {
  uint8_t type = 0;   // 0x10 for the backend's, and the state
  uint8_t end = 0;    // 0: the frontend, 1: the backend
  uint8_t state = 0;  // enum xenbus_state
  uint8_t padding = 0;
};
static_assert(sizeof(XenbusStateRecord) == 4);

extern const PayloadType kHypercallPayload;    // 100
extern const PayloadType kEventPayload;        // 101
extern const PayloadType kGrantPayload;        // 102
extern const PayloadType kXenConsolePayload;   // 103: text that a guest wrote by console_io
extern const PayloadType kToolstackPayload;    // 104: commands of xl
extern const PayloadType kXenbusStatePayload;  // 105

}  // namespace ringside
