// The chip's configuration function and its ports. The timer and the interrupt are at the end.
#include "devices/pci/power_management.h"

#include <fmt/format.h>

#include <utility>

namespace ringside {

namespace {

constexpr PciIdentity kIdentity{.vendor = 0x8086,
                                .device = 0x7113,
                                .class_code = 0x068000,
                                .revision = 0x03,
                                .subsystem_vendor = 0x1af4,
                                .subsystem = 0x1100,
                                .interrupt_pin = 1};

// Configuration registers that do something.
constexpr uint8_t kPmba = 0x40, kPmRegMisc = 0x80, kSmbba = 0x90, kSmbHstCfg = 0xd2, kInterruptLine = 0x3c;
constexpr uint32_t kBaseBits = 0xffc0, kSmbusBaseBits = 0xfff0, kEnableBit = 1;
constexpr unsigned kBlockPorts = 64, kGeneralPurposePorts = 4;

// The power management block (7.2): PMSTS, PMEN, PMCNTRL, PMTMR, GPSTS, GPEN.
constexpr unsigned kStatus = 0x00, kEnable = 0x02, kControl = 0x04, kTimer = 0x08, kGeneralPurpose = 0x0c;
constexpr unsigned kStored = 0x10, kGlobalStatus = 0x18, kDeviceStatusEnd = 0x20, kInputs = 0x30,
                   kOutputs = 0x34;
constexpr uint16_t kTimerOverflow = 1 << 0, kPowerButton = 1 << 8, kClockAlarm = 1 << 10;
constexpr uint16_t kStatusClears = 0x8d21, kEnableBits = 0x0521;
constexpr uint16_t kSciEnable = 1 << 0, kSuspendEnable = 1 << 13, kControlBits = 0x1c03;
constexpr unsigned kSuspendType = 10;  // bits 12:10; 0 is soft off
constexpr uint32_t kOutputsReset = 0x7fffbfff;

// 7.1: the APM ports.
constexpr uint64_t kAdvancedPorts = 0xb2;

// 7.2.4: PMTMR counts 3.579545 MHz in 24 bits; TMROF_STS is set whenever bit 23 changes.
constexpr uint64_t kTimerHz = 3'579'545, kTimerMask = 0xffffff, kCarryTicks = 1 << 23;
constexpr uint64_t kPicosecondsPerSecond = 1'000'000'000'000;
using Wide = unsigned __int128;

constexpr uint8_t byte_of(uint64_t value, unsigned index) {
  return static_cast<uint8_t>(value >> (8 * index));
}

// A write of one byte into a 16-bit register, of whose bits only `writable` change.
void merge(uint16_t& value, unsigned index, uint8_t byte, uint16_t writable) {
  const auto lane = static_cast<uint16_t>(writable & (0xff << (8 * index)));
  value = static_cast<uint16_t>((value & ~lane) | ((byte << (8 * index)) & lane));
}

void clear(uint16_t& value, unsigned index, uint8_t byte, uint16_t clears) {
  value = static_cast<uint16_t>(value & ~((byte << (8 * index)) & clears));
}

}  // namespace

uint64_t PowerManagement::Ports::read(uint64_t offset, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) {
    value |= static_cast<uint64_t>((owner_.*read_)(static_cast<unsigned>(offset) + i)) << (8 * i);
  }
  return value;
}

void PowerManagement::Ports::write(uint64_t offset, unsigned size, uint64_t value) {
  for (unsigned i = 0; i < size; ++i) (owner_.*write_)(static_cast<unsigned>(offset) + i, byte_of(value, i));
}

