#include "tests/support/long_session.h"

#include <fmt/format.h>

#include <optional>
#include <variant>
#include <vector>

#include "sim/session/reader.h"
#include "sim/session/writer.h"

namespace ringside::test_support {

namespace {

// What a repetition adds to the numbers of the first one.
struct Offsets {
  Tick at;
  uint64_t sequence = 0, inputs = 0, epochs = 0, instructions = 0, crossings = 0;
};

class Copier {
 public:
  Copier(SessionWriter& writer, uint64_t crossings_max) : writer_(writer), left_(crossings_max) {}

  bool is_done() const { return left_ == 0; }
  void copy(SessionCrossing crossing) {
    if (is_done()) return;
    --left_;
    crossing.at += offsets_.at;
    crossing.sequence += offsets_.sequence;
    end_.at = crossing.at;
    end_.sequence = crossing.sequence;
    writer_.write(crossing);
  }
  void copy(InputRecord input) {
    input.at += offsets_.at;
    input.number += offsets_.inputs;
    input.instructions += offsets_.instructions;
    end_.inputs = input.number;
    writer_.write(input);
  }
  void copy(EpochDigest digest) {
    digest.at += offsets_.at;
    digest.number += offsets_.epochs;
    digest.instructions += offsets_.instructions;
    digest.crossings += offsets_.crossings;
    end_.at = digest.at;
    end_.epochs = digest.number;
    end_.instructions = digest.instructions;
    end_.crossings = digest.crossings;
    writer_.write(digest);
    writer_.flush();
  }
  void copy(RunOutcome outcome) { outcome_ = std::move(outcome); }
  // What comes from now on, comes behind all that there is.
  void repeat() {
    offsets_ = end_;
    offsets_.at += microseconds(10);
  }
  void finish() {
    EpochDigest last{end_.epochs + 1, end_.at, end_.instructions, end_.crossings, 0, {}, std::nullopt};
    writer_.write(last);
    RunOutcome outcome = outcome_.value_or(RunOutcome{0, "poweroff", {}, 0});
    outcome.at = end_.at;
    outcome.instructions = end_.instructions;
    writer_.write(outcome);
  }

 private:
  SessionWriter& writer_;
  uint64_t left_;
  Offsets offsets_, end_;
  std::optional<RunOutcome> outcome_;
};

}  // namespace

Result<> write_long_session(const std::string& path, const std::string& recording, uint64_t crossings) {
  auto reader = SessionReader::open(recording);
  if (!reader) return tl::unexpected(reader.error());
  std::vector<SessionRecord> records;
  bool has_crossings = false;
  for (;;) {
    auto record = reader->next();
    if (!record) return tl::unexpected(record.error());
    if (!*record) break;
    has_crossings = has_crossings || std::holds_alternative<SessionCrossing>(**record);
    records.push_back(std::move(**record));
  }
  if (!has_crossings) return fail(fmt::format("session '{}' has no crossings to repeat", recording));
  auto writer = SessionWriter::create(path, reader->header());
  if (!writer) return tl::unexpected(writer.error());
  for (const SessionWire& wire : reader->wires()) (*writer)->add_wire(wire);
  Copier copier(**writer, crossings);
  while (!copier.is_done()) {
    for (const SessionRecord& record : records) {
      if (!copier.is_done()) std::visit([&](const auto& known) { copier.copy(known); }, record);
    }
    copier.repeat();
  }
  copier.finish();
  return (*writer)->close();
}

}  // namespace ringside::test_support
