// Proves for event channels, grants and hypercalls what fault_verdicts.cpp proves for block rings.
#include "hv-model/payloads.h"
#include "tests/unit/hv-model/hypercall_fixture.h"
#include "tests/unit/hv-model/ring_guest.h"

namespace ringside {

namespace {

struct Faulted : HypercallFixture {
  Faulted() {
    clear_events();
    const int64_t guest_port = hypervisor->channels.alloc_unbound(domain->id, DomainId{0});
    port = static_cast<uint32_t>(guest_port);
    const int64_t bound = hypervisor->channels.bind_interdomain(DomainId{0}, domain->id, {port});
    REQUIRE(bound > 0);
    backend = {static_cast<uint32_t>(bound)};
    hypervisor->channels.set_handler(backend, [this] { ++calls; });
    advance(milliseconds(1));
    calls = 0;
    set_masked(port, false);
    wiring.add_tap(tap, "dom1/*");
  }
  ~Faulted() { wiring.remove_tap(tap); }

  void strike(EventOperation operation, const std::function<void(Verdict&)>& how) {
    tap.act = [operation, how](const Wire& wire, Crossing& crossing, Verdict& verdict) {
      if (wire.name() == "dom1/evtchn" && (*crossing.payload)[4] == static_cast<uint8_t>(operation))
        how(verdict);
    };
  }
  int64_t notify_backend() {
    evtchn_send op{port};
    return event_op(EVTCHNOP_send, op);
  }
  // How often the port becomes pending within a millisecond, for a guest that takes each event after 5 us.
  int upcalls() {
    int seen = 0;
    for (int step = 0; step < 200; ++step) {
      advance(microseconds(5));
      seen += pending(port);
      clear_events();
    }
    return seen;
  }

  ScriptedTap tap;
  uint32_t port = 0;
  EventPort backend;
  int calls = 0;
};

}  // namespace

TEST_CASE_METHOD(Faulted, "event verdicts: sent twice is served twice") {
  strike(EventOperation::send, [](Verdict& verdict) { verdict.copies = 2; });
  CHECK(notify_backend() == 0);
  advance(milliseconds(1));
  CHECK(calls == 2);
}

TEST_CASE_METHOD(Faulted, "event verdicts: lost, late, and late for a port that has gone") {
  SECTION("lost") {
    strike(EventOperation::send, [](Verdict& verdict) { verdict.copies = 0; });
    CHECK(notify_backend() == 0);
    advance(milliseconds(20));
    CHECK(calls == 0);
  }
  SECTION("late") {
    strike(EventOperation::send, [](Verdict& verdict) { verdict.delay = milliseconds(5); });
    CHECK(notify_backend() == 0);
    advance(milliseconds(4));
    CHECK(calls == 0);
    advance(milliseconds(2));
    CHECK(calls == 1);
  }
  SECTION("the backend's port is closed meanwhile") {
    strike(EventOperation::send, [](Verdict& verdict) { verdict.delay = milliseconds(5); });
    CHECK(notify_backend() == 0);
    CHECK(hypervisor->channels.close(DomainId{0}, backend) == 0);
    advance(milliseconds(20));
    CHECK(calls == 0);
  }
}

TEST_CASE_METHOD(Faulted, "event verdicts: delivered twice, late, never") {
  int expected = 1;
  SECTION("as it is") {}
  SECTION("twice") {
    expected = 2;
    strike(EventOperation::deliver, [](Verdict& verdict) { verdict.copies = 2; });
  }
  SECTION("late") {
    strike(EventOperation::deliver, [](Verdict& verdict) { verdict.delay = microseconds(300); });
  }
  SECTION("never") {
    expected = 0;
    strike(EventOperation::deliver, [](Verdict& verdict) { verdict.copies = 0; });
  }
  CHECK(hypervisor->channels.send(DomainId{0}, backend) == 0);
  CHECK(upcalls() == expected);
}

TEST_CASE_METHOD(Faulted, "event stimulus: one that nobody sent") {
  const auto& stimulus = wiring.find("dom1/evtchn")->stimulus();
  EventRecord record;
  const auto raise = [&] { stimulus({reinterpret_cast<const uint8_t*>(&record), sizeof record}); };
  SECTION("to the guest, at the port named") {
    record.port = port;
    raise();
    CHECK(pending(port));
  }
  SECTION("to the guest, at all ports") {
    raise();
    CHECK(pending(port));
    CHECK(calls == 0);
  }
  SECTION("from the guest") {
    record.port = port;
    record.operation = static_cast<uint8_t>(EventOperation::send);
    raise();
    advance(milliseconds(1));
    CHECK(calls == 1);
  }
  SECTION("at ports that are not there") {
    record.port = GENERATE(63u, 64u, 4095u, 4096u, UINT32_MAX);
    raise();
    CHECK_FALSE(pending(port));
  }
  SECTION("cut") {
    stimulus({});
    CHECK(pending(port));
  }
}

TEST_CASE_METHOD(Faulted, "grant verdicts: a mapping fails by a status, and nothing stays mapped") {
  const Mfn frame = hypervisor->frames.allocate(domain->id).value();
  grant(20, 0, frame);
  int64_t fail = 0, expected = 0;
  uint8_t changed = 0;
  SECTION("by fail") { fail = expected = GNTST_no_space; }
  SECTION("by a code that is no status") {
    fail = int64_t{-1} << 40;
    expected = GNTST_general_error;
  }
  SECTION("by a status that is changed") {
    changed = 0xf4;
    expected = -12;
  }
  tap.act = [&](const Wire& wire, Crossing& crossing, Verdict& verdict) {
    if (wire.name() != "dom1/grant") return;
    verdict.fail = fail;
    if (changed != 0) {
      (*crossing.payload)[2] = changed;
      (*crossing.payload)[3] = 0xff;
    }
  };
  const auto mapped = hypervisor->grants.map(DomainId{0}, domain->id, GrantRef{20}, false);
  REQUIRE_FALSE(mapped.has_value());
  CHECK(mapped.error() == expected);
  CHECK(entry_of(20).flags == GTF_permit_access);
}

TEST_CASE_METHOD(Faulted, "hypercall verdicts: the result and the arguments are changed") {
  SECTION("the result") {
    tap.act = [](const Wire& wire, Crossing& crossing, Verdict&) {
      if (wire.name() != "dom1/hypercall" || crossing.direction != Direction::in) return;
      const int64_t result = 4711;
      std::memcpy(crossing.payload->data() + offsetof(HypercallRecord, result), &result, sizeof result);
    };
    CHECK(call(__HYPERVISOR_xen_version, XENVER_version) == 4711);
  }
  SECTION("an argument") {
    tap.act = [](const Wire& wire, Crossing& crossing, Verdict&) {
      if (wire.name() != "dom1/hypercall" || crossing.direction != Direction::out) return;
      const uint64_t command = XENVER_pagesize;
      std::memcpy(crossing.payload->data() + offsetof(HypercallRecord, arguments), &command, sizeof command);
    };
    CHECK(call(__HYPERVISOR_xen_version, XENVER_version) == 4096);
  }
  SECTION("a payload that is cut changes nothing") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict&) { crossing.payload->resize(3); };
    CHECK(call(__HYPERVISOR_xen_version, XENVER_pagesize) == 4096);
  }
}

}  // namespace ringside
