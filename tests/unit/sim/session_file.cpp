// Proves that a session is read as it was written, that any flipped byte is refused, and that a file cut
// anywhere is read up to its last complete epoch. It cannot show what a host that loses power leaves behind.
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "sim/random.h"
#include "tests/unit/sim/session_sample.h"

using namespace ringside;
using namespace ringside::session_sample;

TEST_CASE("a session is read as it was written") {
  TemporaryFile file("roundtrip");
  write_sample(file.path);
  auto reader = SessionReader::open(file.path).value();
  const SessionHeader& header = reader.header();
  const SessionHeader expected = sample_header();
  CHECK(header.scenario_name == expected.scenario_name);
  CHECK(header.scenario_text == expected.scenario_text);
  CHECK(header.overrides == expected.overrides);
  CHECK(header.seed == expected.seed);
  CHECK(header.epoch_instructions == expected.epoch_instructions);
  CHECK(header.memory_digest_epochs == expected.memory_digest_epochs);
  CHECK(header.versions == expected.versions);
  REQUIRE(header.files.size() == 1);
  CHECK(header.files[0].name == "kernel.elf");
  CHECK(header.files[0].size == 5);
  CHECK(header.files[0].hash == expected.files[0].hash);
  CHECK_FALSE(header.files[0].contents);

  const ReadResult result = read_session(file.path).value();
  CHECK(result.wires == sample_wires());
  CHECK(result.records == sample_records());
  CHECK_FALSE(result.cut);
  CHECK(result.lost == 0);
}

TEST_CASE("a session says which test made it, if one did") {
  TemporaryFile file("of-test");
  SessionHeader header = sample_header();
  write_session(file.path, sample_records(), header);
  CHECK(SessionReader::open(file.path).value().header().test.empty());
  header.program = "serial_tests";
  header.test = "echoes what is typed, \"all\" of it";
  write_session(file.path, sample_records(), header);
  CHECK(SessionReader::open(file.path).value().header().program == "serial_tests");
  CHECK(SessionReader::open(file.path).value().header().test == header.test);
}

TEST_CASE("a session holds its scenario's notes, if it has some") {
  TemporaryFile without("without-notes"), file("with-notes");
  SessionHeader header = sample_header();
  write_session(without.path, sample_records(), header);
  CHECK(SessionReader::open(without.path).value().header().notes.empty());
  const Bytes plain = read_all(without.path);
  CHECK(std::string(plain.begin(), plain.end()).find("\"notes\"") == std::string::npos);
  header.notes = "## A step\n\nIts text, \"quoted\", \xc3\xa9.\n";
  write_session(file.path, sample_records(), header);
  CHECK(SessionReader::open(file.path).value().header().notes == header.notes);
}

TEST_CASE("reading can begin again") {
  TemporaryFile file("rewind");
  write_sample(file.path);
  auto reader = SessionReader::open(file.path).value();
  for (int i = 0; i < 5; ++i) REQUIRE(reader.next().value());
  reader.rewind();
  CHECK(reader.wires().empty());
  CHECK(reader.next().value() == sample_records()[0]);
}

TEST_CASE("equal sessions have equal bytes") {
  TemporaryFile first("equal-a"), second("equal-b");
  write_sample(first.path);
  write_sample(second.path);
  CHECK(read_all(first.path) == read_all(second.path));
}

TEST_CASE("every flipped byte of a session is refused") {
  TemporaryFile file("flip");
  write_sample(file.path);
  const Bytes whole = read_all(file.path);
  Random random(1);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const uint8_t flip : {uint8_t{0xff}, uint8_t{1}, static_cast<uint8_t>(1u << random.below(8))}) {
      Bytes altered = whole;
      altered[at] ^= flip;
      write_all(file.path, altered);
      const auto result = read_session(file.path);
      INFO("byte " << at << " xor " << unsigned{flip});
      REQUIRE_FALSE(result);
      REQUIRE(result.error().code == ExitCode::bad_input);
      REQUIRE(result.error().message.find("is damaged at byte ") != std::string::npos);
      REQUIRE(result.error().message.find(" block)") != std::string::npos);
    }
  }
}

