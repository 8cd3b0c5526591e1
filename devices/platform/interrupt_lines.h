// The PC's 24 interrupt lines. Several devices may drive one: it is high while any of them is. Each change
// crosses the wire "irq/<line>" and then reaches the interrupt controllers and whoever listens.
//
// What a tap's verdict does there: a change that is dropped never arrives (the line stays as it was until the
// next one). A change that is delayed arrives later, and so do those behind it, in order. Each copy above the
// first is a glitch some microseconds later: the line shortly takes the other level, which an edge-triggered
// input takes for one more interrupt. A spurious interrupt is a pulse of that length by nobody; of a line
// that is high already, a glitch.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "sim/device_site.h"
#include "sim/interrupt.h"
#include "sim/state.h"

namespace ringside {

class InterruptLines final : public Stateful {
 public:
  static constexpr unsigned kLines = 24;
  using Listener = std::function<void(unsigned line, bool level)>;

  // When a repeated change's glitches begin, and how long each is: longer than a handler needs to begin.
  static constexpr Tick kGlitchSpacing = microseconds(20);
  static constexpr Tick kGlitchWidth = microseconds(20);

  explicit InterruptLines(const DeviceSite& site);
  ~InterruptLines() override;
  InterruptLines(const InterruptLines&) = delete;
  InterruptLines& operator=(const InterruptLines&) = delete;

  // The pin must live as long as the lines; its level counts from now on.
  void connect(InterruptPin& pin, unsigned line);
  // Listeners hear changes only, in the order in which they were added.
  void on_change(Listener listener) { listeners_.push_back(std::move(listener)); }
  // Behind the taps.
  bool level(unsigned line) const { return line < kLines && lines_[line].shown; }

  // A glitch without a change, kGlitchSpacing from now: a spurious interrupt, for faults.
  void glitch(unsigned line) {
    if (line < kLines) repeat(line, 1);
  }

  // High for a while, as a device would do it: crosses the wire twice.
  void pulse(unsigned line);

  void visit_state(StateVisitor& visitor) const override;

 private:
  static constexpr size_t kDelayedMax = 64;
  static constexpr uint32_t kGlitchesMax = 16;

  struct Change {
    bool level = false;
    Tick at;
  };
  struct Line {
    Wire* wire = nullptr;
    unsigned sources_high = 0;
    bool delivered = false;      // what has arrived of the sources' level
    bool shown = false;          // with glitches: what the listeners know
    std::deque<Change> delayed;  // in the order of arrival
    EventQueue::Handle arrival;  // of the first of them
    uint32_t glitches_left = 0;
    bool glitch = false;  // the level is turned over now
    EventQueue::Handle glitch_event;
    EventQueue::Handle pulse_end;
  };

  void source_changed(unsigned line, bool level);
  void arrive(unsigned line, bool level);
  void delay(unsigned line, bool level, Tick at);
  void schedule_arrival(unsigned line);
  void repeat(unsigned line, uint32_t times);
  void turn_glitch(unsigned line);
  void show(unsigned line);

  const DeviceSite site_;
  std::array<Line, kLines> lines_;
  std::vector<Listener> listeners_;
};

}  // namespace ringside
