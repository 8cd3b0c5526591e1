// The checker `events`, in the 2-level ABI: each case breaks one rule; the first shows what breaks none.
#include "tests/unit/checkers/xen_fixture.h"

using namespace ringside;
using Rules = std::vector<std::string>;

namespace {

constexpr size_t kPending = offsetof(shared_info, evtchn_pending), kMask = offsetof(shared_info, evtchn_mask);

struct CheckedEvents : CheckedXen {
  CheckedEvents() {
    port = channel();
    run();
    clear_pending(port);
  }
  EventPort port;
};

}  // namespace

TEST_CASE("An event that Xen tells of may be pending when the guest waits") {
  CheckedEvents guest;
  REQUIRE(guest.hypervisor.channels.send(DomainId{0}, guest.backend_port) == 0);
  guest.run();
  guest.wait();
  guest.clear_pending(guest.port);
  guest.wait();
  CHECK(guest.rules() == Rules{});
}

TEST_CASE("A guest does not wait for an event that is there") {
  CheckedEvents guest;
  SECTION("with nothing that leads to it") { guest.set_bit(kPending, guest.port, true); }
  SECTION("with a selector, and no upcall") {
    REQUIRE(guest.hypervisor.channels.send(DomainId{0}, guest.backend_port) == 0);
    guest.run();
    guest.memory->store<uint8_t>(
        guest.domain->shared_info.address() + offsetof(vcpu_info, evtchn_upcall_pending), 0);
  }
  guest.wait();
  guest.wait();
  CHECK(guest.rules() == Rules{"events/lost_wakeup"});
}

TEST_CASE("A guest without a timer does not wait with an event masked") {
  CheckedEvents guest;
  guest.set_bit(kMask, guest.port, true);
  REQUIRE(guest.hypervisor.channels.send(DomainId{0}, guest.backend_port) == 0);
  guest.run();
  guest.wait();
  CHECK(guest.rules() == Rules{"events/masked_pending"});
}

TEST_CASE("A port that is not open is nobody's to wait for") {
  CheckedEvents guest;
  guest.set_bit(kPending, EventPort{guest.port.value + 1}, true);
  guest.wait();
  CHECK(guest.rules() == Rules{});
}

TEST_CASE("Ports of devices that are closed are closed at the end") {
  CheckedDisk disk;
  for (const unsigned state : {5, 6}) disk.set_state(disk.frontend, state);
  disk.set_state(disk.backend, 6);
  disk.end_grant(CheckedXen::kRingRef);
  SECTION("and are not") {
    disk.checkers->end(true);
    CHECK(disk.rules() == Rules{"events/leaked"});
  }
  SECTION("and are") {
    REQUIRE(disk.hypervisor.channels.close(disk.domain->id, disk.port) == 0);
    disk.checkers->end(true);
    CHECK(disk.rules() == Rules{});
  }
}
