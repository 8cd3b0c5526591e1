#include "hv-model/event_fifo.h"

#include "hv-model/xen_abi.h"
#include "sim/hash.h"

namespace ringside {

static_assert(EVTCHN_FIFO_PENDING == 31 && EVTCHN_FIFO_MASKED == 30 && EVTCHN_FIFO_LINKED == 29 &&
              EVTCHN_FIFO_BUSY == 28 && EVTCHN_FIFO_LINK_BITS == 17);
static_assert(EventFifo::kQueues == EVTCHN_FIFO_MAX_QUEUES);
static_assert(EVTCHN_FIFO_PRIORITY_DEFAULT == FifoPort{}.priority);

std::optional<GuestPhys> EventFifo::word(EventPort port) const {
  if (port.value >= ports()) return std::nullopt;
  return pages_[port.value / kWordsPerPage].address() + port.value % kWordsPerPage * sizeof(uint32_t);
}

bool EventFifo::is_set(EventPort port, uint32_t bit) const {
  const auto at = word(port);
  return at && (memory_.load<uint32_t>(*at) & bit) != 0;
}

bool EventFifo::test_and_set(GuestPhys at, uint32_t bit) {
  const auto old = memory_.load<uint32_t>(at);
  if ((old & bit) == 0) memory_.store(at, old | bit);
  return (old & bit) != 0;
}

// The guest unlinks it by itself, and ignores what is not pending.
void EventFifo::clear_pending(EventPort port) {
  if (const auto at = word(port)) memory_.store(*at, memory_.load<uint32_t>(*at) & ~kPending);
}

void EventFifo::clear_masked(EventPort port) {
  if (const auto at = word(port)) memory_.store(*at, memory_.load<uint32_t>(*at) & ~kMasked);
}

// Xen's evtchn_fifo_set_link: only where the tail is still linked, for otherwise the queue has run empty. The
// guest does not run meanwhile, so that BUSY is never needed to keep it from unmasking; what it has set there
// goes.
bool EventFifo::link_tail(uint32_t tail, EventPort port) {
  const auto at = word({tail});
  if (!at) return false;
  const auto old = memory_.load<uint32_t>(*at);
  if ((old & kLinked) == 0) return false;
  memory_.store(*at, (old & ~(kBusy | kLinkMask)) | port.value);
  return true;
}

EventFifo::Raised EventFifo::set_pending(EventPort port, FifoPort& state) {
  const auto at = word(port);
  if (!at) {
    state.saved_pending = true;
    return {};
  }
  Raised raised;
  raised.was_pending = test_and_set(*at, kPending);
  if ((memory_.load<uint32_t>(*at) & kMasked) != 0 || test_and_set(*at, kLinked)) return raised;
  // If it was a tail, that queue is empty now, and must not be appended to.
  uint32_t& old_tail = tails_[state.last_priority];
  if (old_tail == port.value) old_tail = 0;
  state.last_priority = state.priority;
  uint32_t& tail = tails_[state.priority];
  const bool linked = tail != 0 && link_tail(tail, port);
  if (!linked) {
    const uint64_t head = offsetof(evtchn_fifo_control_block_t, head) + state.priority * sizeof(uint32_t);
    memory_.store(control_ + head, port.value);
  }
  tail = port.value;
  raised.upcall =
      !linked && !test_and_set(control_ + offsetof(evtchn_fifo_control_block_t, ready), 1u << state.priority);
  return raised;
}

std::vector<Mfn> EventFifo::held_frames() const {
  std::vector<Mfn> held = pages_;
  held.push_back(frame_of(control_));
  return held;
}

void EventFifo::visit_state(StateVisitor& visitor) const {
  visitor.number("control", control_.value);
  uint64_t pages = pages_.size();
  for (const Mfn page : pages_) pages = hash_mix(pages, page.value);
  visitor.number("array", pages);
  uint64_t tails = 0;
  for (const uint32_t tail : tails_) tails = hash_mix(tails, tail);
  visitor.number("tails", tails);
}

}  // namespace ringside
