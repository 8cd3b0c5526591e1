// Proves that what carries a verdict acts on all of it: copies, lateness by time and by order, errors,
// changed and cut payloads, spurious ones, and entries that change in shared memory. The tap here is the
// fault.
#include "hv-model/backends/blk/blk_payloads.h"
#include "tests/unit/hv-model/blk_fixture.h"
#include "tests/unit/hv-model/ring_guest.h"

namespace ringside {

namespace {

struct Faulted : BlkFixture {
  Faulted() {
    connect();
    wiring.add_tap(tap, "dom1/ring/xvda/*");
  }
  ~Faulted() { wiring.remove_tap(tap); }
  // Strikes the nth crossing of the wire, from 1.
  void strike(const std::string& wire, int nth, const std::function<void(Crossing&, Verdict&)>& how) {
    tap.act = [wire = "dom1/ring/xvda/" + wire, nth, how, seen = 0](const Wire& on, Crossing& crossing,
                                                                    Verdict& verdict) mutable {
      if (on.name() == wire && ++seen == nth) how(crossing, verdict);
    };
  }
  void ask_all(unsigned count) {
    for (unsigned i = 0; i < count; ++i) put(BlkFixture::transfer(BLKIF_OP_READ, 4 * i, i, 0, 0, 100 + i));
    kick();
  }
  std::vector<uint64_t> answered() {
    std::vector<uint64_t> ids;
    for (const blkif_response& response : take()) ids.push_back(response.id);
    return ids;
  }
  const Wire& wire(const std::string& name) { return *wiring.find("dom1/ring/xvda/" + name); }

  ScriptedTap tap;
};

using Ids = std::vector<uint64_t>;

template <class Record>
std::vector<uint8_t> bytes_of(const Record& record) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&record);
  return {bytes, bytes + sizeof record};
}

}  // namespace

TEST_CASE_METHOD(Faulted, "blk verdicts: a request falls behind others") {
  strike("request", 1, [](Crossing&, Verdict& verdict) { verdict.behind = 2; });
  ask_all(3);
  run();
  const Ids ids = answered();
  REQUIRE(ids.size() == 3);
  CHECK(ids[0] != 100);
}

TEST_CASE_METHOD(Faulted, "blk verdicts: a response falls behind, or waits out its limit when none follows") {
  strike("response", 1, [](Crossing&, Verdict& verdict) { verdict.behind = 1; });
  const bool more = GENERATE(false, true);
  ask_all(more ? 2 : 1);
  run(milliseconds(5));
  CHECK(answered() == (more ? Ids{101, 100} : Ids{}));
  run(milliseconds(20));
  CHECK(answered() == (more ? Ids{} : Ids{100}));
}

TEST_CASE_METHOD(Faulted, "blk verdicts: requests and responses come twice, at once or late") {
  const std::string wire = GENERATE(std::string("request"), std::string("response"));
  const Tick delay = GENERATE(Tick{}, milliseconds(3));
  strike(wire, 1, [delay](Crossing&, Verdict& verdict) {
    verdict.copies = 2;
    verdict.delay = delay;
  });
  ask_all(1);
  run();
  CHECK(shared()->rsp_prod == 2);
}

TEST_CASE_METHOD(Faulted, "blk verdicts: an error is given by its own status") {
  const std::string wire = GENERATE(std::string("request"), std::string("response"));
  const int64_t code = GENERATE(-5, -1, -95, -2);
  strike(wire, 1, [code](Crossing&, Verdict& verdict) { verdict.fail = code; });
  ask_all(1);
  run();
  const auto taken = take();
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].status == (code == -95 || code == -2 ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR));
  // A request that fails is not done.
  CHECK((data(0)[0] == BlkFixture::byte_of(0)) == (wire == "response"));
}

TEST_CASE_METHOD(Faulted, "blk verdicts: a payload that is cut") {
  strike(GENERATE(std::string("request"), std::string("response")), 1,
         [](Crossing& crossing, Verdict&) { crossing.payload->resize(10); });
  ask_all(1);
  run();
  for (const blkif_response& response : take()) CHECK(response.status == 0);
  CHECK_FALSE(any_grant_in_use());
}

TEST_CASE_METHOD(Faulted, "blk verdicts: the frontend closes while its requests and responses are late") {
  strike(GENERATE(std::string("request"), std::string("response")), 1,
         [](Crossing&, Verdict& verdict) { verdict.delay = milliseconds(30); });
  ask_all(1);
  run(milliseconds(5));
  set_state(XenbusState::closed);
  CHECK_FALSE(grant_in_use(kRingGrant));
  run(milliseconds(100));
  CHECK(shared()->rsp_prod == 0);
  CHECK_FALSE(any_grant_in_use());
}

TEST_CASE_METHOD(Faulted, "blk rewrites: an entry changes in the ring, and only while there is one") {
  BlkRequestRecord request{};
  request.operation = BLKIF_OP_WRITE;
  request.id = 0x1234;
  request.sector_number = 77;
  request.slot = 3;
  wire("request").rewriter()(bytes_of(request));
  const blkif_request& changed = shared()->ring[3].req;
  CHECK(changed.operation == BLKIF_OP_WRITE);
  CHECK(changed.id == 0x1234);
  CHECK(changed.sector_number == 77);
  BlkResponseRecord response{};
  response.id = 0x777;
  response.status = BLKIF_RSP_ERROR;
  response.slot = 4;
  wire("response").rewriter()(bytes_of(response));
  CHECK(shared()->ring[4].rsp.id == 0x777);
  CHECK(shared()->ring[4].rsp.status == BLKIF_RSP_ERROR);
  // Slots that do not exist, payloads that are none, and a ring that has gone.
  response.slot = 1000;
  wire("response").rewriter()(bytes_of(response));
  wire("response").rewriter()({});
  wire("request").rewriter()({});
  set_state(XenbusState::closed);
  CHECK_FALSE(wire("request").rewriter());
  CHECK_FALSE(wire("response").rewriter());
}

}  // namespace ringside
