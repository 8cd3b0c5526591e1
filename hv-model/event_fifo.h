// The FIFO ABI of event channels (public/event_channel.h, "FIFO ABI"; xen/common/event_fifo.c), for one
// domain with one vCPU. The guest gives pages: an array with a word for each port, and a control block with
// the heads of 16 queues, one for each priority. Xen sets PENDING in the port's word, and unless the port is
// MASKED or already LINKED, appends it to its queue by a link in the word of the tail; the guest takes events
// from the head and clears LINKED.
//
// Everything in those pages is the guest's to change at any time. What Xen remembers of a queue is its tail
// alone, whose word always exists, and no list is ever followed: a guest that makes loops of its links meets
// them itself.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "sim/ids.h"
#include "sim/memory.h"
#include "sim/state.h"

namespace ringside {

// What Xen keeps of a port beside its word. It outlives the port: its word may still be linked.
struct FifoPort {
  uint8_t priority = 7;        // EVTCHN_FIFO_PRIORITY_DEFAULT
  uint8_t last_priority = 0;   // of the queue that it was put into last
  bool saved_pending = false;  // raised while there was no word for it
};

class EventFifo {
 public:
  static constexpr uint32_t kQueues = 16;
  static constexpr uint32_t kWordsPerPage = kPageSize / sizeof(uint32_t);
  static constexpr uint32_t kPagesMax = 128;  // 2^17 ports

  EventFifo(Memory& memory, GuestPhys control) : memory_(memory), control_(control) {}

  // Nothing where the guest has given no page for it yet.
  std::optional<GuestPhys> word(EventPort port) const;
  bool is_pending(EventPort port) const { return is_set(port, kPending); }
  // Still linked: a port that is free may not be used again.
  bool is_busy(EventPort port) const { return is_set(port, kLinked); }
  void clear_pending(EventPort port);
  void clear_masked(EventPort port);

  struct Raised {
    bool was_pending = true;  // or not to be told
    bool upcall = false;      // a queue has become ready
  };
  Raised set_pending(EventPort port, FifoPort& state);

  void add_page(Mfn page) { pages_.push_back(page); }
  uint32_t ports() const { return static_cast<uint32_t>(pages_.size()) * kWordsPerPage; }
  // The array's, and behind them that of the control block: each is held with a reference to its writable
  // type.
  std::vector<Mfn> held_frames() const;

  void visit_state(StateVisitor& visitor) const;

 private:
  static constexpr uint32_t kPending = 1u << 31, kMasked = 1u << 30, kLinked = 1u << 29, kBusy = 1u << 28,
                            kLinkMask = (1u << 17) - 1;

  bool is_set(EventPort port, uint32_t bit) const;
  bool test_and_set(GuestPhys at, uint32_t bit);
  bool link_tail(uint32_t tail, EventPort port);

  Memory& memory_;
  GuestPhys control_;
  std::vector<Mfn> pages_;
  std::array<uint32_t, kQueues> tails_{};  // 0: none
};

}  // namespace ringside
