// Somebody types while the machine runs: whatever the moment, the session replays identical without them. The
// somebody is a seeded source in this process, at the places where a person's keys would come: at any stop of
// the loop and while everything waits. Cannot show: the terminal itself (tests/system/ends.sh pipes keys in).
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "machine/machine.h"
#include "sim/random.h"
#include "sim/session/reader.h"
#include "sim/session/replayer.h"

using namespace ringside;

namespace {

// GRUB's prompt has appeared by then; earlier it throws keys away.
constexpr uint64_t kPromptInstructions = 70'000'000;

// Types one key of `keys` now and then, from `begin_at` instructions on; stops the run after so many.
class Typist : public InputSource {
 public:
  Typist(uint64_t seed, std::string keys, uint64_t begin_at, uint64_t stop_after)
      : random_(seed), keys_(std::move(keys)), stop_after_(stop_after), next_(begin_at) {}

  Tick next_tick() const override { return Tick::never(); }
  std::optional<PendingInput> take(Tick, uint64_t instructions) override {
    if (instructions >= stop_after_) stop_ = true;
    if (typed_ == keys_.size() || instructions < next_) return std::nullopt;
    next_ = instructions + random_.below(400'000);
    const uint8_t key = static_cast<uint8_t>(keys_[typed_++]);
    return PendingInput{"dom1/console/in", {key}};
  }
  bool may_come() const override { return typed_ < keys_.size(); }
  // As from a clock that is coarse: often no time at all has passed.
  Tick wait(Tick now, Tick until) override {
    return std::min(until, now + Tick{random_.one_in(2) ? 0 : random_.below(3'000'000'000)});
  }
  const volatile bool* stop() const { return &stop_; }
  size_t typed() const { return typed_; }

 private:
  Random random_;
  std::string keys_;
  uint64_t stop_after_, next_;
  size_t typed_ = 0;
  volatile bool stop_ = false;
};

Scenario without_script(const std::string& name) {
  auto scenario = load_scenario(std::string(RINGSIDE_SCENARIOS "/") + name,
                                {{"input", "[]"}, {"expect.console", "[]"}, {"expect.within", "150ms"}});
  REQUIRE(scenario);
  return *scenario;
}

struct Live {
  RunReport report;
  size_t typed = 0;
};

Live record(const std::string& path, Typist& typist, uint64_t disturb_seed) {
  MachineOptions options;
  options.record_to = path;
  options.live_inputs = {&typist};
  options.stop_requested = typist.stop();
  options.disturb_seed = disturb_seed;
  auto machine = Machine::create(without_script("grub-pv"), options);
  REQUIRE(machine);
  auto report = (*machine)->run();
  REQUIRE(report);
  return {*report, typist.typed()};
}

void check_replay(const std::string& path, const RunReport& recorded, uint64_t disturb_seed) {
  auto reader = SessionReader::open(path);
  REQUIRE(reader);
  auto replayer = Replayer::create(*reader);
  REQUIRE(replayer);
  auto scenario = scenario_of_session((*replayer)->header(), "");
  REQUIRE(scenario);
  MachineOptions options;
  options.replay = replayer->get();
  options.disturb_seed = disturb_seed;
  auto machine = Machine::create(*scenario, options);
  REQUIRE(machine);
  const auto report = (*machine)->run();
  REQUIRE(report);
  if ((*replayer)->divergence()) {
    FAIL((*replayer)->divergence()->what << ": expected " << (*replayer)->divergence()->expected << ", found "
                                         << (*replayer)->divergence()->found);
  }
  CHECK(report->reason == recorded.reason);
  CHECK(report->at == recorded.at);
  CHECK(report->instructions == recorded.instructions);
  CHECK((*replayer)->digests_compared() == recorded.epochs);
}

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("ringside-live-" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("what is typed at odd times replays identical") {
  Folder folder;
  const std::string path = (folder.path / "live.pcapng").string();
  for (const uint64_t seed : {1, 2, 3}) {
    INFO("seed " << seed);
    Typist typist(seed, "ls\rcat (xen/xvda)/hello.txt\rhalt\r", kPromptInstructions, UINT64_MAX);
    const Live live = record(path, typist, seed % 2 == 0 ? seed : 0);
    CHECK(live.typed == 33);
    check_replay(path, live.report, 0);
    check_replay(path, live.report, seed + 10);
  }
}

TEST_CASE("a run that was stopped at any moment replays to that moment") {
  Folder folder;
  const std::string path = (folder.path / "stopped.pcapng").string();
  Random random(5);
  for (int round = 0; round < 5; ++round) {
    const uint64_t stop_after = random.below(60'000'000);
    INFO("stopped after " << stop_after << " instructions");
    Typist typist(static_cast<uint64_t>(round), "ls\r", 0, stop_after);
    const Live live = record(path, typist, 0);
    CHECK(live.report.reason == "stopped by the user");
    check_replay(path, live.report, static_cast<uint64_t>(round));
  }
}

TEST_CASE("a guest that never ends replays to its limit") {
  Folder folder;
  const std::string path = (folder.path / "endless.pcapng").string();
  Typist typist(6, "ls\r", 0, UINT64_MAX);
  const Live live = record(path, typist, 0);
  CHECK(live.report.exit_code == ExitCode::guest_hung);
  check_replay(path, live.report, 7);
}
