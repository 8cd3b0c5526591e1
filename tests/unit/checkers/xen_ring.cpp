// The checker `ring`. Each case breaks one rule, from one end of a disk's ring; the first shows that what
// both ends may do breaks none.
#include <cstddef>
#include <cstring>

#include "tests/unit/checkers/xen_fixture.h"

using namespace ringside;
using Catch::Contains;
using Rules = std::vector<std::string>;

TEST_CASE("Requests that are told, taken, answered and told break no rule of a ring") {
  CheckedDisk disk;
  for (uint64_t round = 0; round < 100; ++round) {
    disk.publish(round % 4);
    disk.publish(round % 4 + 4);
    disk.send(disk.port);
    disk.wait();
    disk.take();
    disk.take();
    // In any order.
    disk.answer(round % 4 + 4);
    disk.arm();
    disk.wait();
    disk.answer(round % 4);
    disk.arm();
    disk.wait();
  }
  disk.run(milliseconds(10));
  disk.checkers->end(true);
  CHECK(disk.rules() == Rules{});
}

TEST_CASE("More requests than slots overrun a ring, once") {
  CheckedDisk disk;
  for (uint64_t id = 0; id < CheckedDisk::kSlots; ++id) disk.publish(id);
  disk.send(disk.port);
  CHECK(disk.rules() == Rules{});
  disk.publish(99);
  disk.send(disk.port);
  disk.send(disk.port);
  REQUIRE(disk.rules() == Rules{"ring/index_overrun"});
  CHECK_THAT(disk.checkers->violations()[0].text, Contains("req_prod is 33"));
}

TEST_CASE("Indices do not run back") {
  CheckedDisk disk;
  disk.request(1);
  const auto field = GENERATE(CheckedDisk::kReqProd, CheckedDisk::kRspProd);
  disk.set(field, static_cast<uint32_t>(-3));
  disk.wait();
  CHECK(disk.rules() == Rules{"ring/index_backwards"});
}

TEST_CASE("A ring does not begin with the indices of an earlier connection") {
  CheckedDisk disk({}, 7);
  CHECK(disk.rules() == Rules{"ring/stale_indices"});
}

TEST_CASE("A response belongs to a request, and a request has one response") {
  CheckedDisk disk;
  disk.request(1);
  disk.request(2);
  disk.request(3);
  disk.take();
  disk.take();
  disk.take();
  disk.answer(1);
  SECTION("of an id that nobody has used") {
    disk.answer(77);
    CHECK(disk.rules() == Rules{"ring/unasked_response"});
  }
  SECTION("of an id that has been answered") {
    disk.answer(1);
    CHECK(disk.rules() == Rules{"ring/double_response"});
  }
  SECTION("and that it is answered twice is nobody's misdeed where a fault has doubled it") {
    disk.faults.flags = Crossing::kRepeated;
    disk.faults.verdict.copies = 2;
    disk.answer(2);
    disk.faults.flags = 0;
    disk.answer(2);
    CHECK(disk.rules() == Rules{});
  }
}

TEST_CASE("There are not more responses than requests that were taken") {
  CheckedDisk disk;
  disk.request(1);
  disk.set(CheckedDisk::kRspProd, 1);
  disk.show_indices(Direction::in);
  REQUIRE(!disk.rules().empty());
  CHECK(disk.rules().back() == "ring/unasked_response");
}

TEST_CASE("An id belongs to one request at a time") {
  CheckedDisk disk;
  disk.request(5);
  disk.take();
  disk.request(5);
  disk.take();
  CHECK(disk.rules() == Rules{"ring/id_in_use"});
}

TEST_CASE("A slot is filled before req_prod publishes it") {
  CheckedDisk disk;
  disk.set(CheckedDisk::kReqProd, disk.published + 1);
  SECTION("found when the frontend yields between") {
    disk.yield();
    disk.fill(3, disk.published++);
    disk.send(disk.port);
  }
  SECTION("found when the backend comes between") {
    disk.take();
    disk.fill(3, disk.published++);
    disk.send(disk.port);
  }
  CHECK(disk.rules() == Rules{"ring/changed_after_publish"});
}

TEST_CASE("That a response takes a slot is no change of a request") {
  CheckedDisk disk;
  disk.publish(1);
  disk.yield();
  disk.take();
  disk.answer(1);
  disk.arm();
  disk.send(disk.port);
  disk.wait();
  CHECK(disk.rules() == Rules{});
}

TEST_CASE("A frontend that waits has sent the event that req_event asked for") {
  CheckedDisk disk;
  disk.publish(1);
  disk.wait();
  disk.wait();
  CHECK(disk.rules() == Rules{"ring/event_missing"});
}

