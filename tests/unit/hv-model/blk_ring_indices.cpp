// Proves that BackRing does what Xen's BACK_RING macros do on the same memory, also where the indices wrap
// around 2^32. The macros themselves, from libxen-dev, are the reference.
#include <catch2/catch.hpp>
#include <cstring>

#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "sim/random.h"

using namespace ringside;

namespace {

using Ring = BackRing<blkif_request, blkif_response>;

struct Bench {
  std::unique_ptr<Memory> memory = std::move(*Memory::create(GuestPhys{0x100000}, 4 * kPageSize));
  GuestPhys page{0x101000};
  blkif_sring* shared() { return reinterpret_cast<blkif_sring*>(memory->data() + kPageSize); }
  void start_at(uint32_t index) {
    shared()->req_prod = shared()->rsp_prod = index;
    shared()->req_event = shared()->rsp_event = index + 1;
  }
};

}  // namespace

TEST_CASE("ring: a page holds 32 block requests, from byte 64 on") {
  CHECK(Ring::kSlots == 32);
  CHECK(Ring::kSlotsOffset == offsetof(blkif_sring, ring));
}

TEST_CASE("ring: random traffic agrees with Xen's macros, also around 2^32") {
  const uint32_t start = GENERATE(0u, 0xfffffff0u, 0x7ffffff0u);
  const uint64_t seed = 20240104;
  CAPTURE(start, seed);
  Random random(seed);
  Bench ours, theirs;
  ours.start_at(start);
  theirs.start_at(start);
  Ring ring(*ours.memory, ours.page);
  blkif_back_ring_t reference;
  BACK_RING_ATTACH(&reference, theirs.shared(), theirs.shared()->rsp_prod, kPageSize);

  for (int step = 0; step < 3000; ++step) {
    switch (random.below(5)) {
      case 0: {  // the frontend produces
        const uint32_t room = Ring::kSlots - (ring.indices().req_prod - ring.rsp_prod_private());
        for (uint32_t n = static_cast<uint32_t>(random.below(room + 1)); n > 0; --n) {
          blkif_request request{};
          request.id = random.next();
          for (Bench* bench : {&ours, &theirs}) {
            bench->shared()->ring[bench->shared()->req_prod % 32].req = request;
            ++bench->shared()->req_prod;
          }
        }
        break;
      }
      case 1: {  // the backend takes
        REQUIRE((ring.unconsumed() != 0) == (RING_HAS_UNCONSUMED_REQUESTS(&reference) != 0));
        if (ring.unconsumed() == 0) break;
        REQUIRE_FALSE(ring.consumer_overflows());
        const blkif_request taken = ring.take();
        REQUIRE(taken.id == RING_GET_REQUEST(&reference, reference.req_cons)->id);
        ++reference.req_cons;
        break;
      }
      case 2: {  // the backend answers
        if (ring.rsp_prod_private() == ring.req_cons()) break;
        blkif_response response{};
        response.id = random.next();
        ring.put(response);
        *RING_GET_RESPONSE(&reference, reference.rsp_prod_pvt) = response;
        ++reference.rsp_prod_pvt;
        if (random.one_in(2)) break;  // pushes gather several
        int expected = 0;
        RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&reference, expected);
        REQUIRE(ring.push() == (expected != 0));
        break;
      }
      case 3: {  // the frontend asks for an event at some response
        const uint32_t event = ring.indices().rsp_prod + static_cast<uint32_t>(random.below(4));
        ours.shared()->rsp_event = theirs.shared()->rsp_event = event;
        break;
      }
      default: {
        int expected = 0;
        RING_FINAL_CHECK_FOR_REQUESTS(&reference, expected);
        REQUIRE(ring.final_check() == (expected != 0));
      }
    }
    REQUIRE(std::memcmp(ours.shared(), theirs.shared(), kPageSize) == 0);
    REQUIRE(ring.req_cons() == reference.req_cons);
  }
}

TEST_CASE("ring: a producer that jumps is seen") {
  const uint32_t start = GENERATE(0u, 0xfffffff0u);
  Bench bench;
  bench.start_at(start);
  const Ring ring(*bench.memory, bench.page);
  CHECK_FALSE(ring.producer_overflows(start));
  CHECK_FALSE(ring.producer_overflows(start + 32));
  CHECK(ring.producer_overflows(start + 33));
  CHECK(ring.producer_overflows(start - 1));
}

TEST_CASE(
    "ring: a response too many, which a fault has doubled, leaves room for requests and an end of them") {
  Bench bench;
  bench.start_at(0);
  Ring ring(*bench.memory, bench.page);
  ring.consume();
  for (unsigned i = 0; i < 2; ++i) ring.produce();
  CHECK_FALSE(ring.consumer_overflows());
  bench.memory->store<uint32_t>(bench.page, 3);  // req_prod
  CHECK(ring.unconsumed() == 2);
  for (unsigned i = 0; i < 2; ++i) ring.consume();
  CHECK(ring.unconsumed() == 0);
}

TEST_CASE("ring: a producer that runs back behind what was taken is seen") {
  Bench bench;
  bench.start_at(0);
  Ring ring(*bench.memory, bench.page);
  for (unsigned i = 0; i < 4; ++i) ring.consume();
  for (unsigned i = 0; i < 2; ++i) ring.produce();
  CHECK_FALSE(ring.producer_overflows(4));
  CHECK(ring.producer_overflows(3));
  CHECK(ring.producer_overflows(2));
}
