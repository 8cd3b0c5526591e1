// Proves that the long sessions of the benchmarks have as many crossings as asked for, in order, and are
// whole.
#include "tests/support/long_session.h"

#include "tests/unit/viewer/session/session_bench.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::session_bench;

TEST_CASE("a recording is repeated until a session is as long as it should be") {
  register_all_payload_types();
  TemporaryFile recording("recording"), file("long");
  auto writer = SessionWriter::create(recording.path, {}).value();
  writer->add_wire({"dom1/evtchn", WireKind::signal, kEventPayload.id, {}});
  for (uint64_t i = 1; i <= 7; ++i) {
    writer->write(SessionCrossing{microseconds(i), 2 * i, 0, Direction::in, 1, 12,
                                  event(EventOperation::deliver, static_cast<uint32_t>(i))});
    if (i == 3) writer->write(InputRecord{1, microseconds(i), 5, "dom1/console/in", {'x'}});
    if (i % 3 == 0) writer->write(EpochDigest{i / 3, microseconds(i), 10 * i, i, 1, {}, std::nullopt});
  }
  writer->write(RunOutcome{0, "poweroff", microseconds(8), 100});
  REQUIRE(writer->close());

  REQUIRE(test_support::write_long_session(file.path, recording.path, 100));
  auto session = ViewedSession::open(file.path).value();
  read_all(*session);
  CHECK(session->problem().empty());
  REQUIRE(session->outcome());
  CHECK(session->outcome()->reason == "poweroff");
  const CrossingTable& table = session->table();
  REQUIRE(table.size() == 100);
  for (Row row = 1; row < table.size(); ++row) {
    CHECK(table.at(row - 1) < table.at(row));
    CHECK(table.sequence(row - 1) < table.sequence(row));
    CHECK(table.payload(row)[0] == row % 7 + 1);
  }
  CHECK(session->epochs().size() == 2 * 14 + 1);
  CHECK(session->inputs().size() == 14);

  TemporaryFile empty("empty");
  REQUIRE(SessionWriter::create(empty.path, {}).value()->close());
  CHECK_FALSE(test_support::write_long_session(file.path, empty.path, 10));
}