TEST_CASE("What is left of a payload that a fault has cut short is looked at all the same") {
  CheckedDisk disk;
  disk.publish(1);
  std::vector<uint8_t> wait(offsetof(HypercallRecord, phase));
  const uint32_t operation = operation_code(__HYPERVISOR_sched_op, SCHEDOP_block);
  std::memcpy(wait.data() + offsetof(HypercallRecord, operation), &operation, sizeof operation);
  (void)disk.domain->hypercall_wire->pass(Direction::out, wait);
  CHECK(disk.rules() == Rules{"ring/event_missing"});
  // Of whatever length, on all wires: nothing is read beyond its end (which only a sanitizer shows).
  for (size_t i = 0; i < disk.wiring.wires().size(); ++i) {
    for (size_t length = 0; length < 80; ++length) {
      std::vector<uint8_t> zeros(length);
      (void)disk.wiring.wires()[i]->pass(Direction::in, zeros);
    }
  }
}

TEST_CASE("A frontend sends no event for which nobody has asked, when that is to be told") {
  const bool asked = GENERATE(false, true);
  CheckSettings settings;
  if (asked) settings.on = {"ring/needless_event"};
  CheckedDisk disk(settings);
  disk.set(CheckedDisk::kReqEvent, 2);
  disk.request(1);
  CHECK(disk.rules() == (asked ? Rules{"ring/needless_event"} : Rules{}));
  disk.request(2);
  CHECK(disk.rules().size() == (asked ? 1 : 0));
}

TEST_CASE("A backend sends the event that rsp_event asked for") {
  CheckedDisk disk;
  disk.request(1);
  disk.take();
  disk.answer(1, false);
  disk.run(milliseconds(2));
  disk.yield();
  CHECK(disk.rules() == Rules{"ring/answer_event_missing"});
}

TEST_CASE("A frontend that waits for a response has asked for its event") {
  CheckedDisk disk;
  disk.request(1);
  disk.request(2);
  disk.take();
  disk.take();
  disk.answer(1);
  SECTION("which it had not") {
    disk.wait();
    CHECK(disk.rules() == Rules{"ring/final_check_missing"});
  }
  SECTION("for one that had come before it asked") {
    disk.answer(2, false);  // rsp_event is passed already: no event
    disk.set(CheckedDisk::kRspEvent, 2);
    disk.wait();
    CHECK(disk.rules() == Rules{"ring/final_check_missing"});
  }
  SECTION("and need not where an event is to come") {
    REQUIRE(disk.hypervisor.channels.send(DomainId{0}, disk.backend_port) == 0);
    disk.run();
    disk.wait();
    CHECK(disk.rules() == Rules{});
  }
  SECTION("and cannot know of one that a fault has taken away") {
    disk.arm();
    disk.faults.flags = Crossing::kDropped;
    disk.faults.verdict.copies = 0;
    disk.answer(2);
    disk.faults.flags = 0;
    disk.wait();
    CHECK(disk.rules() == Rules{});
  }
}

TEST_CASE("What is not answered at an orderly end is told, and at another it is not") {
  CheckedDisk disk;
  disk.request(1);
  disk.take();
  disk.run(milliseconds(5));
  SECTION("orderly") {
    disk.checkers->end(true);
    CHECK(disk.rules() == Rules{"ring/unanswered"});
  }
  SECTION("not") {
    disk.checkers->end(false);
    CHECK(disk.rules() == Rules{});
  }
}

TEST_CASE("A closed device's ring is looked at no more, and a new one begins anew") {
  CheckedDisk disk;
  disk.request(1);
  disk.set_state(disk.frontend, 5);
  disk.set_state(disk.frontend, 6);
  disk.set_state(disk.backend, 6);
  disk.set(CheckedDisk::kReqProd, 0);
  disk.wait();
  CHECK(disk.rules() == Rules{});
  disk.set_state(disk.frontend, 1);
  disk.set_state(disk.backend, 2);
  disk.published = 0;
  disk.connect();
  disk.request(1);
  disk.take();
  disk.answer(1);
  disk.arm();
  disk.wait();
  CHECK(disk.rules() == Rules{});
}

// --- A backend dies ---

TEST_CASE("A frontend breaks no rule by what it does until it knows that its backend has died") {
  CheckedDisk disk;
  disk.request(1);
  disk.request(2);
  disk.take();
  disk.take();
  disk.answer(2);  // out of order: the next backend will do request 2 again
  disk.arm();
  disk.kill_backend();
  disk.publish(3);
  disk.wait();  // an event would go nowhere
  disk.send(disk.port);
  disk.run(milliseconds(5));
  disk.wait();
  CHECK(disk.rules() == Rules{});
  SECTION("and when none comes back, nothing is left unanswered") { disk.checkers->end(true); }
  SECTION("nor in the millisecond before its folder goes") {
    CheckedDisk other;
    other.request(1);
    other.take();
    REQUIRE(other.hypervisor.channels.close(DomainId{0}, other.backend_port) == 0);
    other.run(milliseconds(5));
    other.checkers->end(true);
    CHECK(other.rules() == Rules{});
  }
  SECTION("nor when the next one takes the ring over, whose indices are not its own") {
    disk.take_over();
    disk.request(2);  // its id is free for the frontend, and the new backend has it twice
    for (int i = 0; i < 3; ++i) disk.take();
    disk.answer(2);
    disk.answer(3);
    disk.answer(2);
    disk.arm();
    disk.wait();
    disk.run(milliseconds(5));
    disk.checkers->end(true);
  }
  CHECK(disk.rules() == Rules{});
}

