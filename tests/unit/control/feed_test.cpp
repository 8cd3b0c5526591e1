// The feed: whole records in packets, in the order of sequences; a receiver that is slow, one that is gone.
// And runs to a sequence.
#include <poll.h>
#include <sys/socket.h>
#include <catch2/catch.hpp>

#include <cstring>

#include "control/machine_process.h"
#include "control/stepped_machine.h"

using namespace ringside;

namespace {

struct Fed {
  Fed() {
    auto made = make_feed_pair();
    REQUIRE(made);
    ends = std::move(*made);
    wanted.path = std::string(RINGSIDE_SCENARIOS) + "/blk-read";
    wanted.feed = ends.second.get();
  }
  // Reads what there is; how many packets.
  size_t read() {
    size_t packets = 0;
    std::vector<uint8_t> buffer(2 * kFeedPacketBytes);
    for (;;) {
      const ssize_t got = recv(ends.first.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got <= 0) return packets;
      REQUIRE(static_cast<size_t>(got) <= kFeedPacketBytes);
      ++packets;
      for (size_t at = 0; at < static_cast<size_t>(got);) {
        FeedHead head;
        REQUIRE(static_cast<size_t>(got) - at >= sizeof head);
        std::memcpy(&head, buffer.data() + at, sizeof head);
        REQUIRE(head.size >= sizeof head);
        REQUIRE(head.size <= static_cast<size_t>(got) - at);
        if (head.kind == FeedKind::wire) ++wires;
        if (head.kind == FeedKind::history) ++histories;
        if (head.kind == FeedKind::crossing) {
          FeedCrossing crossing;
          std::memcpy(&crossing, buffer.data() + at, sizeof crossing);
          sequences.push_back(crossing.sequence);
        }
        at += head.size;
      }
    }
  }
  bool in_order(size_t from = 0) const {
    return std::is_sorted(sequences.begin() + static_cast<ptrdiff_t>(from), sequences.end(),
                          std::less_equal<>());
  }

  std::pair<OwnedDescriptor, OwnedDescriptor> ends;
  MachineRequest wanted;
  std::vector<uint64_t> sequences;
  size_t wires = 0, histories = 0;
};

// The machine's process must not hold the receiver's end: nobody would see that it is gone.
Result<std::unique_ptr<SteppedMachine>> start(Fed& fed) {
  StepOptions options;
  options.in_child = [&fed] { fed.ends.first.close(); };
  auto machine = SteppedMachine::start(fed.wanted, options, [](const std::string&, const std::string&) {});
  fed.ends.second.close();
  return machine;
}

Result<Json> run_to_ring(SteppedMachine& machine) {
  SteppedMachine::Until until;
  until.rules.push_back(*parse_stop("ring/xvda/request"));
  return machine.run(until, StepWatch());
}

}  // namespace

TEST_CASE("when a machine stands, its crossings up to there have come, in order") {
  Fed fed;
  auto machine = start(fed);
  REQUIRE(machine);
  fed.read();
  CHECK(fed.wires > 0);
  REQUIRE(run_to_ring(**machine));
  fed.read();
  REQUIRE(!fed.sequences.empty());
  CHECK(fed.in_order());
  CHECK(fed.sequences.back() == (*machine)->place().sequence);
}

TEST_CASE("a machine that is taken back feeds again what it runs over, and input begins a history") {
  Fed fed;
  auto machine = start(fed);
  REQUIRE(machine);
  REQUIRE(run_to_ring(**machine));
  fed.read();
  const size_t before = fed.sequences.size();
  const uint64_t here = (*machine)->place().sequence;
  REQUIRE((*machine)->go_to(here - 5));
  CHECK((*machine)->place().sequence == here - 5);
  CHECK((*machine)->place().inside);
  REQUIRE((*machine)->go_to(here));
  fed.read();
  REQUIRE(fed.sequences.size() > before);
  CHECK(fed.in_order(before));
  CHECK(fed.sequences.back() == here);
  CHECK(fed.histories == 0);
  REQUIRE((*machine)->give("fault", "ring/xvda/response@1 fail(-5)"));
  fed.read();
  CHECK(fed.histories == 1);
}

TEST_CASE("a machine waits for a slow receiver, and hears a stop meanwhile") {
  Fed fed;
  auto machine = start(fed);
  REQUIRE(machine);
  SteppedMachine::Until until;
  StepWatch watch;
  int asked = 0;
  // Once it waits, since nobody reads; blk-read has more to say than a socket and the feed hold.
  watch.stop.wanted = [&asked] { return ++asked == 10; };
  auto stopped = (*machine)->run(until, watch);
  REQUIRE(stopped);
  CHECK((*stopped)["stopped"] == "asked");
  const uint64_t here = (*machine)->place().sequence;
  // What has not been taken comes while it stands.
  for (int round = 0; round < 500 && (fed.sequences.empty() || fed.sequences.back() != here); ++round) {
    if (fed.read() == 0) poll(nullptr, 0, 10);
  }
  CHECK(fed.in_order());
  CHECK(fed.sequences.back() == here);
}

TEST_CASE("a receiver that is gone ends the feed, and the machine runs on") {
  Fed fed;
  auto machine = start(fed);
  REQUIRE(machine);
  fed.ends.first.close();
  auto stopped = (*machine)->run({}, StepWatch());
  REQUIRE(stopped);
  CHECK((*stopped)["stopped"] == "ended");
  CHECK((*stopped)["report"]["reason"] == "poweroff");
}

TEST_CASE("a run to a sequence stops within that crossing, and one that has passed is refused") {
  MachineRequest wanted;
  wanted.path = std::string(RINGSIDE_SCENARIOS) + "/blk-read";
  auto started = MachineProcess::start(wanted, {});
  REQUIRE(started);
  auto answer = started->process.ask({{"do", "run"}, {"until_sequence", 600}, {"heartbeat_ms", 1}});
  REQUIRE(answer);
  CHECK(answer->json["stopped"] == "crossing");
  CHECK(answer->json["position"]["sequence"] == 600);
  CHECK(answer->json["crossing"]["sequence"] == 600);
  CHECK_FALSE(started->process.ask({{"do", "run"}, {"until_sequence", 599}}));
  auto faults = started->process.ask({{"do", "faults"}, {"wire", "dom1/ring/xvda/response"}});
  REQUIRE(faults);
  CHECK(!faults->json["actions"].empty());
  CHECK_FALSE(started->process.ask({{"do", "faults"}, {"wire", "no/such/wire"}}));
}
