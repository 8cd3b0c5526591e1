#include "devices/platform/platform.h"

#include <algorithm>

#include "devices/pci/host_bridge.h"
#include "devices/pci/pci_bus.h"
#include "devices/pci/piix3.h"
#include "devices/pci/power_management.h"
#include "devices/platform/apic/io_apic.h"
#include "devices/platform/apic/local_apic.h"
#include "devices/platform/hpet.h"
#include "devices/platform/interrupt_lines.h"
#include "devices/platform/keyboard_controller.h"
#include "devices/platform/pic.h"
#include "devices/platform/pit.h"
#include "devices/platform/rtc.h"
#include "devices/platform/system_ports.h"

namespace ringside {

namespace {

// The board's wiring of ISA interrupts to the I/O APIC: each to the input of its number, but the timer to
// input 2, since line 2 is the cascade of the 8259As (MP specification 1.4, appendix; the MADT's override).
constexpr unsigned kTimerLine = 0, kTimerInput = 2, kCascadeLine = 2;

constexpr uint64_t kAbove4G = 1ull << 32;
// Where a PC's RAM below 4 GiB ends at the latest: PCI devices are behind.
constexpr uint64_t kBelow4GMax = 0xe000'0000;

RtcConfig rtc_config(const PlatformConfig& config) {
  return {.wall_clock_seconds = config.wall_clock_seconds,
          .memory_below_4g = std::min(config.memory_bytes, kBelow4GMax),
          .memory_above_4g = config.memory_bytes > kAbove4G ? config.memory_bytes - kAbove4G : 0,
          .boot_order = config.boot_order};
}

}  // namespace

struct Platform::Impl {
  Impl(const DeviceSite& site, const PlatformConfig& platform_config, Bus& port_bus, Bus& memory_bus,
       PlatformOutputs platform_outputs);

  void wire_interrupts();
  void wire_processor();
  void line_changed(unsigned line, bool level);
  void init_processor();
  void update_address_line_20();
  void update_timer_lines();

