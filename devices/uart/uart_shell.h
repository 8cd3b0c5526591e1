// The UART as an sc_module: eight registers behind `socket`, INTR (behind OUT2) at `interrupt`. Characters
// come and go by the core: act([](Uart& uart) { uart.receive(...); }), core.set_output(...).
#pragma once

#include "devices/uart/uart.h"
#include "sim/systemc/device_shell.h"

namespace ringside {

using UartShell = DeviceShell<Uart>;

}  // namespace ringside
