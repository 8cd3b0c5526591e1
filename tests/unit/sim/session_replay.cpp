// Proves that a replay of the same run finds nothing, and that each kind of difference is named. The machine
// here is a script of crossings; that real machines repeat themselves is for tests/session/.
#include <catch2/catch.hpp>
#include <functional>

#include "sim/session/describe.h"
#include "sim/session/recorder.h"
#include "sim/session/replayer.h"
#include "tests/unit/sim/session_sample.h"

using namespace ringside;
using namespace ringside::session_sample;

namespace {

// A machine of two wires that runs three epochs. A test may change what it does.
struct Script {
  CapturePolicy request_capture;
  std::function<void(uint64_t sequence, Bytes& payload)> change_payload = [](uint64_t, Bytes&) {};
  std::function<void(EpochDigest&)> change_digest = [](EpochDigest&) {};
  std::function<bool(uint64_t sequence)> skip = [](uint64_t) { return false; };
  std::function<void(uint64_t epoch, Wire& request, Clock& clock)> extra = [](uint64_t, Wire&, Clock&) {};
  uint64_t epochs = 3;
  RunOutcome outcome{0, "poweroff", Tick{4000}, 3500};
};

template <class EndEpoch>
void run(const Script& script, Tap& tap, EndEpoch end_epoch, Clock& clock) {
  EventQueue events;
  Wiring wiring(clock, events);
  wiring.add_tap(tap);
  Wire& request = wiring.add("dom1/ring/xvda/request", WireKind::message, kRequest);
  request.set_capture(script.request_capture);
  Wire& console = wiring.add("dom1/console/out", WireKind::message, kFrame);
  uint64_t sequence = 0;
  for (uint64_t epoch = 1; epoch <= script.epochs; ++epoch) {
    for (int i = 0; i < 4; ++i) {
      ++sequence;
      clock.now += Tick{10};
      clock.instructions += 100;
      if (script.skip(sequence)) continue;
      Bytes payload = {1, static_cast<uint8_t>(sequence), 0, 0, 0, 'x', 'y'};
      script.change_payload(sequence, payload);
      (i % 2 == 0 ? request : console).pass(Direction::out, payload);
    }
    script.extra(epoch, request, clock);
    clock.instructions = epoch * 1000;
    EpochDigest digest{epoch,       clock.now, clock.instructions,
                       0,           0,         {{"cpu/dom1", 40 + epoch}, {"xenstore", 5}},
                       std::nullopt};
    if (epoch == 2) digest.memory = 99;
    script.change_digest(digest);
    end_epoch(digest);
  }
}

void record(const std::string& path, const Script& script = {}) {
  auto recorder = Recorder::create(path, sample_header()).value();
  Clock clock;
  run(
      script, *recorder,
      [&](const EpochDigest& digest) {
        recorder->end_epoch(digest);
        REQUIRE(recorder->status());
      },
      clock);
  REQUIRE(recorder->finish(script.outcome));
}

struct Replay {
  std::optional<Divergence> divergence;
  uint64_t compared = 0;
  bool exhausted_before_end = false;
  std::string cut;
};

Replay replay(const std::string& path, const Script& script = {}) {
  auto reader = SessionReader::open(path).value();
  auto replayer = Replayer::create(reader).value();
  Clock clock;
  replayer->set_clock(clock);
  Replay result;
  run(
      script, *replayer, [&](const EpochDigest& digest) { replayer->end_epoch(digest); }, clock);
  result.exhausted_before_end = replayer->exhausted();
  replayer->end_run(script.outcome);
  REQUIRE(replayer->exhausted());
  result.divergence = replayer->divergence();
  result.compared = replayer->digests_compared();
  result.cut = replayer->cut_description();
  return result;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a run that repeats itself is identical to its recording") {
  TemporaryFile file("identical");
  for (const CapturePolicy capture :
       {CapturePolicy{}, CapturePolicy{CaptureMode::first_bytes, 3}, CapturePolicy{CaptureMode::none, 0}}) {
    Script script;
    script.request_capture = capture;
    record(file.path, script);
    const Replay result = replay(file.path, script);
    CHECK_FALSE(result.divergence);
    CHECK(result.compared == 3);
    CHECK(result.cut.empty());
    CHECK_FALSE(result.exhausted_before_end);
  }
}

TEST_CASE("the recorder's file holds what the policy says") {
  TemporaryFile file("policy");
  Script script;
  script.request_capture = {CaptureMode::first_bytes, 3};
  record(file.path, script);
  const ReadResult result = read_session(file.path).value();
  REQUIRE(result.wires.size() == 2);
  CHECK(result.wires[0].capture.mode == CaptureMode::first_bytes);
  const auto& cut = std::get<SessionCrossing>(result.records[0]);
  CHECK(cut.payload == Bytes{1, 1, 0});
  CHECK(cut.full_size == 7);
  CHECK(cut.sequence == 1);
  CHECK(std::get<SessionCrossing>(result.records[1]).payload.size() == 7);
  CHECK(std::get<EpochDigest>(result.records[4]).crossings == 4);

  script.request_capture = {CaptureMode::none, 0};
  record(file.path, script);
  CHECK(read_session(file.path)->records.size() == 6 + 3 + 1);
}

TEST_CASE("a crossing that differs is named, with both sides decoded") {
  TemporaryFile file("crossing");
  record(file.path);
  Script script;
  script.change_payload = [](uint64_t sequence, Bytes& payload) {
    if (sequence == 7) payload[1] = 77;
  };
  const Replay result = replay(file.path, script);
  REQUIRE(result.divergence);
  CHECK(result.divergence->epoch == 2);
  CHECK(result.divergence->instructions == 1000 + 300);
  CHECK(result.divergence->at == Tick{70});
  CHECK(result.divergence->what == "crossing 7 on dom1/ring/xvda/request differs");
  CHECK(contains(result.divergence->expected, "sector=7 "));
  CHECK(contains(result.divergence->found, "sector=77 "));
  CHECK(result.compared == 1);
}

TEST_CASE("missing and additional crossings are differences") {
  TemporaryFile file("count");
  record(file.path);
  Script script;
  script.skip = [](uint64_t sequence) { return sequence == 8; };
  Replay result = replay(file.path, script);
  REQUIRE(result.divergence);
  CHECK(result.divergence->what == "crossing 8 of the recording is missing");
  CHECK(contains(result.divergence->expected, "dom1/console/out"));
  CHECK(contains(result.divergence->found, "the end of epoch 2"));

  script = {};
  script.extra = [](uint64_t epoch, Wire& request, Clock&) {
    Bytes payload = {1, 2, 3, 4, 5};
    if (epoch == 1) request.pass(Direction::in, payload);
  };
  result = replay(file.path, script);
  REQUIRE(result.divergence);
  CHECK(result.divergence->what == "crossing 5 on dom1/ring/xvda/request is not in the recording");
  CHECK(contains(result.divergence->expected, "the end of epoch 1"));
}

TEST_CASE("crossings that are not canonical are neither counted nor compared") {
  TemporaryFile file("sampled");
  Script watched;
  watched.extra = [](uint64_t, Wire& request, Clock&) {
    Bytes payload = {1, 2, 3, 4, 5};
    request.pass(Direction::out, payload, 0);
  };
  record(file.path);
  CHECK_FALSE(replay(file.path, watched).divergence);
  record(file.path, watched);
  CHECK(replay(file.path).compared == 3);
  CHECK_FALSE(replay(file.path).divergence);
}

TEST_CASE("a difference that no recorded crossing shows is found by the hash") {
  TemporaryFile file("hash");
  Script script;
  script.request_capture = {CaptureMode::first_bytes, 5};
  record(file.path, script);
  script.change_payload = [](uint64_t sequence, Bytes& payload) {
    if (sequence == 5) payload[6] = 'z';
  };
  const Replay result = replay(file.path, script);
  REQUIRE(result.divergence);
  CHECK(contains(result.divergence->what,
                 "the hash over all crossings differs, although no recorded crossing does"));
  CHECK(result.divergence->epoch == 2);
}

TEST_CASE("what a tap before the recorder decided is part of the hash") {
  // A tap that drops every crossing, as a fault does.
  struct Dropper : Tap {
    void on_crossing(const Wire&, Crossing&, Verdict& verdict) override { verdict.copies = 0; }
  };
  const auto hash_of = [](bool dropped) {
    TemporaryFile file("verdict");
    auto recorder = Recorder::create(file.path, sample_header()).value();
    Clock clock;
    EventQueue events;
    Wiring wiring(clock, events);
    Dropper dropper;
    if (dropped) wiring.add_tap(dropper);
    wiring.add_tap(*recorder);
    Bytes payload = {1, 2, 3, 4, 5};
    wiring.add("dom1/a", WireKind::message, kRequest).pass(Direction::out, payload);
    recorder->end_epoch({1, {}, 0, 0, 0, {}, std::nullopt});
    REQUIRE(recorder->finish({}));
    return std::get<EpochDigest>(read_session(file.path)->records.at(1)).crossings_hash;
  };
  CHECK(hash_of(false) == hash_of(false));
  CHECK(hash_of(false) != hash_of(true));
}

TEST_CASE("digests that differ name the component") {
  TemporaryFile file("digest");
  record(file.path);
  const auto what = [&](std::function<void(EpochDigest&)> change) {
    Script script;
    script.change_digest = std::move(change);
    const Replay result = replay(file.path, script);
    REQUIRE(result.divergence);
    return std::to_string(result.divergence->epoch) + ": " + result.divergence->what;
  };
  CHECK(what([](EpochDigest& digest) { digest.components[1].second += digest.number == 3; }) ==
        "3: the digest of xenstore differs");
  CHECK(what([](EpochDigest& digest) { digest.components.pop_back(); }) ==
        "1: the digest of xenstore differs");
  CHECK(what([](EpochDigest& digest) {
          digest.memory = digest.number == 2 ? std::optional<uint64_t>(98) : std::nullopt;
        }) == "2: the digest of memory differs");
  CHECK(what([](EpochDigest& digest) { digest.instructions += 1; }) == "1: where the epoch ends differs");
}

TEST_CASE("another end of the run is a difference") {
  TemporaryFile file("outcome");
  record(file.path);
  Script script;
  script.outcome.exit_code = 4;
  CHECK(replay(file.path, script).divergence->what == "how the run ends differs");
  script = {};
  script.epochs = 2;
  CHECK(replay(file.path, script).divergence->what == "the replay ends before the recording does");
  script.epochs = 4;
  CHECK(contains(replay(file.path, script).divergence->what,
                 "crossing 13 on dom1/ring/xvda/request is not in"));
}

TEST_CASE("a cut session replays up to its cut and no further") {
  TemporaryFile file("replay-cut");
  record(file.path);
  Bytes bytes = read_all(file.path);
  bytes.resize(bytes.size() - 100);  // the outcome and a part of the third digest
  write_all(file.path, bytes);
  Script script;
  script.change_payload = [](uint64_t sequence, Bytes& payload) {
    if (sequence > 8) payload[0] = 200;  // behind the cut: nobody knows what was there
  };
  const Replay result = replay(file.path, script);
  CHECK_FALSE(result.divergence);
  CHECK(result.compared == 2);
  CHECK(result.exhausted_before_end);
  CHECK(contains(result.cut, "up to the end of epoch 2 (instruction 2000)"));
}

TEST_CASE("damage is refused before the replay begins") {
  TemporaryFile file("replay-damage");
  record(file.path);
  Bytes bytes = read_all(file.path);
  bytes[bytes.size() - 200] ^= 4;
  write_all(file.path, bytes);
  auto reader = SessionReader::open(file.path);
  REQUIRE(reader);
  const auto replayer = Replayer::create(*reader);
  REQUIRE_FALSE(replayer);
  CHECK(replayer.error().code == ExitCode::bad_input);
}

TEST_CASE("inputs are handed out in order, and memory is wanted where it was recorded") {
  TemporaryFile file("inputs");
  write_sample(file.path);
  auto reader = SessionReader::open(file.path).value();
  auto replayer = Replayer::create(reader).value();
  REQUIRE(replayer->next_input() != nullptr);
  CHECK(replayer->next_input()->bytes == text_bytes("ls\r"));
  replayer->take_input();
  CHECK(replayer->next_input()->number == 2);
  replayer->take_input();
  CHECK(replayer->next_input() == nullptr);
  CHECK_FALSE(replayer->wants_memory(0));
  CHECK_FALSE(replayer->wants_memory(1));
  CHECK(replayer->wants_memory(2));
  CHECK_FALSE(replayer->wants_memory(4));
  CHECK(replayer->recorded_outcome()->reason == "poweroff");
}