  const PlatformConfig config;
  const PlatformOutputs outputs;
  InterruptLines lines;
  Pic pic;
  Pit pit;
  Rtc rtc;
  SystemPorts system;
  KeyboardController keyboard;
  LocalApic local_apic;
  IoApic io_apic;
  PciBus pci;
  HostBridge host_bridge;
  Piix3 bridge;
  PowerManagement power;
  std::optional<Hpet> hpet;
  bool address_line_20 = true;
  // Lines 0 and 8: the PIT's and the clock's interrupts, or those of the HPET in their place.
  InterruptPin timer_line, clock_line;
};

Platform::Impl::Impl(const DeviceSite& site, const PlatformConfig& platform_config, Bus& ports, Bus& memory,
                     PlatformOutputs platform_outputs)
    : config(platform_config),
      outputs(std::move(platform_outputs)),
      lines(site.named("irq")),
      pic(site.named("pic"), ports),
      pit(site.named("pit"), ports),
      rtc(site.named("rtc"), rtc_config(config), ports),
      system(site.named("system"), ports, pit),
      keyboard(site.named("i8042"), ports),
      local_apic(site.named("apic"), {.id = 0, .bus_hz = config.apic_bus_hz}, memory,
                 {.interrupt = outputs.interrupt,
                  .nmi = outputs.nmi,
                  .init = outputs.init,
                  .external_acknowledge = [this]() -> std::optional<uint8_t> { return pic.acknowledge(); },
                  .end_of_interrupt = [this](uint8_t vector) { io_apic.end_of_interrupt(vector); }}),
      io_apic(site.named("ioapic"), memory, local_apic),
      pci(site.named("pci"), ports),
      host_bridge(site.named("i440fx"), ports, memory),
      bridge(site.named("piix3"), ports, memory,
             [this](bool hard) {
               if (!hard) return init_processor();
               if (outputs.reset) outputs.reset();
             }),
      power(site.named("pm"), {}, ports, memory, outputs.power_off) {
  if (config.hpet) hpet.emplace(site.named("hpet"), memory);
  pci.add(0, 0, host_bridge.function());
  pci.add(kSouthBridge, 0, bridge.function());
  pci.add(kSouthBridge, 3, power.function());
  pci.set_reset_control(bridge.reset_control());
  wire_interrupts();
  wire_processor();
  local_apic.set_virtual_wire();
}

void Platform::Impl::wire_interrupts() {
  lines.on_change([this](unsigned line, bool level) { line_changed(line, level); });
  pit.output0.connect([this](bool) { update_timer_lines(); });
  rtc.interrupt.connect([this](bool) { update_timer_lines(); });
  if (hpet.has_value()) {
    hpet->on_legacy = [this] { update_timer_lines(); };
    hpet->timer_line.connect([this](bool) { update_timer_lines(); });
    hpet->clock_line.connect([this](bool) { update_timer_lines(); });
    for (unsigned i = 0; i < Hpet::kLines; ++i) lines.connect(hpet->lines[i], Hpet::kFirstLine + i);
  }
  lines.connect(timer_line, kTimerLine);
  lines.connect(clock_line, Rtc::kLine);
  lines.connect(keyboard.keyboard_interrupt, KeyboardController::kKeyboardLine);
  lines.connect(keyboard.auxiliary_interrupt, KeyboardController::kAuxiliaryLine);
  lines.connect(power.sci, PowerManagement::kSystemControlLine);
  pci.on_request([this](unsigned request, bool level) { bridge.set_request(request, level); });
  for (unsigned irq = 0; irq < Piix3::kLines; ++irq) lines.connect(bridge.line(irq), irq);
}

void Platform::Impl::wire_processor() {
  pic.output.connect([this](bool level) { local_apic.set_pin(0, level); });
  rtc.on_alarm = [this] { power.signal_clock_alarm(); };
  system.on_init = keyboard.on_init = [this] { init_processor(); };
  system.on_address_line_20 = keyboard.on_address_line_20 = [this] { update_address_line_20(); };
}

void Platform::Impl::line_changed(unsigned line, bool level) {
  pic.set_line(line, level);
  if (line != kCascadeLine) io_apic.set_pin(line == kTimerLine ? kTimerInput : line, level);
}

// The INIT# pin resets the processor's local APIC too (SDM volume 3, 10.4.7.3).
void Platform::Impl::init_processor() {
  local_apic.init();
  local_apic.set_virtual_wire();
  if (outputs.init) outputs.init();
}

void Platform::Impl::update_timer_lines() {
  const bool legacy = hpet.has_value() && hpet->legacy();
  timer_line.set(legacy ? hpet->timer_line.level() : pit.output0.level());
  clock_line.set(legacy ? hpet->clock_line.level() : rtc.interrupt.level());
}

// Either of the two holds it open.
void Platform::Impl::update_address_line_20() {
  const bool open = system.address_line_20() || keyboard.address_line_20();
  if (open == address_line_20) return;
  address_line_20 = open;
  if (outputs.address_line_20) outputs.address_line_20(open);
}

Platform::Platform(const DeviceSite& site, const PlatformConfig& config, Bus& ports, Bus& memory,
                   PlatformOutputs outputs)
    : impl_(std::make_unique<Impl>(site, config, ports, memory, std::move(outputs))) {}

Platform::~Platform() = default;

void Platform::connect(InterruptPin& pin, unsigned line) { impl_->lines.connect(pin, line); }

void Platform::on_line_change(std::function<void(unsigned line, bool level)> listener) {
  impl_->lines.on_change(std::move(listener));
}

bool Platform::line_level(unsigned line) const { return impl_->lines.level(line); }

void Platform::glitch(unsigned line) { impl_->lines.glitch(line); }

void Platform::on_debug_text(std::function<void(const std::string& text)> listener) {
  impl_->system.on_debug_text = std::move(listener);
}

void Platform::add_pci(unsigned device, unsigned function, PciFunction& pci) {
  impl_->pci.add(device, function, pci);
}

std::optional<uint8_t> Platform::acknowledge_interrupt() { return impl_->local_apic.acknowledge(); }

void Platform::message_interrupt(uint32_t address, uint32_t data) {
  impl_->local_apic.message_interrupt(address, data);
}

std::optional<uint64_t> Platform::read_msr(uint32_t index) {
  if (index == LocalApic::kBaseMsr) return impl_->local_apic.base_msr();
  return std::nullopt;
}

bool Platform::write_msr(uint32_t index, uint64_t value) {
  return index == LocalApic::kBaseMsr && impl_->local_apic.set_base_msr(value);
}

void Platform::set_task_priority(uint8_t cr8) { impl_->local_apic.set_task_priority(cr8); }
uint8_t Platform::task_priority() const { return impl_->local_apic.task_priority(); }

void Platform::reset() {
  Impl& parts = *impl_;
  parts.pci.reset();
  parts.host_bridge.reset();
  parts.bridge.reset();
  parts.power.reset();
  parts.pit.reset();
  parts.rtc.reset();
  if (parts.hpet.has_value()) parts.hpet->reset();
  parts.keyboard.reset();
  parts.system.reset();
  parts.pic.reset();
  parts.io_apic.reset();
  parts.local_apic.reset();
  parts.local_apic.set_virtual_wire();
}

std::vector<std::pair<std::string, const Stateful*>> Platform::parts() const {
  const Impl& parts = *impl_;
  std::vector<std::pair<std::string, const Stateful*>> listed = {
      {"irq", &parts.lines},       {"pic", &parts.pic},
      {"pit", &parts.pit},         {"rtc", &parts.rtc},
      {"system", &parts.system},   {"i8042", &parts.keyboard},
      {"apic", &parts.local_apic}, {"ioapic", &parts.io_apic},
      {"pci", &parts.pci},         {"i440fx", &parts.host_bridge},
      {"piix3", &parts.bridge},    {"pm", &parts.power},
  };
  if (parts.hpet.has_value()) listed.emplace_back("hpet", &*parts.hpet);
  return listed;
}

}  // namespace ringside
