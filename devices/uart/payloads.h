// The payload of "<domain>/<uart>/tx" and "<domain>/<uart>/rx": one character on the line. Ids 200-209.
#pragma once

#include "sim/field_table.h"

namespace ringside {

// The errors of a character, at the bits that the LSR has for them.
namespace uart_error {
inline constexpr uint8_t overrun = 0x02;
inline constexpr uint8_t parity = 0x04;
inline constexpr uint8_t framing = 0x08;
inline constexpr uint8_t break_condition = 0x10;
inline constexpr uint8_t all = overrun | parity | framing | break_condition;
}  // namespace uart_error

struct UartCharacter {
  uint8_t byte;
  uint8_t errors;  // uart_error
};
static_assert(sizeof(UartCharacter) == 2);
extern const PayloadType kUartPayload;

// Idempotent.
void register_uart_payload_types();

}  // namespace ringside
