// Proves that what a machine's devices ask outside is asked once, recorded whole whatever its size, and taken
// from the recording in a replay without anybody being asked; and whose conversations are after a fork.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "machine/outside.h"
#include "sim/session/reader.h"

using namespace ringside;

namespace {

using Answer = Outside::Answer;

struct SessionPath {
  std::string path = "/tmp/ringside-outside-" + std::to_string(getpid()) + ".pcapng";
  ~SessionPath() { std::remove(path.c_str()); }
};

SessionHeader header() {
  SessionHeader header;
  header.scenario_name = "asks";
  return header;
}

// As many bytes, no two neighbours alike.
Answer bytes(size_t count) {
  Answer answer(count);
  for (size_t i = 0; i < count; ++i) answer[i] = static_cast<uint8_t>(i * 7 + i / 251);
  return answer;
}

const std::vector<size_t> kSizes = {1, 249'999, 250'000, 250'001, 500'000, 777'777};

}  // namespace

TEST_CASE("answers of any size are recorded and replayed") {
  SessionPath session;
  Clock clock;
  uint64_t inputs = 0;
  {
    auto recorder = Recorder::create(session.path, header()).value();
    MachineOutside outside(clock, recorder.get(), nullptr, inputs);
    for (const size_t size : kSizes) {
      clock.now += Tick{1000};
      CHECK(outside.exchange("test", [&] { return bytes(size); }) == bytes(size));
    }
    recorder->end_epoch({1, clock.now, 0, 0, 0, {}, std::nullopt});
    REQUIRE(recorder->finish({}));
  }
  CHECK(inputs == 1 + 1 + 1 + 2 + 2 + 4);

  auto reader = SessionReader::open(session.path).value();
  auto replayer = Replayer::create(reader).value();
  clock.now = Tick{};
  replayer->set_clock(clock);
  inputs = 0;
  MachineOutside outside(clock, nullptr, replayer.get(), inputs);
  bool asked = false;
  for (const size_t size : kSizes) {
    clock.now += Tick{1000};
    const Answer answer = outside.exchange("test", [&] {
      asked = true;
      return Answer{1};
    });
    CHECK(answer == bytes(size));
  }
  CHECK_FALSE(asked);
  CHECK(inputs == 11);
  CHECK_FALSE(replayer->divergence());
  // One more than was recorded.
  CHECK(outside.exchange("test", [] { return Answer{1}; }).empty());
  CHECK(replayer->divergence());
}

TEST_CASE("a machine without a recording asks, and its inputs are numbered all the same") {
  const Clock clock;
  uint64_t inputs = 4;
  MachineOutside outside(clock, nullptr, nullptr, inputs);
  CHECK(outside.exchange("test", [] { return bytes(250'001); }) == bytes(250'001));
  CHECK(inputs == 6);
}

TEST_CASE("a forked child may converse once it has taken over") {
  const Clock clock;
  uint64_t inputs = 0;
  MachineOutside outside(clock, nullptr, nullptr, inputs);
  CHECK(outside.may_converse());
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool before = outside.may_converse();
    outside.take_over();
    _exit(!before && outside.may_converse() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
