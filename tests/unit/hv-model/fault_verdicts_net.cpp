// Proves for network rings what fault_verdicts.cpp proves for block rings.
#include "hv-model/backends/net/net_payloads.h"
#include "tests/unit/hv-model/net_fixture.h"
#include "tests/unit/hv-model/ring_guest.h"

namespace ringside {

namespace {

struct Faulted : NetFixture {
  Faulted() {
    connect();
    give_buffers(8);
    wiring.add_tap(tap);
  }
  ~Faulted() { wiring.remove_tap(tap); }
  // Strikes the nth crossing of the wire, from 1.
  void strike(const std::string& wire, int nth, const std::function<void(Crossing&, Verdict&)>& how) {
    tap.act = [wire = "dom1/" + wire, nth, how, seen = 0](const Wire& on, Crossing& crossing,
                                                          Verdict& verdict) mutable {
      if (on.name() == wire && ++seen == nth) how(crossing, verdict);
    };
  }
  template <class Record>
  void rewrite(const std::string& wire, const Record& record) {
    Bytes payload;
    put_record(payload, record);
    wiring.find("dom1/ring/vif0/" + wire)->rewriter()(payload);
  }
  std::vector<size_t> seen_sizes() const {
    std::vector<size_t> sizes;
    for (const Bytes& frame : seen) sizes.push_back(frame.size());
    return sizes;
  }
  std::vector<uint16_t> received_ids() {
    std::vector<uint16_t> ids;
    for (const netif_rx_response& response : received()) ids.push_back(response.id);
    return ids;
  }

