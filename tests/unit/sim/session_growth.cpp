// Proves that a reader at the end of a session that is still being written goes on when there is more, at
// whatever byte it looked, and that records are the same one by one and many at once.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/sim/session_sample.h"

using namespace ringside;
using namespace ringside::session_sample;

namespace {

class Kept final : public SessionSink {
 public:
  void take(const CrossingView& crossing) override {
    records.push_back(SessionCrossing{crossing.at,
                                      crossing.sequence,
                                      crossing.wire,
                                      crossing.direction,
                                      crossing.flags,
                                      crossing.full_size,
                                      {crossing.payload.begin(), crossing.payload.end()}});
  }
  void take(InputRecord&& input) override { records.push_back(std::move(input)); }
  void take(EpochDigest&& digest) override { records.push_back(std::move(digest)); }
  void take(RunOutcome&& outcome) override { records.push_back(std::move(outcome)); }

  std::vector<SessionRecord> records;
};

Bytes sample_bytes() {
  TemporaryFile file("growth-sample");
  write_sample(file.path);
  return read_all(file.path);
}

void read_to_end(SessionReader& reader, Kept& kept) {
  for (;;) {
    const auto read = reader.read(kept, 2);
    REQUIRE(read);
    if (*read < 2) return;
  }
}

}  // namespace

TEST_CASE("records come many at once as they come one by one") {
  TemporaryFile file("many");
  write_sample(file.path);
  for (const size_t at_once : {size_t{1}, size_t{2}, size_t{4}, size_t{100}}) {
    auto reader = SessionReader::open(file.path).value();
    Kept kept;
    size_t read = 0;
    do {
      read = reader.read(kept, at_once).value();
      CHECK(read <= at_once);
    } while (read == at_once);
    CHECK(kept.records == sample_records());
    CHECK(reader.wires() == sample_wires());
    CHECK_FALSE(reader.was_cut());
    CHECK(reader.position() == reader.size());
    CHECK(reader.read(kept, at_once).value() == 0);
  }
}

TEST_CASE("a reader goes on where a session has grown, wherever it looked before") {
  const Bytes whole = sample_bytes();
  TemporaryFile file("grown"), header("header");
  // Every place behind the header, which is all that the first epochs do without.
  write_session(header.path, {});
  const size_t begin = read_all(header.path).size();
  for (size_t size = begin; size < whole.size(); ++size) {
    write_all(file.path, Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
    auto opened = SessionReader::open(file.path);
    if (!opened) continue;
    SessionReader& reader = *opened;
    Kept kept;
    read_to_end(reader, kept);
    CHECK(reader.was_cut());
    const size_t first = kept.records.size();
    CHECK_FALSE(reader.resume().value());
    const size_t next = std::min(size + 40, whole.size());
    for (const size_t end : {next, whole.size()}) {
      write_all(file.path, Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(end)));
      const bool more = reader.resume().value();
      read_to_end(reader, kept);
      if (end < whole.size()) CHECK((kept.records.size() > first) == more);
    }
    CHECK(kept.records == sample_records());
    CHECK_FALSE(reader.was_cut());
    CHECK_FALSE(reader.resume().value());
  }
}

TEST_CASE("a session that is damaged where it has grown is read up to there") {
  Bytes bytes = sample_bytes();
  TemporaryFile file("grown-damaged");
  const size_t half = bytes.size() * 3 / 4;
  write_all(file.path, Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(half)));
  auto reader = SessionReader::open(file.path).value();
  Kept kept;
  read_to_end(reader, kept);
  const size_t before = kept.records.size();
  bytes[bytes.size() - 40] ^= 0x10;
  write_all(file.path, bytes);
  REQUIRE(reader.resume());
  Result<size_t> read = size_t{0};
  while ((read = reader.read(kept, 1)) && *read == 1) {
  }
  REQUIRE_FALSE(read);
  CHECK_THAT(read.error().message, Catch::Contains("is damaged at byte"));
  CHECK(kept.records.size() >= before);
}

TEST_CASE("a session that has become shorter, or another, is not read on") {
  TemporaryFile file("shorter"), other("shorter-other");
  const Bytes bytes = sample_bytes();
  write_all(file.path, bytes);
  auto reader = SessionReader::open(file.path).value();
  write_all(other.path, bytes);
  REQUIRE(std::rename(other.path.c_str(), file.path.c_str()) == 0);
  const auto renamed = reader.resume();
  REQUIRE_FALSE(renamed);
  CHECK(renamed.error().code == ExitCode::bad_input);
  CHECK_THAT(renamed.error().message, Catch::Contains("another one has its name"));
  auto second = SessionReader::open(file.path).value();
  write_all(file.path, Bytes(bytes.begin(), bytes.begin() + 100));
  const auto shorter = second.resume();
  REQUIRE_FALSE(shorter);
  CHECK_THAT(shorter.error().message, Catch::Contains("has become shorter"));
}
