#include "devices/platform/rtc.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "devices/platform/payloads.h"
#include "devices/platform/rtc_registers.h"

namespace ringside {

using namespace rtc;

namespace {

// A repeated interrupt comes so much later: longer than a handler needs to begin.
constexpr Tick kRepeatSpacing = microseconds(20);

constexpr uint8_t kFloatingBus = 0xff;
// The end of the year 9999, which is as far as two digits of century and year go.
constexpr uint64_t kLatestDate = 253'402'300'799;
// From the datasheet's update cycle times for a 32.768 kHz time base: the update takes 1984 us, and UIP is
// set 244 us before it begins.
constexpr Tick kUpdateInProgressTime = microseconds(1984 + 244);

}  // namespace

Rtc::Rtc(const DeviceSite& site, const RtcConfig& config, Bus& ports)
    : site_(site),
      wire_(site.wire(site.name + "/interrupt", WireKind::signal, kRtcInterruptPayload)),
      ports_([this](unsigned port) { return read(port); },
             [this](unsigned port, uint8_t value) { write(port, value); }),
      registers_(RtcRegisters::kRegisters),
      first_second_end_(saturating_add(site.clock.now, seconds(1))) {
  ports.map(site.name, 0x70, 2, ports_, 1);
  // Flags that nothing has set; without any, all whose interrupt is enabled.
  wire_.set_stimulus([this](std::span<const uint8_t> payload) {
    const uint8_t asked = payload.empty() ? uint8_t{0} : payload[0];
    raise(static_cast<uint8_t>((asked != 0 ? asked : reg(kRegisterB)) & kSources));
  });
  fill_memory(config);
  set_date(static_cast<int64_t>(std::min<uint64_t>(config.wall_clock_seconds, kLatestDate)));
}

Rtc::~Rtc() {
  wire_.set_stimulus(nullptr);
  site_.events.cancel(event_);
  site_.events.cancel(delayed_);
}

void Rtc::reset() {
  update();
  put(kRegisterB, static_cast<uint8_t>(reg(kRegisterB) & ~(kSources | kSquareWave)));
  flags_ = delayed_flags_ = 0;
  site_.events.cancel(delayed_);
  index_ = 0;
  nmi_masked_ = false;
  interrupt.set(false);
  schedule();
}

void Rtc::fill_memory(const RtcConfig& config) {
  const auto put_number = [this](unsigned at, uint64_t value, unsigned bytes) {
    const uint64_t limit = (1ull << (8 * bytes)) - 1;
    for (unsigned i = 0; i < bytes; ++i) {
      memory_[at + i] = static_cast<uint8_t>(std::min(value, limit) >> (8 * i));
    }
  };
  constexpr uint64_t kKiB = 1024, kMiB = kKiB * kKiB;
  const auto above = [&](uint64_t base) {
    return config.memory_below_4g > base ? config.memory_below_4g - base : 0;
  };
  memory_[kEquipment] = 0x02;  // a coprocessor; no floppy, no display of a firmware's choice
  put_number(kBaseMemory, std::min<uint64_t>(config.memory_below_4g / kKiB, 640), 2);
  put_number(kExtendedMemory, std::min<uint64_t>(above(kMiB) / kKiB, 63 * kKiB), 2);
  put_number(kExtendedMemoryCopy, std::min<uint64_t>(above(kMiB) / kKiB, 63 * kKiB), 2);
  put_number(kMemoryAbove16M, above(16 * kMiB) / (64 * kKiB), 2);
  put_number(kMemoryAbove4G, config.memory_above_4g / (64 * kKiB), 3);
  memory_[kBootFlag1] = static_cast<uint8_t>((config.boot_order >> 4 & 0xf0) | 1);
  memory_[kBootFlag2] = static_cast<uint8_t>(config.boot_order);
  memory_[kProcessors] = 0;
  unsigned sum = 0;
  for (unsigned at = 0x10; at <= 0x2d; ++at) sum += memory_[at];
  memory_[kChecksum] = static_cast<uint8_t>(sum >> 8);
  memory_[kChecksum + 1] = static_cast<uint8_t>(sum);
}

uint8_t Rtc::reg(unsigned index) const { return static_cast<uint8_t>(registers_.value(index)); }
void Rtc::put(unsigned index, uint8_t value) { registers_.value(index) = value; }

uint8_t Rtc::read(unsigned port) {
  if (port == 0) return kFloatingBus;  // the index cannot be read back
  if (index_ >= kRegisters) return memory_[index_];
  update();
  return static_cast<uint8_t>(registers_.read(*this, registers_.find(index_)));
}

void Rtc::write(unsigned port, uint8_t value) {
  if (port == 0) {
    index_ = value & 0x7f;
    nmi_masked_ = (value & 0x80) != 0;
    return;
  }
  if (index_ >= kRegisters) {
    memory_[index_] = value;
    return;
  }
  update();
  const bool was_running = chain_running();
  registers_.write(*this, registers_.find(index_), value);
  // "When the divider is changed from reset to an operating time base, the first update cycle is one-half
  // second later."
  if (!was_running && chain_running()) {
    first_second_end_ = saturating_add(site_.clock.now, milliseconds(500));
    seconds_done_ = seconds_at(site_.clock.now);
  }
  // Periods of the rate before do not count with the new one.
  if (index_ == kRegisterA) periods_done_ = periods_at(site_.clock.now);
  set_flags(0);
  schedule();
}

uint64_t Rtc::read_a() {
  const Tick end = second_end(seconds_done_ + 1);
  const bool in_progress = updates_enabled() && saturating_add(site_.clock.now, kUpdateInProgressTime) >= end;
  return reg(kRegisterA) | (in_progress ? kUpdateInProgress : 0);
}

void Rtc::write_a(uint64_t value) {
  const auto divider = static_cast<uint8_t>(value & kDividerMask);
  if (divider < 0x60 && divider != kDivider32768Hz) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format("Register A {:#04x} selects a time base that a PC does not have: the clock stands",
                    value));
  }
}

