// The timers of a vCPU and the domain's watchdogs (xen/common/sched/core.c, xen/common/domain.c).
#include "tests/unit/hv-model/hypercall_fixture.h"

using namespace ringside;

namespace {

struct Guest : HypercallFixture {
  Guest() { clear_events(); }
  ~Guest() { require_sound(); }
  uint32_t bind_timer() {
    evtchn_bind_virq op{.virq = VIRQ_TIMER, .vcpu = 0};
    REQUIRE(event_op(EVTCHNOP_bind_virq, op) == 0);
    set_masked(op.port, false);
    return op.port;
  }
  bool waits() const { return domain->vcpu.blocked || domain->vcpu.polling; }
};

}  // namespace

TEST_CASE_METHOD(Guest, "a watchdog fires unless it is fed") {
  const auto watchdog = [&](uint32_t id, uint32_t timeout) {
    sched_watchdog op{id, timeout};
    return operate(__HYPERVISOR_sched_op, SCHEDOP_watchdog, op);
  };
  CHECK(watchdog(0, 0) == -XEN_EINVAL);
  CHECK(watchdog(1, 5) == -XEN_EINVAL);
  CHECK(watchdog(3, 5) == -XEN_EINVAL);
  CHECK(watchdog(0, 2) == 1);
  CHECK(watchdog(0, 100) == 2);
  CHECK(watchdog(0, 3) == -XEN_ENOSPC);
  advance(seconds(1));
  CHECK(watchdog(1, 2) == 0);
  advance(milliseconds(1900));
  CHECK_FALSE(domain->end.has_value());
  CHECK(watchdog(2, 0) == 0);
  advance(milliseconds(100));
  REQUIRE(domain->end.has_value());
  CHECK(domain->end->text == "watchdog");
}

TEST_CASE_METHOD(Guest, "a watchdog of many years does not bite at once") {
  sched_watchdog op{0, 18'000'000};
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_watchdog, op) == 1);
  op = {0, UINT32_MAX};
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_watchdog, op) == 2);
  advance(seconds(100'000));
  CHECK_FALSE(domain->end.has_value());
}

TEST_CASE_METHOD(Guest, "a negative time has passed") {
  const uint32_t port = bind_timer();
  vcpu_set_singleshot_timer single{.timeout_abs_ns = uint64_t{1} << 63, .flags = 0};
  CHECK(vcpu_op(VCPUOP_set_singleshot_timer, single) == 0);
  advance({});
  CHECK(pending(port));
  vcpu_set_periodic_timer periodic{uint64_t{1} << 62};
  CHECK(vcpu_op(VCPUOP_set_periodic_timer, periodic) == -XEN_EINVAL);
  --periodic.period_ns;
  CHECK(vcpu_op(VCPUOP_set_periodic_timer, periodic) == 0);
}

TEST_CASE_METHOD(Guest, "a new domain ticks at 100 Hz until it stops that") {
  const uint32_t port = bind_timer();
  advance(milliseconds(9));
  CHECK_FALSE(pending(port));
  advance(milliseconds(1));
  CHECK(pending(port));
  clear_events();
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0) == 0);
  advance(milliseconds(50));
  CHECK_FALSE(pending(port));
}

TEST_CASE_METHOD(Guest, "the periodic timer rests while the vCPU waits") {
  const uint32_t port = bind_timer();
  vcpu_set_periodic_timer periodic{2'000'000};
  REQUIRE(vcpu_op(VCPUOP_set_periodic_timer, periodic) == 0);
  call(__HYPERVISOR_sched_op, SCHEDOP_block);
  advance(milliseconds(50));
  CHECK(waits());
  CHECK_FALSE(pending(port));
  wake(*hypervisor, *domain);
  advance({});
  CHECK(pending(port));  // one for all that it missed
  clear_events();
  advance(microseconds(1999));
  CHECK_FALSE(pending(port));
  advance(microseconds(1));
  CHECK(pending(port));
}

TEST_CASE_METHOD(Guest, "a new period counts from the last tick") {
  const uint32_t port = bind_timer();
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0) == 0);
  advance(milliseconds(3));
  vcpu_set_periodic_timer periodic{2'000'000};
  REQUIRE(vcpu_op(VCPUOP_set_periodic_timer, periodic) == 0);
  advance({});
  CHECK(pending(port));
}

TEST_CASE_METHOD(Guest, "timers raise VIRQ_TIMER") {
  const uint32_t port = bind_timer();
  const uint64_t now = hypervisor->system_time();
  CHECK(call(__HYPERVISOR_set_timer_op, now + 1000) == 0);
  CHECK(call(__HYPERVISOR_set_timer_op, 0) == 0);
  advance(microseconds(2));
  CHECK_FALSE(pending(port));
  CHECK(call(__HYPERVISOR_set_timer_op, 1) == 0);  // long ago
  advance({});
  CHECK(pending(port));
  clear_events();
  CHECK(call(__HYPERVISOR_set_timer_op, ~uint64_t{0}) == 0);  // wrapped: asked again in 100 ms
  advance(milliseconds(101));
  CHECK(pending(port));
  clear_events();
  vcpu_set_periodic_timer periodic{999'999};
  CHECK(vcpu_op(VCPUOP_set_periodic_timer, periodic) == -XEN_EINVAL);
  periodic.period_ns = 1'000'000;
  CHECK(vcpu_op(VCPUOP_set_periodic_timer, periodic) == 0);
  for (int i = 0; i < 3; ++i) {
    advance(milliseconds(1));
    CHECK(pending(port));
    clear_events();
  }
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0) == 0);
  advance(milliseconds(5));
  CHECK_FALSE(pending(port));
  vcpu_set_singleshot_timer single{.timeout_abs_ns = 5, .flags = VCPU_SSHOTTMR_future};
  CHECK(vcpu_op(VCPUOP_set_singleshot_timer, single) == -XEN_ETIME);
  single.flags = 0;
  CHECK(vcpu_op(VCPUOP_set_singleshot_timer, single) == 0);
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, 0) == 0);
  advance(seconds(1));
  CHECK_FALSE(pending(port));
}
