// Proves that an answer from the world outside is recorded where it was asked for and given there again, and
// that every way in which a replay may ask otherwise is a divergence with a name. That machines ask through
// this is for tests/unit/machine/outside_test.cpp.
#include <catch2/catch.hpp>

#include "sim/session/recorder.h"
#include "sim/session/replayer.h"
#include "tests/unit/sim/session_sample.h"

using namespace ringside;
using namespace ringside::session_sample;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kAsker = "share/data/manifest";

InputRecord answer(uint64_t number, Tick at, std::string wire, Bytes bytes, bool continued = false) {
  return {number, at, 7, std::move(wire), std::move(bytes), true, continued};
}

// A machine that records: a crossing, an answer in two parts, a typed key, a crossing, an answer, an epoch's
// end, and the same of a second epoch without the key.
struct Recorded {
  explicit Recorded(const std::string& path) {
    auto recorder = Recorder::create(path, sample_header()).value();
    EventQueue events;
    Wiring wiring(clock, events);
    wiring.add_tap(*recorder);
    Wire& wire = wiring.add("dom1/a", WireKind::message, kRequest);
    uint64_t inputs = 0;
    for (uint64_t epoch = 1; epoch <= 2; ++epoch) {
      cross(wire);
      clock.now += Tick{5};
      recorder->record_input(answer(++inputs, clock.now, kAsker, {1, 2, 3}, true));
      recorder->record_input(answer(++inputs, clock.now, kAsker, {4}));
      if (epoch == 1) recorder->record_input({++inputs, clock.now, 7, "dom1/console/in", {'x'}});
      cross(wire);
      recorder->record_input(answer(++inputs, clock.now, "bridge", {9}));
      recorder->end_epoch({epoch, clock.now, epoch * 1000, 0, 0, {}, std::nullopt});
    }
    REQUIRE(recorder->finish(outcome));
  }
  void cross(Wire& wire) {
    clock.now += Tick{10};
    Bytes payload = {1, 2, 3, 4, 5};
    wire.pass(Direction::out, payload);
  }
  Clock clock;
  RunOutcome outcome{0, "poweroff", Tick{60}, 2000};
};

// Repeats it step by step; a test may leave steps out.
struct Repeated {
  explicit Repeated(const std::string& path)
      : reader(SessionReader::open(path).value()), replayer(Replayer::create(reader).value()) {
    replayer->set_clock(clock);
    wiring.add_tap(*replayer);
    wire = &wiring.add("dom1/a", WireKind::message, kRequest);
  }
  void cross() {
    clock.now += Tick{10};
    Bytes payload = {1, 2, 3, 4, 5};
    wire->pass(Direction::out, payload);
  }
  std::optional<Bytes> ask(std::string_view asker = kAsker) { return replayer->take_answer(asker); }
  void end_epoch(uint64_t epoch) {
    replayer->end_epoch({epoch, clock.now, epoch * 1000, 0, 0, {}, std::nullopt});
  }
  void whole_epoch(uint64_t epoch) {
    cross();
    clock.now += Tick{5};
    CHECK(ask() == Bytes{1, 2, 3, 4});
    cross();
    CHECK(ask("bridge") == Bytes{9});
    end_epoch(epoch);
  }
  std::string divergence() const {
    const auto& found = replayer->divergence();
    return found ? found->what + "; expected " + found->expected + "; found " + found->found : "none";
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  SessionReader reader;
  std::unique_ptr<Replayer> replayer;
  Wire* wire = nullptr;
};

}  // namespace

TEST_CASE("answers are given again where they were asked for") {
  TemporaryFile file("answers");
  const Recorded recorded(file.path);
  Repeated again(file.path);
  again.whole_epoch(1);
  again.whole_epoch(2);
  again.replayer->end_run(recorded.outcome);
  CHECK(again.divergence() == "none");
  CHECK(again.replayer->digests_compared() == 2);
}

TEST_CASE("an answer is no input of the run loop") {
  TemporaryFile file("answers-apart");
  const Recorded recorded(file.path);
  Repeated again(file.path);
  const InputRecord* next = again.replayer->next_input();
  REQUIRE(next != nullptr);
  CHECK(next->number == 3);
  CHECK(next->wire == "dom1/console/in");
  again.replayer->take_input();
  CHECK(again.replayer->next_input() == nullptr);
}