TEST_CASE("every flipped byte of a cut session is refused, up to where its last complete block ends") {
  TemporaryFile file("flip-cut");
  write_sample(file.path);
  Bytes cut = read_all(file.path);
  const auto blocks_end = [&] {  // of the last complete block when 10 bytes are gone: the outcome's begin
    uint32_t length = 0;
    std::memcpy(&length, &cut[cut.size() - 4], 4);
    return cut.size() - length;
  }();
  cut.resize(cut.size() - 10);
  for (size_t at = 0; at < blocks_end; ++at) {
    Bytes altered = cut;
    altered[at] ^= 0x40;
    write_all(file.path, altered);
    INFO("byte " << at);
    REQUIRE_FALSE(read_session(file.path));
  }
}

TEST_CASE("a session cut anywhere is read up to its last complete epoch") {
  TemporaryFile file("cut");
  write_sample(file.path);
  const Bytes whole = read_all(file.path);
  const auto records = sample_records();
  uint64_t headers_only = 0;
  size_t epochs_before = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    write_all(file.path, Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
    INFO("cut to " << size << " bytes");
    const auto result = read_session(file.path);
    if (!result) {
      REQUIRE(result.error().code == ExitCode::bad_input);
      REQUIRE(result.error().message.find("damaged") == std::string::npos);
      REQUIRE(epochs_before == 0);
      REQUIRE(headers_only == 0);  // once the header is whole there are no errors any more
      continue;
    }
    ++headers_only;
    REQUIRE(result->cut);
    REQUIRE(result->records.size() <= records.size());
    REQUIRE(std::equal(result->records.begin(), result->records.end(), records.begin()));
    if (!result->records.empty()) REQUIRE(std::holds_alternative<EpochDigest>(result->records.back()));
    const size_t epochs = static_cast<size_t>(std::count_if(
        result->records.begin(), result->records.end(),
        [](const SessionRecord& record) { return std::holds_alternative<EpochDigest>(record); }));
    REQUIRE(epochs >= epochs_before);
    REQUIRE(epochs <= epochs_before + 1);
    epochs_before = epochs;
    REQUIRE(result->lost <= size);
  }
  CHECK(epochs_before == 3);
  CHECK(headers_only > 0);
}

TEST_CASE("flipped bits and cuts of a large session") {
  TemporaryFile file("large");
  PayloadRegistry::instance().add(kRequest);
  auto writer = SessionWriter::create(file.path, sample_header()).value();
  writer->add_wire(sample_wires()[0]);
  Random random(2);
  uint64_t sequence = 0;
  for (uint64_t epoch = 1; epoch <= 40; ++epoch) {
    for (uint64_t i = random.below(100); i > 0; --i) {
      Bytes payload(random.below(300));
      for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random.next());
      const auto size = static_cast<uint32_t>(payload.size());
      ++sequence;
      writer->write(SessionCrossing{Tick{sequence}, sequence, 0, Direction::in, 1, size, std::move(payload)});
    }
    writer->write(EpochDigest{epoch, Tick{sequence}, epoch, sequence, 1, {}, std::nullopt});
    writer->flush();
  }
  writer->write(RunOutcome{0, "end", Tick{sequence}, 40});
  REQUIRE(writer->close());
  const Bytes whole = read_all(file.path);
  for (int i = 0; i < 150; ++i) {
    Bytes altered = whole;
    const size_t at = random.below(whole.size());
    altered[at] ^= static_cast<uint8_t>(1u << random.below(8));
    write_all(file.path, altered);
    INFO("byte " << at);
    REQUIRE_FALSE(read_session(file.path));

    altered = whole;
    altered.resize(2000 + random.below(whole.size() - 2000));
    write_all(file.path, altered);
    INFO("cut to " << altered.size());
    const auto result = read_session(file.path);
    REQUIRE(result);
    REQUIRE(result->cut);
  }
}

TEST_CASE("what is no session is refused with a reason") {
  TemporaryFile file("foreign");
  write_all(file.path, {});
  CHECK(read_session(file.path).error().message.find("is empty") != std::string::npos);
  write_all(file.path, text_bytes("#!/bin/sh\necho a script\n"));
  CHECK(read_session(file.path).error().message.find("no block of a session begins there") !=
        std::string::npos);
  CHECK(read_session(file.path + "-none").error().message.find("cannot be opened") != std::string::npos);
  CHECK(read_session("/dev/zero").error().message.find("not a regular file") != std::string::npos);
  CHECK(read_session("/tmp").error().message.find("not a regular file") != std::string::npos);
}

