// Proves that a session file becomes the table that it holds, read in slices; that one which grows is
// followed; and that of one which is cut, damaged or somebody else's the viewer shows what there is and says
// what is wrong. It cannot show how a person likes the words.
#include "tests/unit/viewer/session/session_bench.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::session_bench;
using Catch::Matchers::Contains;

namespace {

constexpr uint64_t kEpochs = 5, kCrossingsOfEpoch = 40;

SessionHeader header() {
  SessionHeader header;
  header.scenario_name = "viewed";
  header.epoch_instructions = 1000;
  header.versions = {{"ringside", "0.1.0"}};
  return header;
}

// Epochs of a ring's requests; the second wire appears in the third epoch.
void write_session(const std::string& path, bool whole, uint64_t epochs = kEpochs) {
  register_all_payload_types();
  auto writer = SessionWriter::create(path, header()).value();
  writer->add_wire({"dom1/ring/xvda/request", WireKind::message, kBlkRequestPayload.id, {}});
  uint64_t sequence = 0;
  for (uint64_t epoch = 1; epoch <= epochs; ++epoch) {
    if (epoch == 3) writer->add_wire({"dom1/evtchn", WireKind::signal, kEventPayload.id, {}});
    for (uint64_t i = 0; i < kCrossingsOfEpoch; ++i) {
      ++sequence;
      const bool is_event = epoch >= 3 && i % 2 == 1;
      const Bytes payload = is_event ? event(EventOperation::send, 7) : read_request(8 * sequence);
      writer->write(SessionCrossing{microseconds(sequence), sequence, is_event ? 1u : 0u, Direction::out, 1,
                                    static_cast<uint32_t>(payload.size()), payload});
    }
    writer->write(InputRecord{epoch, microseconds(sequence), 10 * epoch, "dom1/console/in", {'x'}});
    writer->write(
        EpochDigest{epoch, microseconds(sequence), 1000 * epoch, sequence, 1, {{"cpu", 1}}, std::nullopt});
    writer->flush();
  }
  if (whole) writer->write(RunOutcome{0, "poweroff", microseconds(sequence), 1000 * epochs});
  REQUIRE(writer->close());
}

// Where epochs end in a file.
size_t size_of_epochs(uint64_t epochs) {
  TemporaryFile file("measured");
  write_session(file.path, false, epochs);
  return file.read().size();
}

}  // namespace

TEST_CASE("a session becomes a table of crossings, and what else it holds") {
  TemporaryFile file("whole");
  write_session(file.path, true);
  auto session = ViewedSession::open(file.path).value();
  CHECK(session->header().scenario_name == "viewed");
  CHECK(session->path() == file.path);
  CHECK_FALSE(session->is_read());
  read_all(*session);
  const CrossingTable& table = session->table();
  REQUIRE(table.size() == kEpochs * kCrossingsOfEpoch);
  REQUIRE(table.wires().size() == 2);
  CHECK(table.wires()[0].name == "dom1/ring/xvda/request");
  CHECK(table.wires()[0].type == &kBlkRequestPayload);
  CHECK(table.wires()[1].kind == WireKind::signal);
  CHECK(table.wires()[0].rows.size() + table.wires()[1].rows.size() == table.size());
  for (Row row = 0; row < table.size(); ++row) {
    CHECK(table.sequence(row) == row + 1);
    CHECK(table.at(row) == microseconds(row + 1));
    const bool is_event = row >= 2 * kCrossingsOfEpoch && row % 2 == 1;
    CHECK(table.wire(row) == (is_event ? 1 : 0));
    const Bytes expected = is_event ? event(EventOperation::send, 7) : read_request(8 * (row + 1));
    CHECK(std::equal(expected.begin(), expected.end(), table.payload(row).begin(), table.payload(row).end()));
  }
  REQUIRE(session->epochs().size() == kEpochs);
  CHECK(session->epochs()[1].at == microseconds(2 * kCrossingsOfEpoch));
  CHECK(session->epochs()[1].instructions == 2000);
  REQUIRE(session->inputs().size() == kEpochs);
  CHECK(session->inputs()[1].before == 2 * kCrossingsOfEpoch - 1);
  CHECK(session->inputs()[1].record.wire == "dom1/console/in");
  REQUIRE(session->outcome());
  CHECK(session->outcome()->reason == "poweroff");
  CHECK(session->problem().empty());
  CHECK_FALSE(session->is_growing());
  CHECK(session->progress() == 1);
  CHECK_FALSE(session->read_for(std::chrono::milliseconds(1)));
}

