// The checker `grants`: each case breaks one rule; the first shows what breaks none.
#include "tests/unit/checkers/xen_fixture.h"

using namespace ringside;
using Catch::Contains;
using Rules = std::vector<std::string>;

namespace {

constexpr uint32_t kRef = CheckedXen::kDataRef;

struct CheckedGrants : CheckedDisk {
  explicit CheckedGrants(CheckSettings settings = {}) : CheckedDisk(std::move(settings)) {
    data = frame();
    grant(kRef, data);
  }
  uint32_t map(bool read_only = false) {
    const auto mapped = hypervisor.grants.map(DomainId{0}, domain->id, GrantRef{kRef}, read_only);
    REQUIRE(mapped.has_value());
    return mapped->handle;
  }
  void unmap(uint32_t handle) { REQUIRE(hypervisor.grants.unmap(DomainId{0}, handle) == GNTST_okay); }
  void close() {
    set_state(frontend, 5);
    set_state(frontend, 6);
    set_state(backend, 6);
  }
  Mfn data;
};

}  // namespace

TEST_CASE("A grant that is made, used and ended breaks no rule") {
  CheckedGrants guest;
  for (uint64_t id = 0; id < 20; ++id) {
    guest.grant(kRef, guest.data);
    guest.request(id);
    guest.take();
    guest.unmap(guest.map());
    guest.answer(id);
    guest.arm();
    guest.end_grant(kRef);
  }
  guest.close();
  guest.end_grant(CheckedXen::kRingRef);
  REQUIRE(guest.hypervisor.channels.close(guest.domain->id, guest.port) == 0);
  guest.checkers->end(true);
  CHECK(guest.rules() == Rules{});
}

TEST_CASE("A grant is not ended while it is mapped") {
  CheckedGrants guest;
  const uint32_t handle = guest.map();
  SECTION("by clearing its entry") { guest.end_grant(kRef); }
  SECTION("by granting another page in its place") { guest.grant(kRef, guest.frame()); }
  guest.unmap(handle);
  REQUIRE(guest.rules() == Rules{"grants/ended_while_mapped"});
}

TEST_CASE("A request does not name what is not granted") {
  CheckedGrants guest;
  guest.request(1);
  guest.end_grant(kRef);
  SECTION("of its own") {
    guest.take();
    CHECK_FALSE(
        guest.hypervisor.grants.map(DomainId{0}, guest.domain->id, GrantRef{kRef}, false).has_value());
    CHECK(guest.rules() == Rules{"grants/used_after_end"});
  }
  SECTION("and a number that a fault has put there is not the guest's") {
    guest.faults.flags = Crossing::kCanonical;
    guest.take();
    guest.faults.flags = 0;
    CHECK_FALSE(
        guest.hypervisor.grants.map(DomainId{0}, guest.domain->id, GrantRef{kRef}, false).has_value());
    CHECK(guest.rules() == Rules{});
  }
}

TEST_CASE("Two requests in flight do not fill the same bytes of a page") {
  CheckedGrants guest;
  guest.request(1);
  guest.take(kRef, BLKIF_OP_READ, 0, 3);
  guest.request(2);
  SECTION("other bytes are well") {
    guest.take(kRef, BLKIF_OP_READ, 4, 7);
    CHECK(guest.rules() == Rules{});
  }
  SECTION("the same are not") {
    guest.take(kRef, BLKIF_OP_READ, 3, 7);
    CHECK(guest.rules() == Rules{"grants/reused_in_flight"});
  }
  SECTION("nor written ones that the other fills") {
    guest.grant(kRef, guest.data, true);
    guest.take(kRef, BLKIF_OP_WRITE, 0, 7);
    CHECK(guest.rules() == Rules{"grants/reused_in_flight"});
  }
  SECTION("when the first is answered they are free") {
    guest.answer(1);
    guest.take(kRef, BLKIF_OP_READ, 0, 7);
    CHECK(guest.rules() == Rules{});
  }
}