  ScriptedTap tap;
};

using Sizes = std::vector<size_t>;

}  // namespace

TEST_CASE_METHOD(Faulted, "net verdicts: a frame out is repeated, late, behind another, failed, or cut") {
  const size_t first = ip_frame(17, 30).size(), second = ip_frame(17, 60).size();
  Sizes expected{first, second};
  std::vector<int16_t> statuses{NETIF_RSP_OKAY, NETIF_RSP_OKAY};
  SECTION("request repeated") {
    strike("ring/vif0/tx/request", 1, [](Crossing&, Verdict& verdict) { verdict.copies = 2; });
    expected = {first, first, second};
    statuses.push_back(NETIF_RSP_OKAY);
  }
  SECTION("request behind") {
    strike("ring/vif0/tx/request", 1, [](Crossing&, Verdict& verdict) { verdict.behind = 1; });
    expected = {second, first};
  }
  SECTION("request failed") {
    strike("ring/vif0/tx/request", 1, [](Crossing&, Verdict& verdict) { verdict.fail = NETIF_RSP_DROPPED; });
    expected = {second};
    statuses[0] = NETIF_RSP_DROPPED;
  }
  SECTION("response behind, and its limit") {
    strike("ring/vif0/tx/response", 1, [](Crossing&, Verdict& verdict) { verdict.behind = 1; });
  }
  SECTION("response failed") {
    strike("ring/vif0/tx/response", 2, [](Crossing&, Verdict& verdict) { verdict.fail = -5; });
    statuses[1] = NETIF_RSP_ERROR;
  }
  SECTION("frame repeated") {
    strike("eth/vif0/tx", 2, [](Crossing&, Verdict& verdict) { verdict.copies = 2; });
    expected = {first, second, second};
  }
  SECTION("frame behind") {
    strike("eth/vif0/tx", 1, [](Crossing&, Verdict& verdict) { verdict.behind = 1; });
    expected = {second, first};
  }
  SECTION("frame cut") {
    strike("eth/vif0/tx", 1, [](Crossing& crossing, Verdict&) { crossing.payload->resize(20); });
    expected = {20, second};
  }
  put_frame(ip_frame(17, 30), 0, kPageSize, 0);
  put_frame(ip_frame(17, 60), 0, kPageSize, 1);
  kick();
  run(milliseconds(20));
  CHECK(seen_sizes() == expected);
  std::vector<int16_t> got;
  for (const netif_tx_response& response : responses()) got.push_back(response.status);
  CHECK(got == statuses);
}

TEST_CASE_METHOD(Faulted, "net verdicts: buffers and their responses are repeated, or fall behind") {
  std::vector<uint16_t> expected{0, 1};
  SECTION("as it is") {}
  SECTION("a buffer is filled twice") {
    strike("ring/vif0/rx/request", 1, [](Crossing&, Verdict& verdict) { verdict.copies = 2; });
    expected = {0, 0, 2};
  }
  SECTION("a response comes twice") {
    strike("ring/vif0/rx/response", 1, [](Crossing&, Verdict& verdict) { verdict.copies = 2; });
    expected = {0, 0, 2};
  }
  SECTION("a response falls behind") {
    strike("ring/vif0/rx/response", 1, [](Crossing&, Verdict& verdict) { verdict.behind = 1; });
    expected = {1, 0};
  }
  SECTION("a frame falls behind") {
    strike("eth/vif0/rx", 1, [](Crossing&, Verdict& verdict) { verdict.behind = 1; });
  }
  from_peer(ip_frame(17, 20));
  from_peer(ip_frame(17, 20));
  run(milliseconds(20));
  CHECK(received_ids() == expected);
}

TEST_CASE_METHOD(Faulted, "net verdicts: the interface goes while frames and slots are late") {
  const char* wire = GENERATE("ring/vif0/tx/request", "ring/vif0/tx/response", "ring/vif0/rx/response",
                              "eth/vif0/tx", "eth/vif0/rx");
  const bool behind = GENERATE(false, true);
  const bool crash = GENERATE(false, true);
  strike(wire, 1, [behind](Crossing&, Verdict& verdict) {
    verdict.copies = 2;
    if (behind) {
      verdict.behind = 3;
    } else {
      verdict.delay = milliseconds(4);
    }
  });
  put_frame(ip_frame(17, 30));
  kick();
  from_peer(ip_frame(17, 20));
  const auto tx_answered = tx_shared()->rsp_prod, rx_answered = rx_shared()->rsp_prod;
  if (crash) {
    backend->crash({});
  } else {
    backend->detach(true);
  }
  run(milliseconds(50));
  CHECK(tx_shared()->rsp_prod == tx_answered);
  CHECK(rx_shared()->rsp_prod == rx_answered);
  CHECK_FALSE(any_grant_in_use());
}

TEST_CASE_METHOD(Faulted, "net rewrites: slots change in the rings, while there are any") {
  rewrite(
      "tx/request",
      NetTxRequestRecord{
          .gref = 7, .offset = 1, .flags = 2, .id = 3, .size = 4, .slot = 5, .req_prod = 0, .req_cons = 0});
  CHECK(tx_shared()->ring[5].req.gref == 7);
  CHECK(tx_shared()->ring[5].req.size == 4);
  rewrite("tx/response",
          NetTxResponseRecord{.slot = 6, .id = 9, .status = NETIF_RSP_ERROR, .extras = 0, .reserved = 0});
  CHECK(tx_shared()->ring[6].rsp.id == 9);
  CHECK(tx_shared()->ring[6].rsp.status == NETIF_RSP_ERROR);
  rewrite("rx/request",
          NetRxRequestRecord{.gref = 77, .id = 8, .pad = 0, .slot = 7, .req_prod = 0, .req_cons = 0});
  CHECK(rx_shared()->ring[7].req.gref == 77);
  rewrite("rx/response", NetRxResponseRecord{.slot = 300, .id = 4, .offset = 2, .flags = 1, .status = 60});
  CHECK(rx_shared()->ring[300 % 256].rsp.id == 4);
  CHECK(rx_shared()->ring[300 % 256].rsp.status == 60);
  wiring.find("dom1/ring/vif0/tx/request")->rewriter()({});
  backend->crash({});
  for (const char* wire : {"tx/request", "tx/response", "rx/request", "rx/response"})
    CHECK_FALSE(wiring.find(std::string("dom1/ring/vif0/") + wire)->rewriter());
}

}  // namespace ringside
