// Event channels by the FIFO ABI, as public/event_channel.h and xen/common/event_fifo.c have it. The test is
// the guest: it takes events off their queues as Linux's events_fifo.c does, and then lies in every word it
// can reach. Cannot show: races of two processors, since the guest never runs while the hypervisor does.
#include "sim/random.h"
#include "tests/unit/hv-model/hypercall_fixture.h"

using namespace ringside;

namespace {

constexpr uint32_t kPending = 1u << EVTCHN_FIFO_PENDING, kMasked = 1u << EVTCHN_FIFO_MASKED,
                   kLinked = 1u << EVTCHN_FIFO_LINKED, kBusy = 1u << EVTCHN_FIFO_BUSY,
                   kLink = (1u << EVTCHN_FIFO_LINK_BITS) - 1;

struct FifoGuest : HypercallFixture {
  static constexpr unsigned kControlPage = 20, kArrayPage = 21;
  static constexpr uint32_t kOffset = 0x100;
  std::array<uint32_t, 16> heads{};  // as the guest remembers them

  FifoGuest() { clear_events(); }

  Mfn page(unsigned index) { return frame_at(scratch_address(index)); }
  int64_t init_control(uint64_t frame, uint32_t offset = kOffset, uint32_t vcpu = 0) {
    evtchn_init_control op{.control_gfn = frame, .offset = offset, .vcpu = vcpu};
    const int64_t result = event_op(EVTCHNOP_init_control, op);
    if (result == 0) CHECK(op.link_bits == 17);
    return result;
  }
  int64_t expand(uint64_t frame) {
    evtchn_expand_array op{frame};
    return event_op(EVTCHNOP_expand_array, op);
  }
  int64_t set_priority(uint32_t port, uint32_t priority) {
    evtchn_set_priority op{port, priority};
    return event_op(EVTCHNOP_set_priority, op);
  }
  void start() {
    REQUIRE(init_control(page(kControlPage).value) == 0);
    REQUIRE(expand(page(kArrayPage).value) == 0);
  }
  uint32_t ipi() {
    evtchn_bind_ipi op{};
    REQUIRE(event_op(EVTCHNOP_bind_ipi, op) == 0);
    return op.port;
  }
  int64_t send(uint32_t port) {
    evtchn_send op{port};
    return event_op(EVTCHNOP_send, op);
  }
  int64_t close(uint32_t port) {
    evtchn_close op{port};
    return event_op(EVTCHNOP_close, op);
  }
  int64_t unmask(uint32_t port) {
    evtchn_unmask op{port};
    return event_op(EVTCHNOP_unmask, op);
  }
  uint64_t word_address(uint32_t port) { return scratch_address(kArrayPage) + port * 4; }
  uint32_t word(uint32_t port) { return get<uint32_t>(word_address(port)); }
  void set_word(uint32_t port, uint32_t value) { put(word_address(port), value); }
  uint64_t control(size_t field) { return scratch_address(kControlPage) + kOffset + field; }
  uint32_t ready() { return get<uint32_t>(control(offsetof(evtchn_fifo_control_block_t, ready))); }
  uint32_t head(unsigned queue) {
    return get<uint32_t>(control(offsetof(evtchn_fifo_control_block_t, head)) + queue * 4);
  }
  bool upcall() { return info_now().evtchn_upcall_pending != 0; }

  // evtchn_fifo_handle_events, one queue after the other by priority: what it would call handlers for.
  std::vector<uint32_t> take_events() {
    std::vector<uint32_t> taken;
    clear_events();
    uint32_t left = ready();
    put<uint32_t>(control(0), 0);
    while (left != 0) {
      const auto queue = static_cast<unsigned>(std::countr_zero(left));
      uint32_t at = heads[queue];
      if (at == 0) at = head(queue);
      const uint32_t old = word(at);
      set_word(at, old & ~(kLinked | kLink));
      heads[queue] = old & kLink;
      if (heads[queue] == 0) left &= ~(1u << queue);
      if ((old & kPending) && !(old & kMasked)) {
        taken.push_back(at);
        set_word(at, word(at) & ~kPending);
      }
      left |= ready();
      put<uint32_t>(control(0), 0);
    }
    return taken;
  }
};

}  // namespace

