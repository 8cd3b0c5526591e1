#include "devices/uart/payloads.h"

#include <cstddef>

namespace ringside {

namespace {

constexpr FieldName kErrors[] = {{uart_error::overrun, "overrun"},
                                 {uart_error::parity, "parity"},
                                 {uart_error::framing, "framing"},
                                 {uart_error::break_condition, "break"}};
constexpr Field kUartFields[] = {
    {"byte", offsetof(UartCharacter, byte), 1, FieldFormat::hex},
    {"errors", offsetof(UartCharacter, errors), 1, FieldFormat::flags, kErrors},
};

constexpr NamedFault kUartFaults[] = {
    {"overrun", "the receiver has no room for the character", "corrupt(errors,2)"},
    {"parity", "a character with a parity error", "corrupt(errors,4)"},
    {"framing", "a character without a stop bit", "corrupt(errors,8)"},
    {"break", "the line is low for a whole character", "corrupt(errors,16)"},
};

}  // namespace

const PayloadType kUartPayload{.id = 200,
                               .name = "uart_character",
                               .title = "A character on a serial line",
                               .size = sizeof(UartCharacter),
                               .fields = kUartFields,
                               .group = "uart",
                               .faults = kUartFaults};

void register_uart_payload_types() { PayloadRegistry::instance().add(kUartPayload); }

}  // namespace ringside