PowerManagement::PowerManagement(const DeviceSite& site, const PowerManagementConfig& config, Bus& ports,
                                 Bus& memory, std::function<void(const std::string& how)> power_off)
    : site_(site),
      config_(config),
      ports_(ports),
      function_(site, kIdentity, ports, memory),
      power_off_(std::move(power_off)),
      smbus_(ports),
      block_ports_(*this, &PowerManagement::block_read, &PowerManagement::block_write),
      general_purpose_ports_(*this, &PowerManagement::general_purpose_read,
                             &PowerManagement::general_purpose_write),
      advanced_ports_(*this, &PowerManagement::advanced_read, &PowerManagement::advanced_write) {
  const auto changed = [this](uint32_t) { remap(); };
  const bool given = config_.base != 0;
  // Only the port enable can be written; it is the SMBus ports' (3.1.3).
  function_.add_register("PCICMD", 0x04, 2, 0, 0x0001, changed);
  function_.add_register("PCISTS", 0x06, 2, 0x0280, 0);
  function_.add_register("INTLN", kInterruptLine, 1, given ? kSystemControlLine : 0, 0xff);
  function_.add_register("PMBA", kPmba, 4, (config_.base & kBaseBits) | kEnableBit, kBaseBits, changed);
  function_.add_register("PMREGMISC", kPmRegMisc, 1, given ? kEnableBit : 0, kEnableBit, changed);
  function_.add_register("SMBBA", kSmbba, 4, kEnableBit, kSmbusBaseBits, changed);
  function_.add_register("SMBHSTCFG", kSmbHstCfg, 1, 0, 0x0f, changed);
  // The device activity monitors and traps (3.1.13 to 3.1.29) keep what they are given. DEVACTB's APMC_EN
  // reads 1 from the start: to SeaBIOS that means that system management mode is set up already, and it
  // does not wait for an SMI that this machine never takes.
  constexpr uint32_t kAdvancedEnabled = 1u << 25;
  for (uint8_t offset = 0x44; offset < 0x80; offset = static_cast<uint8_t>(offset + 4)) {
    function_.add_register(fmt::format("DEV{:02X}", offset), offset, 4, offset == 0x58 ? kAdvancedEnabled : 0,
                           ~0u);
  }
  if (config_.general_purpose_base != 0) {
    general_purpose_ = ports_.map(site_.name + "-gpe", config_.general_purpose_base, kGeneralPurposePorts,
                                  general_purpose_ports_);
  }
  advanced_ = ports_.map(site_.name + "-apm", kAdvancedPorts, 2, advanced_ports_);
  reset();
}

PowerManagement::~PowerManagement() {
  site_.events.cancel(carry_);
  ports_.unmap(block_);
  ports_.unmap(general_purpose_);
  ports_.unmap(advanced_);
}

void PowerManagement::reset() {
  function_.reset();
  smbus_.reset();
  status_ = enable_ = control_ = general_purpose_status_ = general_purpose_enable_ = 0;
  stored_.fill(0);
  for (unsigned i = 0; i < 4; ++i) stored_[kOutputs + i] = byte_of(kOutputsReset, i);
  advanced_control_ = advanced_status_ = 0;
  started_ = site_.clock.now;
  carry_at_ = kCarryTicks;
  remap();
  update();
}

void PowerManagement::remap() {
  const bool block_on = (function_.config_read(kPmRegMisc, 1) & kEnableBit) != 0;
  const auto wanted = static_cast<uint16_t>(block_on ? function_.config_read(kPmba, 4) & kBaseBits : 0);
  if (wanted != block_at_) {
    ports_.unmap(block_);
    block_ = wanted != 0 ? ports_.map(site_.name, wanted, kBlockPorts, block_ports_) : 0;
    block_at_ = wanted;
  }
  const bool smbus_on = function_.ports_enabled() && (function_.config_read(kSmbHstCfg, 1) & kEnableBit) != 0;
  smbus_.map(static_cast<uint16_t>(smbus_on ? function_.config_read(kSmbba, 4) & kSmbusBaseBits : 0));
}

uint8_t PowerManagement::block_read(unsigned offset) {
  note_timer_carry();
  if (offset < kEnable) return byte_of(status_, offset - kStatus);
  if (offset < kControl) return byte_of(enable_, offset - kEnable);
  if (offset < kControl + 2) return byte_of(control_, offset - kControl);
  if (offset >= kTimer && offset < kTimer + 4) return byte_of(timer_ticks() & kTimerMask, offset - kTimer);
  if (offset >= kGeneralPurpose && offset < kStored) return general_purpose_read(offset - kGeneralPurpose);
  return offset < stored_.size() ? stored_[offset] : 0;
}

void PowerManagement::block_write(unsigned offset, uint8_t value) {
  if (offset < kEnable) {
    note_timer_carry();
    clear(status_, offset - kStatus, value, kStatusClears);
    if ((status_ & kTimerOverflow) == 0) carry_at_ = (timer_ticks() / kCarryTicks + 1) * kCarryTicks;
  } else if (offset < kControl) {
    merge(enable_, offset - kEnable, value, kEnableBits);
  } else if (offset < kControl + 2) {
    merge(control_, offset - kControl, value, kControlBits);
    if (offset == kControl + 1 && (value & kSuspendEnable >> 8) != 0) sleep();
  } else if (offset >= kGeneralPurpose && offset < kStored) {
    return general_purpose_write(offset - kGeneralPurpose, value);
  } else if (offset >= kStored && offset < stored_.size()) {
    // GLBSTS and DEVSTS record events that never happen here, GPIREG the pins; the rest are settings.
    const bool fixed =
        (offset >= kGlobalStatus && offset < kDeviceStatusEnd) || (offset >= kInputs && offset < kOutputs);
    if (!fixed) stored_[offset] = value;
  }
  update();
}