TEST_CASE("a long session is read in slices, with progress") {
  TemporaryFile file("slices");
  write_session(file.path, true, 100);
  auto session = ViewedSession::open(file.path).value();
  double before = 0;
  int slices = 0;
  while (!session->is_read()) {
    CHECK(session->read_for(std::chrono::nanoseconds(0)));
    CHECK(session->progress() > before);
    CHECK(session->progress() <= 1);
    before = session->progress();
    ++slices;
  }
  CHECK(slices > 4);
  CHECK(session->table().size() == 100 * kCrossingsOfEpoch);
}

TEST_CASE("a live session has no file, and its table is somebody else's to fill") {
  SessionHeader header;
  header.scenario_name = "live";
  auto session = ViewedSession::make_live(header);
  CHECK(session->header().scenario_name == "live");
  CHECK(session->is_read());
  CHECK_FALSE(session->read_for(std::chrono::milliseconds(1)));
  CHECK(session->progress() == 1);
  session->table().add(Tick{5}, 1, session->table().add_wire("dom1/evtchn", WireKind::signal, 101, {}),
                       Direction::in, 1, 0, {});
  CHECK(session->table().size() == 1);
  CHECK(session->problem().empty());
}

TEST_CASE("a session that is being recorded is followed, epoch by epoch, to its end") {
  TemporaryFile whole("recorded"), file("growing");
  write_session(whole.path, true);
  const Bytes bytes = whole.read();
  const size_t two = size_of_epochs(2), four = size_of_epochs(4);

  // The third epoch is there in part.
  file.write(std::span(bytes).first(two + 100));
  auto session = ViewedSession::open(file.path).value();
  read_all(*session);
  CHECK(session->table().size() == 2 * kCrossingsOfEpoch);
  CHECK(session->is_growing());
  CHECK(session->problem().empty());
  CHECK_FALSE(session->read_for(std::chrono::milliseconds(1)));

  file.append(std::span(bytes).subspan(two + 100, 33));
  CHECK_FALSE(session->read_for(std::chrono::milliseconds(1)));
  CHECK(session->is_growing());
  file.append(std::span(bytes).subspan(two + 133, four - two - 133));
  CHECK(session->read_for(std::chrono::milliseconds(5)));
  read_all(*session);
  CHECK(session->table().size() == 4 * kCrossingsOfEpoch);
  CHECK(session->table().wires().size() == 2);
  CHECK(session->epochs().size() == 4);

  file.append(std::span(bytes).subspan(four));
  CHECK(session->read_for(std::chrono::milliseconds(5)));
  read_all(*session);
  CHECK(session->table().size() == 5 * kCrossingsOfEpoch);
  REQUIRE(session->outcome());
  CHECK_FALSE(session->is_growing());
  CHECK(session->problem().empty());
}

TEST_CASE("a cut session shows what is whole, and says what is lost") {
  TemporaryFile whole("uncut"), file("cut");
  write_session(whole.path, true);
  const Bytes bytes = whole.read();
  const size_t four = size_of_epochs(4);
  const auto problem_at = [&](size_t size, size_t rows) {
    file.write(std::span(bytes).first(size));
    file.make_old();
    auto session = ViewedSession::open(file.path).value();
    read_all(*session);
    CHECK(session->table().size() == rows);
    CHECK_FALSE(session->is_growing());
    return session->problem();
  };
  CHECK(problem_at(four + 1204, 4 * kCrossingsOfEpoch) == "cut: 1,204 bytes behind epoch 4 are lost");
  CHECK(problem_at(four + 1, 4 * kCrossingsOfEpoch) == "cut: 1 byte behind epoch 4 is lost");
  CHECK(problem_at(four, 4 * kCrossingsOfEpoch) ==
        "cut: how the run ended is lost; it is whole up to epoch 4");
  CHECK_THAT(problem_at(size_of_epochs(1) - 8, 0),
             Catch::StartsWith("cut: ") && Catch::EndsWith(" bytes behind the header are lost"));
}

TEST_CASE("a damaged session shows what stands before the damage, and says where that is") {
  TemporaryFile file("damaged");
  write_session(file.path, true);
  Bytes bytes = file.read();
  const size_t three = size_of_epochs(3);
  bytes[three + 60] ^= 1;
  file.write(bytes);
  auto session = ViewedSession::open(file.path).value();
  read_all(*session);
  CHECK(session->table().size() == 3 * kCrossingsOfEpoch);
  CHECK(session->problem() == "damaged at byte " + std::to_string(three) +
                                  " (packet block): its checksum does not match; get an intact copy; what is "
                                  "shown ends behind epoch 3");
  CHECK_FALSE(session->is_growing());
  CHECK_FALSE(session->read_for(std::chrono::milliseconds(1)));
}