TEST_CASE("the file keeps what an answer is") {
  TemporaryFile file("answers-file");
  const Recorded recorded(file.path);
  const ReadResult result = read_session(file.path).value();
  CHECK(std::get<InputRecord>(result.records.at(1)) == answer(1, Tick{15}, kAsker, {1, 2, 3}, true));
  CHECK(std::get<InputRecord>(result.records.at(2)) == answer(2, Tick{15}, kAsker, {4}));
  CHECK_FALSE(std::get<InputRecord>(result.records.at(3)).is_answer);
}

TEST_CASE("a question that the recording does not have is a divergence") {
  TemporaryFile file("answers-differ");
  const Recorded recorded(file.path);
  Repeated again(file.path);
  SECTION("of somebody else") {
    again.cross();
    again.clock.now += Tick{5};
    CHECK_FALSE(again.ask("share/other"));
    CHECK_THAT(again.divergence(), Contains("a question of share/other has no answer in the recording") &&
                                       Contains("answer 1 on share/data/manifest"));
  }
  SECTION("at another tick") {
    again.cross();
    again.clock.now += Tick{6};
    CHECK_FALSE(again.ask());
    CHECK_THAT(again.divergence(), Contains("has no answer in the recording"));
  }
  SECTION("before the crossing that came first") {
    CHECK_FALSE(again.ask());
    CHECK_THAT(again.divergence(), Contains("expected out on dom1/a at"));
  }
  SECTION("once more at the epoch's end") {
    again.cross();
    again.clock.now += Tick{5};
    again.ask();
    again.cross();
    again.ask("bridge");
    CHECK_FALSE(again.ask("bridge"));
    CHECK_THAT(again.divergence(), Contains("expected the end of epoch 1"));
  }
  // Nothing more is compared, and nobody gets an answer.
  again.clock.now = Tick{15};
  CHECK_FALSE(again.ask());
}

TEST_CASE("an answer that nothing asks for is a divergence") {
  TemporaryFile file("answers-unasked");
  const Recorded recorded(file.path);
  Repeated again(file.path);
  SECTION("met by a crossing") {
    again.cross();
    again.clock.now += Tick{5};
    again.cross();
    CHECK_THAT(again.divergence(), Contains("is not in the recording"));
  }
  SECTION("met by the epoch's end") {
    again.cross();
    again.clock.now += Tick{5};
    again.ask();
    again.cross();
    again.end_epoch(1);
    CHECK_THAT(again.divergence(), Contains("nothing asks for what bridge was answered"));
  }
}

TEST_CASE("behind a cut there are no answers and no divergence") {
  TemporaryFile file("answers-cut");
  const Recorded recorded(file.path);
  Bytes bytes = read_all(file.path);
  bytes.resize(bytes.size() - 150);  // the outcome and a part of the second digest
  write_all(file.path, bytes);
  Repeated again(file.path);
  again.whole_epoch(1);
  CHECK(again.replayer->exhausted());
  again.cross();
  CHECK_FALSE(again.ask());
  CHECK(again.divergence() == "none");
}

TEST_CASE("an answer whose rest is missing is a divergence, not half an answer") {
  TemporaryFile file("answers-half");
  auto writer = SessionWriter::create(file.path, sample_header()).value();
  writer->write(answer(1, Tick{0}, kAsker, {1, 2, 3}, true));
  SECTION("nothing follows") {}
  SECTION("a key follows") { writer->write(InputRecord{2, Tick{0}, 0, "dom1/console/in", {'x'}}); }
  SECTION("another's answer follows") { writer->write(answer(2, Tick{0}, "bridge", {4})); }
  writer->write(EpochDigest{1, Tick{50}, 1000, 0, 0, {}, std::nullopt});
  writer->write(RunOutcome{});
  REQUIRE(writer->close());
  Repeated again(file.path);
  CHECK_FALSE(again.ask());
  CHECK_THAT(again.divergence(), Contains("has no answer in the recording"));
}
