// A session file of what a bench has kept, for `ringside show` and Wireshark. It has crossings and no inputs:
// what happened there was the test, so that the test is what replays it.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "sim/session/encoding.h"
#include "sim/session/writer.h"
#include "testkit/device/bench_house.h"
#include "testkit/running_test.h"

namespace ringside::test {

void Bench::save(const std::string& path) const {
  const CrossingStore& store = house_->store("save()");
  SessionHeader header;
  header.scenario_name = "bench";
  header.scenario_text = "# A bench (ringside/bench.h): no scenario made this session, but a test program.\n";
  header.seed = house_->options.seed;
  const auto writer = house::value_or_error(SessionWriter::create(path, header));
  for (const auto& wire : house_->wiring.wires())
    writer->add_wire({wire->name(), wire->kind(), wire->payload_type().id, {}});
  for (uint64_t number = store.first(); number < store.next(); ++number) {
    const CrossingStore::Record& record = store.at(number);
    writer->write(CrossingView{.at = record.at,
                               .sequence = record.sequence,
                               .wire = record.wire,
                               .direction = record.direction,
                               .flags = record.flags,
                               .full_size = record.size,
                               .payload = {record.payload, record.size}});
  }
  writer->write(
      RunOutcome{.exit_code = 0, .reason = "saved by the test", .at = house_->clock.now, .instructions = 0});
  house::value_or_error(writer->close());
}

namespace house {

void Bench::announce() {
  RunningTest& test = RunningTest::instance();
  // A test may make thousands; the first few are enough to look at.
  constexpr unsigned kAnnouncedMax = 4;
  if (test.name.empty() || !log || test.machines >= kAnnouncedMax) return;
  test.seed = options.seed;
  session_path_ = test.session_path(++test.machines);
  test.commands.push_back(
      fmt::format("{} {} (ringside show {})", program_path(), quoted_test_name(test.name), session_path_));
}

void Bench::keep_session_of_failure(const test::Bench& bench) const {
  if (session_path_.empty() || !(is_unwinding() || has_failed())) return;
  try {
    std::filesystem::create_directories(std::filesystem::path(session_path_).parent_path());
    bench.save(session_path_);
  } catch (const std::exception& problem) {
    std::cerr << "bench: the session is not kept: " << problem.what() << "\n";
  }
}

void Bench::tell(const std::vector<std::string>& complaints) {
  RunningTest& test = RunningTest::instance();
  for (const std::string& complaint : complaints) {
    if (test.name.empty()) {
      std::cerr << "bench: " << complaint << "\n";
    } else {
      test.complaints.push_back(complaint);
    }
  }
}

}  // namespace house

}  // namespace ringside::test
