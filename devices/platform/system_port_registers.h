// The registers behind the single ports; a row's offset is its port.
#pragma once

#include "devices/platform/system_ports.h"

namespace ringside {

struct SystemPortRegisters {
  static constexpr Register<SystemPorts> kRegisters[] = {
      {{.name = "NMISC", .offset = 0x61, .writable = 0x0f, .section = "PIIX3 2.5.4.1"},
       &SystemPorts::read_nmi_status,
       &SystemPorts::write_nmi_status},
      {{.name = "POST", .offset = 0x80, .section = "PC/AT: manufacturing checkpoint"},
       nullptr,
       &SystemPorts::write_post_code},
      // DEVIATES: PIIX3 - it leaves port 92h to the board; the bits are those of the PS/2 and of every
      // chipset.
      {{.name = "PORT92", .offset = 0x92, .writable = 0x03, .section = "PS/2: system control port A"},
       nullptr,
       &SystemPorts::write_port_92},
      {{.name = "DEBUGE9",
        .offset = 0xe9,
        .access = RegisterAccess::read_only,
        .reset = 0xe9,
        .section = "Bochs: port E9 hack"},
       nullptr,
       &SystemPorts::write_debug_console<0xe9>},
      {{.name = "DEBUG402",
        .offset = 0x402,
        .access = RegisterAccess::read_only,
        .reset = 0xe9,
        .section = "SeaBIOS: debug port"},
       nullptr,
       &SystemPorts::write_debug_console<0x402>},
  };
};

namespace system_port {

// NMISC.
inline constexpr uint8_t kTimer2Gate = 0x01;
inline constexpr uint8_t kRefreshToggle = 0x10;
inline constexpr uint8_t kTimer2Output = 0x20;
// Port 92.
inline constexpr uint8_t kFastInit = 0x01;
inline constexpr uint8_t kFastA20 = 0x02;

}  // namespace system_port
}  // namespace ringside