TEST_CASE_METHOD(FifoGuest, "the FIFO ABI begins with a control block and pages of words") {
  const uint64_t frame = page(kControlPage).value;
  CHECK(expand(frame) == -XEN_EOPNOTSUPP);
  CHECK(set_priority(1, 3) == -XEN_ENOSYS);
  CHECK(init_control(frame, kPageSize - 64) == -XEN_EINVAL);
  CHECK(init_control(frame, 4) == -XEN_EINVAL);
  CHECK(init_control(frame, kOffset, 1) == -XEN_ENOENT);
  CHECK(init_control(0xffff'ffff) == -XEN_EINVAL);
  CHECK(init_control(domain->vcpu.kernel_root.value) == -XEN_EINVAL);  // a page table never becomes writable
  CHECK(init_control(frame) == 0);
  CHECK(init_control(frame) == -XEN_EINVAL);
  CHECK(expand(domain->vcpu.kernel_root.value) == -XEN_EINVAL);
  CHECK(expand(page(kArrayPage).value) == 0);
  CHECK(set_priority(5000, 3) == -XEN_EINVAL);
  const uint32_t port = ipi();
  CHECK(set_priority(port, 16) == -XEN_EINVAL);
  CHECK(set_priority(port, 15) == 0);
  require_sound();
}

TEST_CASE_METHOD(FifoGuest, "the array takes as many pages as there can be ports") {
  REQUIRE(init_control(page(kControlPage).value) == 0);
  for (unsigned i = 0; i < EventFifo::kPagesMax; ++i) REQUIRE(expand(page(kArrayPage).value) == 0);
  CHECK(expand(page(kArrayPage).value) == -XEN_ENOSPC);
  require_sound();
}

TEST_CASE_METHOD(FifoGuest,
                 "events come in the order of their sending, and those of a higher priority first") {
  start();
  const uint32_t a = ipi(), b = ipi(), c = ipi(), urgent = ipi();
  REQUIRE(set_priority(urgent, 2) == 0);
  CHECK(send(b) == 0);
  CHECK(upcall());
  CHECK(ready() == 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
  CHECK(head(EVTCHN_FIFO_PRIORITY_DEFAULT) == b);
  CHECK(word(b) == (kPending | kLinked));
  send(a);
  CHECK(word(b) == (kPending | kLinked | a));
  send(c);
  send(b);  // already there
  send(urgent);
  CHECK(ready() == (1u << EVTCHN_FIFO_PRIORITY_DEFAULT | 1u << 2));
  CHECK(take_events() == std::vector<uint32_t>{urgent, b, a, c});
  CHECK(take_events().empty());
  send(c);
  CHECK(upcall());
  CHECK(take_events() == std::vector<uint32_t>{c});
}

TEST_CASE_METHOD(FifoGuest, "an event that comes while its queue is being emptied is not lost") {
  start();
  const uint32_t a = ipi(), b = ipi();
  send(a);
  // The guest has unlinked the tail, but Xen remembers it.
  REQUIRE(ready() != 0);
  put<uint32_t>(control(0), 0);
  set_word(a, word(a) & ~(kLinked | kLink));
  clear_events();
  send(b);
  CHECK(head(EVTCHN_FIFO_PRIORITY_DEFAULT) == b);  // not behind a tail that is linked no more
  CHECK(word(a) == kPending);
  CHECK(upcall());
  send(a);  // pending still: nothing new, but linked again
  CHECK(word(b) == (kPending | kLinked | a));
}

TEST_CASE_METHOD(FifoGuest, "a masked event waits in its word") {
  start();
  const uint32_t port = ipi();
  set_word(port, kMasked);
  send(port);
  CHECK(word(port) == (kMasked | kPending));
  CHECK_FALSE(upcall());
  CHECK(unmask(port) == 0);
  CHECK(word(port) == (kPending | kLinked));
  CHECK(upcall());
  CHECK(take_events() == std::vector<uint32_t>{port});
  CHECK(unmask(port) == 0);  // nothing is pending: nothing happens
  CHECK(word(port) == 0);
  CHECK_FALSE(upcall());
}

TEST_CASE_METHOD(FifoGuest, "what was pending before the change, or before the word was there, comes then") {
  const uint32_t early = ipi(), later = ipi();
  set_masked(early, true);
  send(early);
  CHECK(pending(early));
  REQUIRE(init_control(page(kControlPage).value) == 0);
  send(later);
  CHECK(ready() == 0);
  REQUIRE(expand(page(kArrayPage).value) == 0);
  CHECK(take_events() == std::vector<uint32_t>{early, later});
}

TEST_CASE_METHOD(FifoGuest, "a closed port is used again when it is on no queue any more") {
  start();
  const uint32_t port = ipi(), other = ipi();
  set_priority(port, 3);
  send(port);
  send(other);
  REQUIRE(close(port) == 0);
  CHECK(word(port) == kLinked);  // it pends no more, and is the guest's to unlink
  CHECK(ipi() != port);
  CHECK(take_events() == std::vector<uint32_t>{other});
  const uint32_t again = ipi();
  CHECK(again == port);
  send(again);
  CHECK(ready() == 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);  // a new use begins with the usual priority
}

TEST_CASE_METHOD(FifoGuest, "a port that changes its priority while it is a tail leaves no tail behind") {
  start();
  const uint32_t port = ipi(), other = ipi();
  send(port);
  CHECK(take_events() == std::vector<uint32_t>{port});
  set_priority(port, 1);
  send(port);  // the tail of queue 7 goes
  CHECK(head(1) == port);
  CHECK(ready() == 1u << 1);
  send(other);
  CHECK(head(EVTCHN_FIFO_PRIORITY_DEFAULT) == other);  // queue 7 had run empty
  CHECK(word(port) == (kPending | kLinked));
  CHECK(take_events() == std::vector<uint32_t>{port, other});
}

TEST_CASE_METHOD(FifoGuest, "reset goes back to the 2-level ABI, and its pages are the guest's again") {
  start();
  const uint32_t port = ipi();
  send(port);
  evtchn_reset op{.dom = DOMID_SELF};
  REQUIRE(event_op(EVTCHNOP_reset, op) == 0);
  CHECK(hypervisor->channels.held_frames(domain->id).empty());
  CHECK(expand(page(kArrayPage).value) == -XEN_EOPNOTSUPP);
  clear_events();
  const uint32_t again = ipi();
  send(again);
  CHECK(pending(again));
  REQUIRE(init_control(page(kControlPage).value) == 0);
  require_sound();
}

TEST_CASE_METHOD(FifoGuest, "polling ends with an event that is masked, too") {
  start();
  const uint32_t port = ipi();
  set_word(port, kMasked);
  put<uint32_t>(kArgument + 64, port);
  sched_poll op{};
  op.ports.p = reinterpret_cast<evtchn_port_t*>(kArgument + 64);
  op.nr_ports = 1;
  put(kArgument, op);
  CHECK(call(__HYPERVISOR_sched_op, SCHEDOP_poll, kArgument) == 0);
  CHECK(domain->vcpu.polling);
  hypervisor->channels.set_pending(*domain, {port});
  CHECK_FALSE(domain->vcpu.polling);
  CHECK(call(__HYPERVISOR_sched_op, SCHEDOP_poll, kArgument) == 0);
  CHECK_FALSE(domain->vcpu.polling);  // it pends already
}

TEST_CASE_METHOD(FifoGuest, "links that loop, words that lie and a control block of ones harm nobody else") {
  start();
  const uint32_t a = ipi(), b = ipi(), c = ipi();
  send(a);
  send(b);
  // A loop, and links beyond all ports.
  set_word(a, kPending | kLinked | kBusy | b);
  set_word(b, kPending | kLinked | kBusy | a);
  send(c);
  CHECK((word(b) & kLink) == c);
  CHECK((word(b) & kBusy) == 0);
  set_word(c, kLinked | kBusy | kLink);
  const uint32_t d = ipi();
  send(d);
  CHECK((word(c) & kLink) == d);
  // Heads and ready bits are written, never read but for the bit itself.
  for (unsigned at = 0; at < sizeof(evtchn_fifo_control_block_t); at += 4) put(control(at), ~0u);
  set_word(d, 0);
  clear_events();
  send(a);
  CHECK_FALSE(upcall());                             // the guest said that the queue is ready, so it knows
  CHECK(head(EVTCHN_FIFO_PRIORITY_DEFAULT) == ~0u);  // `a` still says that it is linked
  send(d);
  CHECK(head(EVTCHN_FIFO_PRIORITY_DEFAULT) == d);
  require_sound();
}

TEST_CASE_METHOD(FifoGuest,
                 "the pages may be read-only to the guest, but stay held while it is on the FIFO ABI") {
  start();
  const Mfn array = page(kArrayPage);
  const uint32_t references = info(array).ref_count;
  REQUIRE(map(scratch_address(kArrayPage), 0) == 0);
  CHECK(info(array).ref_count == references - 1);
  CHECK(info(array).type == PageType::writable);
  CHECK(mmuext(MMUEXT_PIN_L1_TABLE, array.value) == -XEN_EINVAL);
  const uint32_t port = ipi();
  CHECK(send(port) == 0);
  require_sound();
}

TEST_CASE_METHOD(FifoGuest, "random operations and random stores leave every count right") {
  start();
  Random random(17);
  std::vector<uint32_t> ports;
  for (int i = 0; i < 20000; ++i) {
    switch (random.below(8)) {
      case 0:
        if (ports.size() < 200) {
          evtchn_bind_ipi op{};
          if (event_op(EVTCHNOP_bind_ipi, op) == 0) ports.push_back(op.port);
        }
        break;
      case 1:
        if (!ports.empty()) {
          close(ports.back());
          ports.pop_back();
        }
        break;
      case 2:
        set_word(static_cast<uint32_t>(random.below(1024)), static_cast<uint32_t>(random.next()));
        break;
      case 3: put(control(random.below(18) * 4), static_cast<uint32_t>(random.next())); break;
      case 4:
        set_priority(static_cast<uint32_t>(random.below(300)), static_cast<uint32_t>(random.below(18)));
        break;
      case 5: unmask(static_cast<uint32_t>(random.below(300))); break;
      default: send(static_cast<uint32_t>(random.below(300))); break;
    }
    if (i % 5000 == 4999) require_sound();
  }
}