// SUS_EN is written with the state in SUS_TYP.
void PowerManagement::sleep() {
  const unsigned type = control_ >> kSuspendType & 7;
  if (type != 0) {
    site_.notice(
        NoticeKind::unimplemented,
        fmt::format("PMCNTRL asks for sleeping state {}: the machine stops, and cannot be woken", type));
  }
  if (power_off_) power_off_(type == 0 ? "poweroff" : "suspend");
}

uint8_t PowerManagement::general_purpose_read(unsigned offset) {
  return offset < 2 ? byte_of(general_purpose_status_, offset) : byte_of(general_purpose_enable_, offset - 2);
}

void PowerManagement::general_purpose_write(unsigned offset, uint8_t value) {
  if (offset < 2) {
    clear(general_purpose_status_, offset, value, 0xffff);
  } else {
    merge(general_purpose_enable_, offset - 2, value, 0xffff);
  }
  update();
}

uint8_t PowerManagement::advanced_read(unsigned offset) {
  return offset == 0 ? advanced_control_ : advanced_status_;
}

// A write to APMC raises an SMI, in which firmware does what the value says. There is none: the two requests
// that the FADT names are carried out here.
void PowerManagement::advanced_write(unsigned offset, uint8_t value) {
  if (offset != 0) {
    advanced_status_ = value;
    return;
  }
  advanced_control_ = value;
  if (value == config_.acpi_enable) {
    control_ |= kSciEnable;
  } else if (value == config_.acpi_disable) {
    control_ &= static_cast<uint16_t>(~kSciEnable);
  } else {
    site_.notice(NoticeKind::unimplemented,
                 fmt::format("APMC = {:#04x} would raise an SMI: there is no system management mode", value));
  }
  update();
}

void PowerManagement::press_power_button() {
  status_ |= kPowerButton;
  update();
}

void PowerManagement::signal_clock_alarm() {
  status_ |= kClockAlarm;
  update();
}

void PowerManagement::raise_general_purpose(unsigned event) {
  if (event < 16) general_purpose_status_ |= static_cast<uint16_t>(1u << event);
  update();
}

uint64_t PowerManagement::timer_ticks() const {
  return static_cast<uint64_t>(Wide{(site_.clock.now - started_).ps} * kTimerHz / kPicosecondsPerSecond);
}

// The status bit is worked out when somebody looks; an event stands for it only where an interrupt follows.
void PowerManagement::note_timer_carry() {
  if (timer_ticks() >= carry_at_) status_ |= kTimerOverflow;
}

void PowerManagement::schedule_timer() {
  site_.events.cancel(carry_);
  carry_ = {};
  if ((enable_ & kTimerOverflow) == 0 || (control_ & kSciEnable) == 0 || (status_ & kTimerOverflow) != 0)
    return;
  const Wide wait = (Wide{carry_at_} * kPicosecondsPerSecond + kTimerHz - 1) / kTimerHz;
  carry_ = site_.events.schedule(saturating_add(started_, Tick{static_cast<uint64_t>(wait)}), "acpi timer",
                                 [this] {
                                   carry_ = {};
                                   update();
                                 });
}

void PowerManagement::update() {
  note_timer_carry();
  const bool fixed = (status_ & enable_ & kEnableBits) != 0;
  const bool general_purpose = (general_purpose_status_ & general_purpose_enable_) != 0;
  sci.set((control_ & kSciEnable) != 0 && (fixed || general_purpose));
  schedule_timer();
}

void PowerManagement::visit_state(StateVisitor& visitor) const {
  function_.visit_state(visitor);
  smbus_.visit_state(visitor);
  visitor.number("PMSTS", status_);
  visitor.number("PMEN", enable_);
  visitor.number("PMCNTRL", control_);
  visitor.number("GPSTS", general_purpose_status_);
  visitor.number("GPEN", general_purpose_enable_);
  visitor.bytes("stored", stored_);
  visitor.number("APMC", advanced_control_);
  visitor.number("APMS", advanced_status_);
  visitor.number("timer_started", started_.ps);
  visitor.number("timer_carry_at", carry_at_);
}

}  // namespace ringside