TEST_CASE("A frontend whose ring another backend has taken over still keeps to the rules") {
  CheckedDisk disk;
  disk.request(1);
  disk.kill_backend();
  disk.take_over();
  SECTION("of events") {
    disk.take();
    disk.publish(2);
    disk.wait();
    CHECK(disk.rules() == Rules{"ring/event_missing"});
  }
  SECTION("of slots") {
    disk.wait();
    disk.fill(7, 0);
    disk.wait();
    CHECK(disk.rules() == Rules{"ring/changed_after_publish"});
  }
  SECTION("of indices") {
    disk.take();
    disk.set(CheckedDisk::kReqProd, 40);
    disk.wait();
    CHECK(disk.rules() == Rules{"ring/index_overrun"});
  }
  SECTION("of ids, where nothing was in flight that is done twice") {
    CheckedDisk idle;
    idle.request(1);
    idle.take();
    idle.answer(1);
    idle.arm();
    idle.kill_backend();
    idle.take_over();
    for (int i = 0; i < 2; ++i) {
      idle.request(5);
      idle.take();
    }
    CHECK(idle.rules() == Rules{"ring/id_in_use"});
  }
}

TEST_CASE("A frontend that connects anew behind a dead backend begins with new indices") {
  CheckedDisk disk;
  disk.request(1);
  disk.take();
  disk.answer(1);
  disk.kill_backend();
  for (const unsigned state : {5u, 6u, 1u}) disk.set_state(disk.frontend, state);
  disk.start_backend(disk.port);
  const bool renewed = GENERATE(false, true);
  if (renewed) {
    for (const size_t field : {CheckedDisk::kReqProd, CheckedDisk::kRspProd}) disk.set(field, 0);
  }
  disk.connect();
  CHECK(disk.rules() == (renewed ? Rules{} : Rules{"ring/stale_indices"}));
}

TEST_CASE("A backend may have answered before it says Connected") {
  CheckedDisk disk;
  disk.kill_backend();
  for (const unsigned state : {5u, 6u, 1u}) disk.set_state(disk.frontend, state);
  disk.start_backend(disk.port);
  disk.set_state(disk.frontend, 3);
  disk.set(CheckedDisk::kReqProd, 1);
  disk.set(CheckedDisk::kRspProd, 1);
  disk.take_over();
  CHECK(disk.rules() == Rules{});
}

TEST_CASE("A frontend that has not closed, but offers other rings, begins with new indices there, too") {
  CheckedDisk disk;
  disk.request(1);
  disk.take();
  disk.answer(1);
  disk.kill_backend();
  disk.grant(CheckedXen::kRingRef + 1, disk.page);
  disk.put(disk.frontend + "/ring-ref", std::to_string(CheckedXen::kRingRef + 1));
  disk.take_over();
  CHECK(disk.rules() == Rules{"ring/stale_indices"});
}

namespace {

constexpr size_t kOutProd = 2048 + 1024 + 12, kOutCons = kOutProd - 4;  // struct xencons_interface

struct CheckedConsole : CheckedXen {
  CheckedConsole() {
    page = frame();
    grant(GNTTAB_RESERVED_CONSOLE, page);
    port = channel();
    wait();  // the checker finds the page
  }
  void wrote(uint32_t bytes) { memory->store(page.address() + kOutProd, out_prod += bytes); }
  Mfn page;
  EventPort port;
  uint32_t out_prod = 0;
};

}  // namespace

TEST_CASE("Who writes to a console tells the other end") {
  CheckedConsole console;
  console.wrote(10);
  SECTION("and does") {
    console.send(console.port);
    console.wait();
    CHECK(console.rules() == Rules{});
  }
  SECTION("and does not") {
    console.wait();
    CHECK(console.rules() == Rules{"ring/event_missing"});
  }
  SECTION("and need not when it has been read") {
    console.memory->store(console.page.address() + kOutCons, uint32_t{10});
    console.wait();
    CHECK(console.rules() == Rules{});
  }
}

TEST_CASE("A console's ring holds 2048 bytes, and its producer does not run back") {
  CheckedConsole console;
  console.wrote(2048);
  console.send(console.port);
  CHECK(console.rules() == Rules{});
  SECTION("more") {
    console.wrote(1);
    console.send(console.port);
    CHECK(console.rules() == Rules{"ring/index_overrun"});
  }
  SECTION("back") {
    console.wrote(static_cast<uint32_t>(-1));
    console.send(console.port);
    CHECK(console.rules() == Rules{"ring/index_backwards"});
  }
}
