// What a bench keeps of its crossings, and the checkers that watch them.
#include <algorithm>
#include <utility>

#include "testkit/device/bench_house.h"
#include "testkit/running_test.h"

namespace ringside::test {

namespace house {

namespace {

BenchOptions with_seed(BenchOptions options) {
  if (const auto seed = seed_from_environment()) options.seed = *seed;
  return options;
}

}  // namespace

Bench::Bench(const BenchOptions& given, std::span<const std::string_view> watching)
    : options(with_seed(given)) {
  if (options.check) {
    CheckedMachine machine{.clock = clock, .wiring = wiring};
    machine.notices = [this](std::string_view) { return &notices; };
    machine.memory = [this](std::string_view) { return ram(); };
    CheckSettings settings;
    for (const KnownChecker& known : known_checkers()) {
      if (std::find(watching.begin(), watching.end(), known.name) == watching.end())
        settings.off.emplace_back(known.name);
    }
    settings.allow = options.allow;
    checkers = std::make_unique<Checkers>(std::move(machine), std::move(settings));
  }
  // Behind the checkers, so that a violation stands behind the crossing that it is about, and what is kept of
  // a crossing is what is left of it.
  if (options.record) {
    log.emplace();
    wiring.add_tap(*log);
  }
  announce();
}

CrossingStore& Bench::store(const char* why) const {
  if (!log) throw Error(std::string(why) + " needs what crossed: BenchOptions::record was switched off");
  return log->store();
}

std::string last_notice(const Bench& bench) {
  if (!bench.log) return {};
  const Crossings all = bench.log->store().select(bench.options.domain + "/notice");
  return all.empty() ? std::string() : "; the last notice: " + all.back().field("message").text();
}

}  // namespace house

Crossings Bench::wire(std::string_view glob) const {
  return house_->store("wire()").select(glob, house_->forgotten);
}

void Bench::forget() { house_->forgotten = house_->store("forget()").next(); }

std::vector<std::string> Bench::notices() const {
  std::vector<std::string> all;
  for (const Crossing& notice : house_->store("notices()").select("*/notice", house_->forgotten))
    all.push_back(notice.field("message").text());
  return all;
}

void Bench::expect_notice(std::string_view text, SourcePlace place) const {
  std::string last;
  for (const std::string& notice : notices()) {
    if (notice.find(text) != std::string::npos) return;
    last = notice;
  }
  house::fail_expectation(place, "expected a notice with \"" + std::string(text) + "\"; " +
                                     (last.empty() ? "there is none" : "the last one is: " + last));
}

}  // namespace ringside::test