TEST_CASE("a session that is recorded anew while it is open says so") {
  TemporaryFile file("anew"), other("other");
  write_session(file.path, false);
  auto session = ViewedSession::open(file.path).value();
  read_all(*session);
  const Row rows = session->table().size();
  SECTION("in its place") {
    Bytes begin = file.read();
    begin.resize(200);
    file.write(begin);
    CHECK(session->read_for(std::chrono::milliseconds(1)));
    CHECK_THAT(session->problem(), Contains("has become shorter"));
  }
  SECTION("as another file of its name") {
    write_session(other.path, true);
    REQUIRE(std::rename(other.path.c_str(), file.path.c_str()) == 0);
    CHECK(session->read_for(std::chrono::milliseconds(1)));
    CHECK_THAT(session->problem(), Contains("another one has its name"));
  }
  SECTION("gone") {
    REQUIRE(std::remove(file.path.c_str()) == 0);
    CHECK(session->read_for(std::chrono::milliseconds(1)));
    CHECK_THAT(session->problem(), Contains("not there any more"));
  }
  CHECK(session->table().size() == rows);
}

TEST_CASE("crossings that go back in time stand where a search finds them, and are called strange") {
  TemporaryFile file("disorder");
  register_all_payload_types();
  auto writer = SessionWriter::create(file.path, header()).value();
  writer->add_wire({"dom1/evtchn", WireKind::signal, kEventPayload.id, {}});
  for (const auto& [at, sequence] : {std::pair(10, 5), std::pair(4, 6), std::pair(12, 2), std::pair(13, 9)}) {
    writer->write(SessionCrossing{Tick{static_cast<uint64_t>(at)}, static_cast<uint64_t>(sequence), 0,
                                  Direction::out, 1, 12, event(EventOperation::send, 1)});
  }
  writer->write(EpochDigest{1, Tick{13}, 1, 4, 1, {}, std::nullopt});
  writer->write(RunOutcome{0, "poweroff", Tick{13}, 1});
  REQUIRE(writer->close());
  auto session = ViewedSession::open(file.path).value();
  read_all(*session);
  const CrossingTable& table = session->table();
  REQUIRE(table.size() == 4);
  CHECK(table.last_row_at(Tick{10}) == 1);
  CHECK(table.last_row_at(Tick{12}) == 2);
  CHECK(table.last_row_of_sequence(9) == 3);
  CHECK_THAT(session->problem(), Catch::StartsWith("strange: crossing 6 is earlier"));
}

TEST_CASE("what is no session is called by what it is, with what to do") {
  TemporaryFile file("foreign");
  const auto message = [&](std::string_view bytes) {
    file.write({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    const auto session = ViewedSession::open(file.path);
    REQUIRE_FALSE(session);
    CHECK(session.error().code == ExitCode::bad_input);
    CHECK_THAT(session.error().message, Contains(file.path));
    return session.error().message;
  };
  using namespace std::string_view_literals;
  CHECK_THAT(message("\x7f"
                     "ELF\2\1\1\0\0\0\0\0\0\0\0\0"sv),
             Contains("is a program or kernel (ELF)") && Contains("ringside run"));
  CHECK_THAT(message("\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0"sv), Contains("a pcap capture of another program"));
  // As Wireshark writes it: its options are not ours.
  CHECK_THAT(message("\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\4\0\4\0abcd\0\0\0\0\x1c\0\0\0"sv),
             Contains("a pcapng capture of another program"));
  CHECK_THAT(message("\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d\0\1\0\0"sv),
             Contains("a pcapng capture of another program"));
  CHECK_THAT(message("\x1f\x8b\x08\0"sv), Contains("gzip") && Contains("unpack it first"));
  CHECK_THAT(message("[machine]\nseed = 1\n"sv), Contains("a scenario: give its folder"));
  CHECK_THAT(message(""sv), Contains("is empty"));
  CHECK_THAT(message("\1\2\3"sv), Contains("damaged at byte 0"));
  CHECK_THAT(ViewedSession::open("/").error().message, Contains("is a folder"));
  CHECK_THAT(ViewedSession::open("/nowhere/x.pcapng").error().message, Contains("cannot be opened"));
}
