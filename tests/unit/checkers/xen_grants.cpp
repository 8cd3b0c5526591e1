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

namespace {

// A disk whose backend has died and whose ring the next one has taken over.
struct TakenOver : CheckedGrants {
  // Of two requests the second has been answered before: it is done again.
  void with_one_answered() {
    begin();
    answer(2);
    arm();
    kill_backend();
    end_grant(kRef + 1);  // rightly
    take_over();
    take(kRef + 1);  // the request behind the last response is that of id 2
  }
  void with_none_answered() {
    begin();
    kill_backend();
    take_over();
    take(kRef);
    take(kRef + 1);
    answer(1);
    answer(2);
    arm();
  }
  void begin() {
    grant(kRef + 1, data);
    request(1);
    request(2);
    take(kRef);
    take(kRef + 1);
  }
  bool can_map(uint32_t ref) {
    return hypervisor.grants.map(DomainId{0}, domain->id, GrantRef{ref}, false).has_value();
  }
};

}  // namespace

TEST_CASE("What a backend does anew for one that has died uses grants that the frontend need not keep") {
  TakenOver guest;
  guest.with_one_answered();
  CHECK_FALSE(guest.can_map(kRef + 1));
  CHECK(guest.rules() == Rules{});
  SECTION("nor is a page of it still in use") {
    guest.request(3);
    guest.take(kRef);
    CHECK(guest.can_map(kRef));
  }
  SECTION("and its second answer goes to a request that has the same id now") {
    guest.request(2);
    guest.answer(2);  // which the frontend believes, and ends the grant, or makes it again
    guest.arm();
    guest.request(2);
    for (int i = 0; i < 2; ++i) {
      guest.take(kRef + 2);
      CHECK_FALSE(guest.can_map(kRef + 2));
    }
  }
  CHECK(guest.rules() == Rules{});
}

TEST_CASE("A frontend whose ring another backend has taken over still keeps what it grants") {
  TakenOver guest;
  SECTION("where all that is done anew had no answer: pages in flight") {
    guest.with_none_answered();
    for (const uint64_t id : {3, 4}) {
      guest.request(id);
      guest.take(kRef);
    }
    CHECK(guest.rules() == Rules{"grants/reused_in_flight"});
  }
  SECTION("where all that is done anew had no answer: grants") {
    guest.with_none_answered();
    guest.end_grant(kRef);
    guest.request(3);
    guest.take(kRef);
    CHECK_FALSE(guest.can_map(kRef));
    CHECK(guest.rules() == Rules{"grants/used_after_end"});
  }
  SECTION("and in any case when it has connected anew") {
    guest.with_one_answered();
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
    guest.request(5);
    guest.take(kRef + 2);
    CHECK_FALSE(guest.can_map(kRef + 2));
    CHECK(guest.rules().back() == "grants/used_after_end");
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
