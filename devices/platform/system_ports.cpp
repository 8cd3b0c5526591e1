#include "devices/platform/system_ports.h"

#include <utility>

#include "devices/platform/payloads.h"
#include "devices/platform/system_port_registers.h"

namespace ringside {

using namespace system_port;

namespace {

// A PC refreshes a row of memory each 15 us: counter 1 of the PIT counts 18.
constexpr uint64_t kRefreshPulses = 18;
constexpr size_t kDebugLineMax = 255;

}  // namespace

SystemPorts::SystemPorts(const DeviceSite& site, Bus& ports, Pit& pit)
    : site_(site),
      pit_(pit),
      post_wire_(site.wire("post", WireKind::sampled, kPostCodePayload)),
      debug_wire_(site.wire("debugcon", WireKind::sampled, kDebugTextPayload)),
      registers_(SystemPortRegisters::kRegisters),
      port_61_([this](unsigned) { return read(0x61); },
               [this](unsigned, uint8_t value) { write(0x61, value); }),
      port_80_([this](unsigned) { return read(0x80); },
               [this](unsigned, uint8_t value) { write(0x80, value); }),
      port_92_([this](unsigned) { return read(0x92); },
               [this](unsigned, uint8_t value) { write(0x92, value); }),
      port_e9_([this](unsigned) { return read(0xe9); },
               [this](unsigned, uint8_t value) { write(0xe9, value); }),
      port_402_([this](unsigned) { return read(0x402); },
                [this](unsigned, uint8_t value) { write(0x402, value); }) {
  ports.map("nmisc", 0x61, 1, port_61_, 1);
  ports.map("post", 0x80, 1, port_80_, 1);
  ports.map("port92", 0x92, 1, port_92_, 1);
  ports.map("debugcon", 0xe9, 1, port_e9_, 1);
  ports.map("debugcon", 0x402, 1, port_402_, 1);
}

void SystemPorts::reset() {
  if (!debug_line_.empty()) end_debug_line(0x402);
  registers_.reset();
  port_92_before_ = 0;
  pit_.set_gate2(false);
  if (on_address_line_20) on_address_line_20();
}

uint8_t SystemPorts::read(unsigned port) {
  return static_cast<uint8_t>(registers_.read(*this, registers_.find(port)));
}

void SystemPorts::write(unsigned port, uint8_t value) {
  port_92_before_ = static_cast<uint8_t>(registers_.value(registers_.find(0x92)));
  registers_.write(*this, registers_.find(port), value);
}

uint64_t SystemPorts::read_nmi_status() {
  uint64_t value = registers_.value(registers_.find(0x61));
  // DEVIATES: PIIX3 NMISC bit 4 - the toggle keeps the rate of a PC whatever counter 1 is programmed to:
  // firmware of virtual machines leaves that counter alone, and software measures time by the bit.
  if (Pit::pulses_at(site_.clock.now) / kRefreshPulses % 2 != 0) value |= kRefreshToggle;
  if (pit_.output2()) value |= kTimer2Output;
  return value;
}

void SystemPorts::write_nmi_status(uint64_t value) { pit_.set_gate2((value & kTimer2Gate) != 0); }

void SystemPorts::write_post_code(uint64_t value) {
  post_wire_.show(Direction::out, PostCodeRecord{static_cast<uint8_t>(value)});
}

bool SystemPorts::address_line_20() const {
  return (registers_.value(registers_.find(0x92)) & kFastA20) != 0;
}

void SystemPorts::write_port_92(uint64_t value) {
  if (((value ^ port_92_before_) & kFastA20) != 0 && on_address_line_20) on_address_line_20();
  if ((value & ~port_92_before_ & kFastInit) != 0 && on_init) on_init();
}

void SystemPorts::debug_byte(uint16_t port, uint8_t byte) {
  if (byte == '\n') return end_debug_line(port);
  debug_line_.push_back(static_cast<char>(byte));
  if (debug_line_.size() >= kDebugLineMax) end_debug_line(port);
}

void SystemPorts::end_debug_line(uint16_t port) {
  const std::string text = std::exchange(debug_line_, {});
  debug_wire_.show(Direction::out, DebugTextRecord{port},
                   {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  if (on_debug_text) on_debug_text(text);
}

void SystemPorts::visit_state(StateVisitor& visitor) const {
  for (const char* port : {"NMISC", "POST", "PORT92"}) {
    for (size_t i = 0; i < registers_.rows().size(); ++i) {
      if (registers_.row(i).name == port) visitor.number(port, registers_.value(i));
    }
  }
  visitor.text("debug_line", debug_line_);
}

}  // namespace ringside
