#include "devices/platform/interrupt_lines.h"

#include <algorithm>
#include <string>
#include <utility>

#include "sim/hash.h"

namespace ringside {

InterruptLines::InterruptLines(const DeviceSite& site) : site_(site) {
  for (unsigned line = 0; line < kLines; ++line) {
    lines_[line].wire = &site.wire("irq/" + std::to_string(line), WireKind::signal, kInterruptPayload);
    lines_[line].wire->set_stimulus([this, line](std::span<const uint8_t>) { pulse(line); });
  }
}

InterruptLines::~InterruptLines() {
  for (Line& line : lines_) {
    site_.events.cancel(line.arrival);
    site_.events.cancel(line.glitch_event);
    site_.events.cancel(line.pulse_end);
    line.wire->set_stimulus(nullptr);
  }
}

void InterruptLines::pulse(unsigned number) {
  if (number >= kLines) return;
  Line& line = lines_[number];
  if (line.sources_high != 0) return glitch(number);
  source_changed(number, true);
  line.pulse_end =
      site_.events.schedule(saturating_add(site_.clock.now, kGlitchWidth), "irq/pulse", [this, number] {
        lines_[number].pulse_end = {};
        source_changed(number, false);
      });
}

void InterruptLines::connect(InterruptPin& pin, unsigned line) {
  if (line >= kLines) return;
  pin.connect([this, line](bool level) { source_changed(line, level); });
  if (pin.level()) source_changed(line, true);
}

void InterruptLines::source_changed(unsigned number, bool level) {
  Line& line = lines_[number];
  const bool before = line.sources_high != 0;
  line.sources_high += level ? 1 : -1;
  const bool now = line.sources_high != 0;
  if (now == before) return;
  const InterruptRecord record{now, static_cast<uint8_t>(number), {}};
  const Verdict verdict = line.wire->show(Direction::in, record);
  if (verdict.copies == 0 || verdict.fail != 0) return;
  if (verdict.delay.ps != 0 || !line.delayed.empty()) {
    delay(number, now, saturating_add(site_.clock.now, verdict.delay));
  } else {
    arrive(number, now);
  }
  if (verdict.copies > 1) repeat(number, verdict.copies - 1);
}

void InterruptLines::arrive(unsigned line, bool level) {
  lines_[line].delivered = level;
  show(line);
}

void InterruptLines::delay(unsigned number, bool level, Tick at) {
  Line& line = lines_[number];
  // More than that only happens when a fault delays a line that changes all the time: the last change that
  // waits then takes the newest level, so that the line ends as its sources do.
  if (line.delayed.size() >= kDelayedMax) {
    line.delayed.back().level = level;
    return;
  }
  if (!line.delayed.empty()) at = std::max(at, line.delayed.back().at);
  line.delayed.push_back({level, at});
  if (line.delayed.size() == 1) schedule_arrival(number);
}

void InterruptLines::schedule_arrival(unsigned number) {
  Line& line = lines_[number];
  line.arrival = site_.events.schedule(line.delayed.front().at, "irq/delayed", [this, number] {
    Line& late = lines_[number];
    late.arrival = {};
    const Change change = late.delayed.front();
    late.delayed.pop_front();
    if (!late.delayed.empty()) schedule_arrival(number);
    arrive(number, change.level);
  });
}

void InterruptLines::repeat(unsigned number, uint32_t times) {
  Line& line = lines_[number];
  line.glitches_left = std::min(kGlitchesMax, line.glitches_left + std::min(times, kGlitchesMax));
  if (line.glitch_event) return;
  line.glitch_event = site_.events.schedule(saturating_add(site_.clock.now, kGlitchSpacing), "irq/glitch",
                                            [this, number] { turn_glitch(number); });
}

void InterruptLines::turn_glitch(unsigned number) {
  Line& line = lines_[number];
  line.glitch_event = {};
  line.glitch = !line.glitch;
  if (!line.glitch) --line.glitches_left;
  if (line.glitch || line.glitches_left != 0) {
    const Tick wait = line.glitch ? kGlitchWidth : kGlitchSpacing;
    line.glitch_event = site_.events.schedule(saturating_add(site_.clock.now, wait), "irq/glitch",
                                              [this, number] { turn_glitch(number); });
  }
  show(number);
}

void InterruptLines::show(unsigned number) {
  Line& line = lines_[number];
  const bool level = line.delivered != line.glitch;
  if (level == line.shown) return;
  line.shown = level;
  for (const Listener& listener : listeners_) listener(number, level);
}

void InterruptLines::visit_state(StateVisitor& visitor) const {
  const auto mask = [this](auto bit) {
    uint64_t bits = 0;
    for (unsigned line = 0; line < kLines; ++line) bits |= static_cast<uint64_t>(bit(lines_[line])) << line;
    return bits;
  };
  uint64_t pending = 0;
  for (const Line& line : lines_) {
    pending = hash_mix(pending, line.sources_high);
    pending = hash_mix(pending, line.glitches_left);
    pending = hash_mix(pending, line.glitch_event.at.ps);
    if (line.pulse_end) pending = hash_mix(pending, line.pulse_end.at.ps);
    for (const Change& change : line.delayed)
      pending = hash_mix(hash_mix(pending, change.level), change.at.ps);
  }
  visitor.number("delivered", mask([](const Line& line) { return line.delivered; }));
  visitor.number("shown", mask([](const Line& line) { return line.shown; }));
  visitor.number("glitches", mask([](const Line& line) { return line.glitch; }));
  visitor.number("pending", pending);
}

}  // namespace ringside