TEST_CASE("bytes behind the outcome are refused") {
  TemporaryFile file("behind");
  write_sample(file.path);
  Bytes bytes = read_all(file.path);
  for (const size_t extra : {1, 4, 40}) {
    Bytes longer = bytes;
    longer.insert(longer.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(extra));
    write_all(file.path, longer);
    INFO(extra << " bytes behind");
    CHECK_FALSE(read_session(file.path));
  }
}

TEST_CASE("gaps in the numbers of inputs and epochs are refused") {
  TemporaryFile file("gaps");
  PayloadRegistry::instance().add(kRequest);
  for (const bool of_inputs : {true, false}) {
    auto writer = SessionWriter::create(file.path, sample_header()).value();
    if (of_inputs) {
      writer->write(InputRecord{2, Tick{1}, 1, "dom1/console/in", {}});
    } else {
      writer->write(EpochDigest{2, Tick{1}, 1, 0, 0, {}, std::nullopt});
    }
    writer->write(RunOutcome{});
    REQUIRE(writer->close());
    const auto result = read_session(file.path);
    REQUIRE_FALSE(result);
    CHECK(result.error().message.find(of_inputs ? "input 2 follows input 0" : "epoch 2 follows epoch 0") !=
          std::string::npos);
  }
}

TEST_CASE("packed contents come back, and only the right ones") {
  TemporaryFile file("packed");
  SessionHeader header = sample_header();
  Bytes large(5u << 20);  // more than one piece
  Random random(3);
  for (size_t i = 0; i < large.size(); i += 64) large[i] = static_cast<uint8_t>(random.next());
  header.files = {{"kernel.elf", 5, file_hash(text_bytes("hello")), text_bytes("hello")},
                  {"not-packed", 9, 1, std::nullopt},
                  {"empty", 0, file_hash(Bytes{}), Bytes{}},
                  {"disk.img", large.size(), file_hash(large), large}};
  write_sample(file.path, header);
  auto reader = SessionReader::open(file.path).value();
  CHECK(reader.header().files[0].contents == text_bytes("hello"));
  CHECK_FALSE(reader.header().files[1].contents);
  CHECK(reader.header().files[2].contents == Bytes{});
  CHECK(reader.header().files[3].contents == large);
  CHECK(read_session(file.path)->records == sample_records());

  header.files[0].hash ^= 1;
  write_sample(file.path, header);
  const auto refused = SessionReader::open(file.path);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("'kernel.elf' has another hash") != std::string::npos);
}

TEST_CASE("a header that is not UTF-8 is refused before a file is made") {
  SessionHeader header = sample_header();
  header.scenario_text = "\xff";
  TemporaryFile file("utf8");
  const auto result = SessionWriter::create(file.path, header);
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("UTF-8") != std::string::npos);
}

TEST_CASE("a full disk is one clear error, and complete epochs are kept") {
  TemporaryFile file("full");
  PayloadRegistry::instance().add(kRequest);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  auto writer = SessionWriter::create(file.path, sample_header()).value();
  rlimit limit = old_limit;
  limit.rlim_cur = 6000;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  writer->add_wire(sample_wires()[0]);
  uint64_t epoch = 0;
  while (writer->status() && epoch < 100) {
    ++epoch;
    for (uint64_t i = 0; i < 4; ++i) {
      writer->write(SessionCrossing{Tick{epoch}, epoch * 4 + i, 0, Direction::out, 1, 100, Bytes(100, 7)});
    }
    writer->write(EpochDigest{epoch, Tick{epoch}, epoch, epoch * 4, 1, {}, std::nullopt});
    writer->flush();
  }
  writer->write(RunOutcome{});
  const Result<> closed = writer->close();
  setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);

  REQUIRE_FALSE(closed);
  CHECK(closed.error().code == ExitCode::bad_input);
  CHECK(closed.error().message.find("free space or choose another -o") != std::string::npos);
  CHECK(closed.error().message.find("up to epoch " + std::to_string(epoch - 1) + " is kept") !=
        std::string::npos);
  const ReadResult result = read_session(file.path).value();
  CHECK(result.cut);
  CHECK(result.lost == 0);
  REQUIRE_FALSE(result.records.empty());
  CHECK(std::get<EpochDigest>(result.records.back()).number == epoch - 1);
}

TEST_CASE("a folder that is not there is an error of create") {
  const auto result = SessionWriter::create("/nonexistent-folder/a.pcapng", sample_header());
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("/nonexistent-folder/a.pcapng") != std::string::npos);
  CHECK_FALSE(SessionWriter::create("/dev/full", sample_header()));
}
