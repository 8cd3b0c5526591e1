// The single ports of a PC's system board: 0x61 (NMI status and control), 0x80 (progress codes of firmware),
// 0x92 (fast A20 and INIT), and the debug consoles of virtual machines at 0x402 (SeaBIOS) and 0xe9 (Bochs).
// Documents: Intel 82371SB (PIIX3) datasheet 290550, 2.5; SeaBIOS, docs/Debugging.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "devices/platform/byte_ports.h"
#include "devices/platform/pit.h"
#include "sim/registers.h"
#include "sim/state.h"

namespace ringside {

class SystemPorts final : public Stateful {
 public:
  // Counter 2 of the PIT is what port 0x61 gates and shows.
  SystemPorts(const DeviceSite& site, Bus& ports, Pit& pit);
  SystemPorts(const SystemPorts&) = delete;
  SystemPorts& operator=(const SystemPorts&) = delete;

  void reset();
  // Port 0x92: bit 1 is one of the two that hold address line 20 open; the rise of bit 0 is INIT#.
  bool address_line_20() const;
  std::function<void()> on_address_line_20;
  std::function<void()> on_init;
  // Each line on a debug console, without its end.
  std::function<void(const std::string& text)> on_debug_text;

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend struct SystemPortRegisters;
  uint64_t read_nmi_status();
  void write_nmi_status(uint64_t value);
  void write_post_code(uint64_t value);
  void write_port_92(uint64_t value);
  template <uint16_t port>
  void write_debug_console(uint64_t value) {
    debug_byte(port, static_cast<uint8_t>(value));
  }
  void debug_byte(uint16_t port, uint8_t byte);
  void end_debug_line(uint16_t port);
  uint8_t read(unsigned port);
  void write(unsigned port, uint8_t value);

  const DeviceSite site_;
  Pit& pit_;
  Wire &post_wire_, &debug_wire_;
  RegisterFile<SystemPorts> registers_;
  uint8_t port_92_before_ = 0;
  std::string debug_line_;
  BytePorts port_61_, port_80_, port_92_, port_e9_, port_402_;
};

}  // namespace ringside