void Rtc::write_b(uint64_t value) {
  if ((value & kSet) != 0) put(kRegisterB, static_cast<uint8_t>(reg(kRegisterB) & ~kUpdateEnded));
  if ((value & kDaylightSaving) != 0) {
    site_.notice(NoticeKind::unimplemented,
                 fmt::format("Register B {:#04x} asks for daylight saving, which is not modelled", value));
  }
}

uint64_t Rtc::read_c() {
  const uint64_t value = flags_ | ((flags_ & reg(kRegisterB) & kSources) != 0 ? kRequest : 0);
  flags_ = 0;
  set_flags(0);
  schedule();
  return value;
}

void Rtc::update() {
  if (!chain_running()) return;
  const Tick now = site_.clock.now;
  uint8_t found = 0;
  const uint64_t periods = periods_at(now);
  if (periods > periods_done_) found |= kPeriodic;
  periods_done_ = periods;
  const uint64_t ends = seconds_at(now);
  const uint64_t passed = ends - seconds_done_;
  seconds_done_ = ends;
  if (passed != 0 && updates_enabled()) {
    const std::optional<unsigned> alarm = until_alarm(second_of_day());
    if (alarm.has_value() && *alarm <= passed) found |= kAlarm;
    found |= kUpdateEnded;
    pass_seconds(passed);
  }
  if (found != 0) raise(found);
}

void Rtc::raise(uint8_t flags) {
  const auto requested = static_cast<uint8_t>(flags & ~flags_ & reg(kRegisterB));
  if (requested == 0 || !wire_.tapped()) return set_flags(flags);
  const RtcInterruptRecord record{requested, {}};
  const Verdict verdict = wire_.show(Direction::in, record);
  const auto others = static_cast<uint8_t>(flags & ~requested);
  if (verdict.copies == 0 || verdict.fail != 0) return set_flags(others);
  // Once more comes when the driver has seen them.
  if (verdict.copies > 1) set_later(requested, saturating_add(verdict.delay, kRepeatSpacing));
  if (verdict.delay.ps == 0) return set_flags(flags);
  set_flags(others);
  set_later(requested, verdict.delay);
}

void Rtc::set_later(uint8_t flags, Tick delay) {
  delayed_flags_ |= flags;
  if (delayed_) return;
  delayed_ = site_.events.schedule(saturating_add(site_.clock.now, delay), "rtc/delayed", [this] {
    delayed_ = {};
    set_flags(std::exchange(delayed_flags_, 0));
    schedule();
  });
}

void Rtc::set_flags(uint8_t flags) {
  if ((flags & ~flags_ & reg(kRegisterB) & kAlarm) != 0 && on_alarm) on_alarm();
  flags_ |= flags;
  interrupt.set((flags_ & reg(kRegisterB) & kSources) != 0);
}

std::optional<Tick> Rtc::next_flag() const {
  const auto wanted = static_cast<uint8_t>(reg(kRegisterB) & kSources & ~flags_);
  if (wanted == 0 || !chain_running()) return std::nullopt;
  Tick next = Tick::never();
  if ((wanted & kPeriodic) != 0 && period_rate() != 0) next = std::min(next, period_end(periods_done_ + 1));
  if (updates_enabled()) {
    if ((wanted & kUpdateEnded) != 0) next = std::min(next, second_end(seconds_done_ + 1));
    if ((wanted & kAlarm) != 0) {
      const std::optional<unsigned> alarm = until_alarm(second_of_day());
      if (alarm.has_value()) next = std::min(next, second_end(seconds_done_ + *alarm));
    }
  }
  if (next == Tick::never()) return std::nullopt;
  return next;
}

void Rtc::schedule() {
  const std::optional<Tick> next = next_flag();
  if (event_ && next == event_.at) return;
  site_.events.cancel(event_);
  if (!next.has_value()) return;
  event_ = site_.events.schedule(*next, "rtc", [this] {
    event_ = {};
    update();
    schedule();
  });
}

void Rtc::visit_state(StateVisitor& visitor) const {
  for (size_t i = 0; i < registers_.rows().size(); ++i) {
    visitor.number(registers_.row(i).name, registers_.value(i));
  }
  visitor.bytes("memory", memory_);
  visitor.number("index", index_);
  visitor.number("nmi_masked", nmi_masked_);
  visitor.number("flags", flags_);
  visitor.number("first_second_end", first_second_end_.ps);
  visitor.number("seconds_done", seconds_done_);
  visitor.number("periods_done", periods_done_);
  visitor.number("delayed_flags", delayed_flags_);
  visitor.number("delayed_at", delayed_.at.ps);
  visitor.number("event_at", event_.at.ps);
}

}  // namespace ringside
