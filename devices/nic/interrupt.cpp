// Interrupt causes, their mask, and when the line follows them (SDM 13.4.17-13.4.21, 3.2.7, 3.4.3).
//
// A cause sets its bit in ICR whatever the mask says. The line is high while an unmasked cause stands, but it
// rises no sooner than ITR's interval after it last rose. Reading ICR clears it as a whole and so lowers the
// line. The delay timers hold back the causes themselves.
#include <fmt/format.h>

#include <algorithm>

#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr Tick kThrottleUnit = nanoseconds(256);
constexpr Tick kDelayUnit = nanoseconds(1024);

}  // namespace

uint64_t E1000::read_icr() {
  const uint32_t causes = get(kIcr);
  set(kIcr, 0);
  update_interrupt();
  return causes;
}

void E1000::write_icr(uint64_t) { update_interrupt(); }
void E1000::write_ics(uint64_t value) { raise(static_cast<uint32_t>(value) & kAllCauses); }

void E1000::write_ims(uint64_t value) {
  set(kIms, get(kIms) | (static_cast<uint32_t>(value) & kAllCauses));
  update_interrupt();
}

void E1000::write_imc(uint64_t value) {
  set(kIms, get(kIms) & ~static_cast<uint32_t>(value));
  update_interrupt();
}

void E1000::write_itr(uint64_t) {
  site_.events.cancel(throttle_);
  update_interrupt();
}

void E1000::raise(uint32_t causes) {
  set(kIcr, get(kIcr) | causes);
  update_interrupt();
}

void E1000::update_interrupt() {
  const bool wanted = (get(kIcr) & get(kIms)) != 0;
  if (!wanted || pci_level_) {
    if (!wanted) site_.events.cancel(throttle_);
    if (!wanted && pci_level_) {
      pci_level_ = false;
      pci_.set_interrupt(false);
    }
    return;
  }
  if (throttle_) return;
  const Tick allowed_at = saturating_add(interrupted_at_, kThrottleUnit * get(kItr));
  if (interrupted_once_ && get(kItr) != 0 && site_.clock.now < allowed_at) {
    throttle_ = site_.events.schedule(allowed_at, "e1000/throttle", [this] {
      throttle_ = {};
      update_interrupt();
    });
    return;
  }
  interrupted_at_ = site_.clock.now;
  interrupted_once_ = pci_level_ = true;
  pci_.set_interrupt(true);
}

// Starts or restarts a delay of so many units of 1.024 us.
void E1000::arm(EventQueue::Handle& timer, uint32_t delay, const char* name, void (E1000::*expired)()) {
  site_.events.cancel(timer);
  timer = site_.events.schedule(saturating_add(site_.clock.now, kDelayUnit * delay), name,
                                [this, &timer, expired] {
                                  timer = {};
                                  (this->*expired)();
                                });
}

void E1000::cancel(DelayTimers& timers) {
  site_.events.cancel(timers.packet);
  site_.events.cancel(timers.absolute);
}

}  // namespace ringside
