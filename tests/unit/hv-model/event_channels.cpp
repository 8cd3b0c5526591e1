// Event channels as public/event_channel.h and xen/common/event_channel.c have them: binding, sending, masks,
// and what closing does to the other end. Domain 0 stands for the backends.
#include "tests/unit/hv-model/hypercall_fixture.h"

using namespace ringside;

namespace {

struct Guest : HypercallFixture {
  Guest() { clear_events(); }
  uint32_t unbound(uint16_t remote = 0) {
    evtchn_alloc_unbound op{.dom = DOMID_SELF, .remote_dom = remote};
    REQUIRE(event_op(EVTCHNOP_alloc_unbound, op) == 0);
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
  evtchn_status status(uint32_t port) {
    evtchn_status op{.dom = DOMID_SELF, .port = port};
    REQUIRE(event_op(EVTCHNOP_status, op) == 0);
    return op;
  }
};

}  // namespace

TEST_CASE_METHOD(Guest, "an unbound port is for the domain that it names") {
  const uint32_t port = unbound(0);
  CHECK(status(port).status == EVTCHNSTAT_unbound);
  CHECK(status(port).u.unbound.dom == 0);
  CHECK(send(port) == 0);  // nobody is there: dropped silently
  evtchn_bind_interdomain self{.remote_dom = DOMID_SELF, .remote_port = port};
  CHECK(event_op(EVTCHNOP_bind_interdomain, self) == -XEN_EINVAL);
  CHECK(hypervisor->channels.bind_interdomain({0}, domain->id, {port}) > 0);
  CHECK(status(port).status == EVTCHNSTAT_interdomain);
  CHECK(hypervisor->channels.bind_interdomain({0}, domain->id, {port}) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Guest, "who is named matters") {
  evtchn_alloc_unbound other{.dom = 0, .remote_dom = 0};
  CHECK(event_op(EVTCHNOP_alloc_unbound, other) == -XEN_EPERM);
  other = {.dom = 77, .remote_dom = 0};
  CHECK(event_op(EVTCHNOP_alloc_unbound, other) == -XEN_ESRCH);
  evtchn_bind_interdomain nobody{.remote_dom = 77, .remote_port = 1};
  CHECK(event_op(EVTCHNOP_bind_interdomain, nobody) == -XEN_ESRCH);
  nobody = {.remote_dom = 0, .remote_port = 4000};
  CHECK(event_op(EVTCHNOP_bind_interdomain, nobody) == -XEN_EINVAL);
  evtchn_status far{.dom = 0, .port = 1};
  CHECK(event_op(EVTCHNOP_status, far) == -XEN_EPERM);
  evtchn_reset reset{.dom = 0};
  CHECK(event_op(EVTCHNOP_reset, reset) == -XEN_EPERM);
}

TEST_CASE_METHOD(Guest, "a domain connects two ports of its own") {
  const uint32_t far = unbound(DOMID_SELF);
  evtchn_bind_interdomain op{.remote_dom = DOMID_SELF, .remote_port = far};
  REQUIRE(event_op(EVTCHNOP_bind_interdomain, op) == 0);
  const uint32_t near = op.local_port;
  CHECK(pending(near));  // the end that binds gets an event, for those that were lost
  set_masked(far, false);
  CHECK(send(near) == 0);
  CHECK(pending(far));
  CHECK(info_now().evtchn_upcall_pending == 1);
  CHECK(info_now().evtchn_pending_sel == uint64_t{1} << far / 64);
  CHECK(close(near) == 0);
  CHECK_FALSE(pending(near));
  CHECK(status(far).status == EVTCHNSTAT_unbound);
  CHECK(status(near).status == EVTCHNSTAT_closed);
  CHECK(close(near) == -XEN_EINVAL);
  CHECK(send(near) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Guest, "a masked port stays silent until it is unmasked") {
  evtchn_bind_ipi ipi{};
  REQUIRE(event_op(EVTCHNOP_bind_ipi, ipi) == 0);
  set_masked(ipi.port, true);
  CHECK(send(ipi.port) == 0);
  CHECK(pending(ipi.port));
  CHECK(info_now().evtchn_upcall_pending == 0);
  evtchn_unmask unmask{ipi.port};
  CHECK(event_op(EVTCHNOP_unmask, unmask) == 0);
  CHECK(info_now().evtchn_upcall_pending == 1);
  clear_events();
  CHECK(event_op(EVTCHNOP_unmask, unmask) == 0);
  CHECK(info_now().evtchn_upcall_pending == 0);
  unmask = {.port = EventChannels::kPortsMax};
  CHECK(event_op(EVTCHNOP_unmask, unmask) == -XEN_EINVAL);
  // A port that is pending already raises nothing again.
  send(ipi.port);
  vcpu_info info = info_now();
  info.evtchn_upcall_pending = 0;
  memory->store(vcpu_info_address(*domain), info);
  send(ipi.port);
  CHECK(info_now().evtchn_upcall_pending == 0);
}

TEST_CASE_METHOD(Guest, "virtual interrupts are bound once") {
  evtchn_bind_virq op{.virq = VIRQ_TIMER, .vcpu = 0};
  REQUIRE(event_op(EVTCHNOP_bind_virq, op) == 0);
  const uint32_t port = op.port;
  CHECK(event_op(EVTCHNOP_bind_virq, op) == -XEN_EEXIST);
  op = {.virq = 24, .vcpu = 0};
  CHECK(event_op(EVTCHNOP_bind_virq, op) == -XEN_EINVAL);
  op = {.virq = VIRQ_DEBUG, .vcpu = 1};
  CHECK(event_op(EVTCHNOP_bind_virq, op) == -XEN_ENOENT);
  for (const uint32_t global : {VIRQ_DOM_EXC, VIRQ_ARCH_0}) {
    op = {.virq = global, .vcpu = 1};
    CHECK(event_op(EVTCHNOP_bind_virq, op) == -XEN_EINVAL);
  }
  CHECK(status(port).status == EVTCHNSTAT_virq);
  CHECK(send(port) == -XEN_EINVAL);
  hypervisor->channels.raise_virq(*domain, VIRQ_TIMER);
  CHECK(pending(port));
  CHECK(close(port) == 0);
  op = {.virq = VIRQ_TIMER, .vcpu = 0};
  CHECK(event_op(EVTCHNOP_bind_virq, op) == 0);
}

TEST_CASE_METHOD(Guest, "physical interrupts and unknown operations are refused") {
  evtchn_bind_pirq pirq{.pirq = 1};
  CHECK(event_op(EVTCHNOP_bind_pirq, pirq) == -XEN_EPERM);
  pirq = {.pirq = 100000};
  CHECK(event_op(EVTCHNOP_bind_pirq, pirq) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_event_channel_op, 99, kArgument) == -XEN_ENOSYS);
}

TEST_CASE_METHOD(Guest, "binding to a vCPU follows the kind of channel") {
  const uint32_t port = unbound();
  evtchn_bind_vcpu op{.port = port, .vcpu = 0};
  CHECK(event_op(EVTCHNOP_bind_vcpu, op) == 0);
  op.vcpu = 1;
  CHECK(event_op(EVTCHNOP_bind_vcpu, op) == -XEN_ENOENT);
  evtchn_bind_ipi ipi{};
  REQUIRE(event_op(EVTCHNOP_bind_ipi, ipi) == 0);
  op = {.port = ipi.port, .vcpu = 0};
  CHECK(event_op(EVTCHNOP_bind_vcpu, op) == -XEN_EINVAL);
  ipi.vcpu = 3;
  CHECK(event_op(EVTCHNOP_bind_ipi, ipi) == -XEN_ENOENT);
}

TEST_CASE_METHOD(Guest, "ports run out, and reset gives them back") {
  uint32_t made = 0;
  int64_t result = 0;
  while ((result = hypervisor->channels.alloc_unbound(domain->id, {0})) > 0) ++made;
  CHECK(result == -XEN_ENOSPC);
  CHECK(hypervisor->channels.ports_in_use(domain->id) == EventChannels::kPortsMax - 1);
  evtchn_reset reset{.dom = DOMID_SELF};
  CHECK(event_op(EVTCHNOP_reset, reset) == 0);
  CHECK(hypervisor->channels.ports_in_use(domain->id) == 0);
  CHECK(made > 4000);
}

TEST_CASE_METHOD(Guest, "events reach a backend later, and as one") {
  const uint32_t port = unbound(0);
  const auto far = hypervisor->channels.bind_interdomain({0}, domain->id, {port});
  REQUIRE(far > 0);
  int calls = 0;
  hypervisor->channels.set_handler({static_cast<uint32_t>(far)}, [&calls] { ++calls; });
  advance(microseconds(10));
  CHECK(calls == 1);  // the event that binding raised
  CHECK(send(port) == 0);
  CHECK(send(port) == 0);
  CHECK(calls == 1);
  advance(hypervisor->config.event_latency);
  CHECK(calls == 2);
  CHECK(send(port) == 0);
  CHECK(close(port) == 0);
  // Back to the guest.
  const uint32_t second = unbound(0);
  const auto other = hypervisor->channels.bind_interdomain({0}, domain->id, {second});
  CHECK(hypervisor->channels.send({0}, {static_cast<uint32_t>(other)}) == 0);
  CHECK_FALSE(pending(second));
  advance(hypervisor->config.event_latency);
  CHECK(pending(second));
}

namespace {
struct Dropper : Tap {
  int seen = 0;
  void on_crossing(const Wire&, Crossing& crossing, Verdict& verdict) override {
    if (crossing.bytes()[4] != static_cast<uint8_t>(EventOperation::deliver)) return;
    ++seen;
    verdict.copies = 0;
  }
};
}  // namespace

TEST_CASE_METHOD(Guest, "a fault on the wire loses an event") {
  Dropper dropper;
  wiring.add_tap(dropper, "dom1/evtchn");
  evtchn_bind_virq op{.virq = VIRQ_TIMER, .vcpu = 0};
  REQUIRE(event_op(EVTCHNOP_bind_virq, op) == 0);
  hypervisor->channels.raise_virq(*domain, VIRQ_TIMER);
  CHECK(dropper.seen == 1);
  CHECK_FALSE(pending(op.port));
  wiring.remove_tap(dropper);
}

TEST_CASE_METHOD(Guest, "the form of before Xen 3.2 is understood, and bad pointers are not") {
  evtchn_op op{};
  op.cmd = EVTCHNOP_alloc_unbound;
  op.u.alloc_unbound = {.dom = DOMID_SELF, .remote_dom = 0};
  put(kArgument, op);
  CHECK(call(__HYPERVISOR_event_channel_op_compat, kArgument) == 0);
  CHECK(status(get<evtchn_op>(kArgument).u.alloc_unbound.port).status == EVTCHNSTAT_unbound);
  op.cmd = EVTCHNOP_reset;
  put(kArgument, op);
  CHECK(call(__HYPERVISOR_event_channel_op_compat, kArgument) == -XEN_ENOSYS);
  for (const uint64_t bad : {kUnmapped, kXens, uint64_t{0x8000'0000'0000}, ~uint64_t{0}}) {
    for (uint32_t command = 0; command <= EVTCHNOP_reset; ++command) {
      CHECK(call(__HYPERVISOR_event_channel_op, command, bad) == -XEN_EFAULT);
    }
    CHECK(call(__HYPERVISOR_event_channel_op_compat, bad) == -XEN_EFAULT);
  }
}
