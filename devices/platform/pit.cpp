#include "devices/platform/pit.h"

#include <fmt/format.h>

#include "devices/platform/pit_registers.h"

namespace ringside {

using namespace pit;

namespace {

constexpr unsigned kControlPort = 3;
constexpr uint8_t kFloatingBus = 0xff;

constexpr unsigned __int128 kClockNumerator = 3'579'545;
constexpr unsigned __int128 kClockDenominator = 3 * static_cast<unsigned __int128>(1'000'000'000'000);

// How many changes of OUT that are overdue are shown one by one. More can only be when the run loop left
// events lying for long, and then a line that was masked would not have kept them either.
constexpr unsigned kOverdueShownMax = 8;

}  // namespace

uint64_t Pit::pulses_at(Tick tick) {
  return static_cast<uint64_t>(tick.ps * kClockNumerator / kClockDenominator);
}

Tick Pit::tick_of(uint64_t pulse) {
  const unsigned __int128 ps = (pulse * kClockDenominator + kClockNumerator - 1) / kClockNumerator;
  return ps >= Tick::never().ps ? Tick::never() : Tick{static_cast<uint64_t>(ps)};
}

Pit::Pit(const DeviceSite& site, Bus& ports)
    : site_(site),
      ports_([this](unsigned port) { return read(port); },
             [this](unsigned port, uint8_t value) { write(port, value); }) {
  ports.map(site.name, 0x40, 4, ports_, 1);
  reset();
}

Pit::~Pit() { site_.events.cancel(event_); }

void Pit::reset() {
  for (PitCounter& counter : counters_) counter.advance(pulses_at(site_.clock.now));
  counters_[0].reset(true);
  counters_[1].reset(true);
  counters_[2].reset(false);
  output0.set(false);
  schedule();
}

void Pit::set_gate2(bool level) { counters_[2].set_gate(level, pulses_at(site_.clock.now)); }

bool Pit::output2() {
  counters_[2].advance(pulses_at(site_.clock.now));
  return counters_[2].output();
}

uint8_t Pit::read(unsigned port) {
  if (port == kControlPort) return kFloatingBus;  // "No-operation (3-state)"
  const uint64_t pulse = pulses_at(site_.clock.now);
  if (port == 0) follow_output0(pulse);
  const uint8_t value = counters_[port].read(pulse);
  if (port == 0) schedule();
  return value;
}

void Pit::write(unsigned port, uint8_t value) {
  const uint64_t pulse = pulses_at(site_.clock.now);
  follow_output0(pulse);
  if (port != kControlPort) {
    counters_[port].write(value, pulse);
  } else if (select_of(value) == kSelectReadBack) {
    read_back(value, pulse);
  } else if (access_of(value) == kAccessLatch) {
    counters_[select_of(value)].latch_count(pulse);
  } else {
    counters_[select_of(value)].write_control(value, pulse);
  }
  output0.set(counters_[0].output());
  schedule();
}

void Pit::read_back(uint8_t command, uint64_t pulse) {
  for (unsigned i = 0; i < counters_.size(); ++i) {
    if (!read_back_selects(command, i)) continue;
    if ((command & kReadBackNoCount) == 0) counters_[i].latch_count(pulse);
    if ((command & kReadBackNoStatus) == 0) counters_[i].latch_status(pulse);
  }
}

void Pit::follow_output0(uint64_t pulse) {
  PitCounter& counter = counters_[0];
  const bool was_stuck = counter.stuck();
  for (unsigned shown = 0; shown < kOverdueShownMax && counter.next_step() <= pulse; ++shown) {
    counter.advance(counter.next_step());
    output0.set(counter.output());
  }
  counter.advance(pulse);
  output0.set(counter.output());
  if (counter.stuck() && !was_stuck) {
    site_.notice(NoticeKind::unusual,
                 "A count of 1 is illegal in modes 2 and 3: counter 0 gives no interrupts");
  }
}

void Pit::schedule() {
  site_.events.cancel(event_);
  const uint64_t next = counters_[0].next_step();
  if (next == PitCounter::kNever) return;
  event_ = site_.events.schedule(tick_of(next), "pit/output0", [this, next] {
    event_ = {};
    follow_output0(next);
    schedule();
  });
}

void Pit::visit_state(StateVisitor& visitor) const {
  for (unsigned i = 0; i < counters_.size(); ++i) {
    counters_[i].visit_state(visitor, "counter" + std::to_string(i) + "_");
  }
  visitor.number("event_at", event_.at.ps);
}

}  // namespace ringside