TEST_CASE("What a backend does anew for one that has died uses grants that the frontend need not keep") {
  CheckedGrants guest;
  guest.request(1);
  guest.request(2);
  guest.take(kRef);
  guest.take(kRef + 1);
  guest.answer(2);
  guest.arm();
  guest.kill_backend();
  guest.end_grant(kRef + 1);  // rightly: request 2 has been answered
  guest.take_over();
  const auto map = [&guest](uint32_t ref) {
    return guest.hypervisor.grants.map(DomainId{0}, guest.domain->id, GrantRef{ref}, false).has_value();
  };
  guest.take(kRef + 1);  // the request behind the last response is that of id 2
  CHECK_FALSE(map(kRef + 1));
  CHECK(guest.rules() == Rules{});
  SECTION("nor is a page of it still in use") {
    guest.request(3);
    guest.take(kRef);
    CHECK(map(kRef));
    CHECK(guest.rules() == Rules{});
  }
  SECTION("and a new request names what is granted") {
    guest.request(3);
    guest.take(kRef + 1);
    CHECK_FALSE(map(kRef + 1));
    CHECK(guest.rules() == Rules{"grants/used_after_end"});
  }
  SECTION("and two new ones do not fill the same page") {
    for (const uint64_t id : {3, 4}) {
      guest.request(id);
      guest.take(kRef);
    }
    CHECK(guest.rules() == Rules{"grants/reused_in_flight"});
  }
  SECTION("and one that connects anew is judged as ever") {
    guest.kill_backend();
    for (const unsigned state : {5u, 6u, 1u}) guest.set_state(guest.frontend, state);
    for (const size_t field : {CheckedDisk::kReqProd, CheckedDisk::kRspProd}) guest.set(field, 0);
    guest.published = guest.taken = guest.answered = 0;
    guest.start_backend(guest.port);
    guest.connect();
    for (const uint64_t id : {3, 4}) {
      guest.request(id);
      guest.take(kRef);
    }
    CHECK(guest.rules() == Rules{"grants/reused_in_flight"});
  }
}

TEST_CASE("A response that a fault has changed has answered some request") {
  CheckedGrants guest;
  guest.request(1);
  guest.take(kRef);
  guest.faults.flags = Crossing::kCanonical;
  guest.answer(77);
  guest.faults.flags = 0;
  guest.request(2);
  guest.take(kRef);
  CHECK(guest.rules() == Rules{});
}

TEST_CASE("Two writes may use the same page, which is granted for reading") {
  CheckedGrants guest;
  guest.grant(kRef, guest.data, true);
  for (const uint64_t id : {1, 2}) {
    guest.request(id);
    guest.take(kRef, BLKIF_OP_WRITE);
  }
  CHECK(guest.rules() == Rules{});
}

TEST_CASE("A page that is written to the disk is granted for reading, unless it may be kept") {
  CheckedGrants guest;
  const bool persistent = GENERATE(false, true);
  if (persistent) {
    guest.put(guest.frontend + "/feature-persistent", "1");
    guest.set_state(guest.frontend, 4);
  }
  for (const uint64_t id : {1, 2}) {
    guest.request(id);
    guest.take(kRef, BLKIF_OP_WRITE);
  }
  CHECK(guest.rules() == (persistent ? Rules{} : Rules{"grants/writable_for_output"}));
}

TEST_CASE("A page that is granted is not given back to Xen") {
  CheckedGrants guest;
  guest.unmap(guest.map());
  guest.hypervisor.frames.drop_allocation(guest.data);
  SECTION("found when that happens") { guest.hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation); }
  SECTION("found when a backend comes for it") {
    CHECK_FALSE(
        guest.hypervisor.grants.map(DomainId{0}, guest.domain->id, GrantRef{kRef}, false).has_value());
  }
  CHECK(guest.rules() == Rules{"grants/freed_while_granted"});
}

TEST_CASE("Nothing stays granted when all devices are closed at the end") {
  CheckedGrants guest;
  REQUIRE(guest.hypervisor.channels.close(guest.domain->id, guest.port) == 0);
  SECTION("a grant is left") {
    guest.close();
    guest.end_grant(CheckedXen::kRingRef);
    guest.checkers->end(true);
    REQUIRE(guest.rules() == Rules{"grants/leaked"});
    CHECK_THAT(guest.checkers->violations()[0].text, Contains("permits access: 16"));
  }
  SECTION("a device that is not closed may keep its own") {
    guest.checkers->end(true);
    CHECK(guest.rules() == Rules{});
  }
  SECTION("nor does a crash leave a leak") {
    guest.close();
    guest.checkers->end(false);
    CHECK(guest.rules() == Rules{});
  }
}
