// Proves that packing keeps every record and refuses other files than the recorded ones, and that the first
// difference of two sessions is named.
#include <catch2/catch.hpp>

#include "sim/session/diff.h"
#include "sim/session/pack.h"
#include "tests/unit/sim/session_sample.h"

using namespace ringside;
using namespace ringside::session_sample;

namespace {

SessionDifference difference(const std::string& first, const std::string& second) {
  const auto result = diff_sessions(first, second);
  REQUIRE(result);
  REQUIRE(*result);
  return **result;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a packed session holds the same records and the files") {
  TemporaryFile plain("plain"), packed("pack");
  write_sample(plain.path);
  REQUIRE(pack_session(plain.path, packed.path, {text_bytes("hello")}));
  auto reader = SessionReader::open(packed.path).value();
  CHECK(reader.header().files[0].contents == text_bytes("hello"));
  CHECK(read_session(packed.path)->records == sample_records());
  CHECK(read_session(packed.path)->wires == sample_wires());
  CHECK_FALSE(diff_sessions(plain.path, packed.path).value());

  REQUIRE(pack_session(plain.path, plain.path, {text_bytes("hello")}));
  CHECK(read_all(plain.path) == read_all(packed.path));
}

TEST_CASE("packing refuses other files than the recorded ones and leaves nothing behind") {
  TemporaryFile plain("plain2"), packed("pack2");
  write_sample(plain.path);
  const auto changed = pack_session(plain.path, packed.path, {text_bytes("hallo")});
  REQUIRE_FALSE(changed);
  CHECK(contains(changed.error().message, "'kernel.elf' is not the file"));
  CHECK_FALSE(pack_session(plain.path, packed.path, {}));
  Bytes bytes = read_all(plain.path);
  bytes[bytes.size() - 100] ^= 1;
  write_all(plain.path, bytes);
  CHECK_FALSE(pack_session(plain.path, packed.path, {text_bytes("hello")}));
  CHECK(access(packed.path.c_str(), F_OK) != 0);
  CHECK(access((packed.path + ".partial").c_str(), F_OK) != 0);
}

TEST_CASE("the first difference of two sessions is named") {
  TemporaryFile first("diff-a"), second("diff-b");
  write_sample(first.path);
  write_sample(second.path);
  CHECK_FALSE(diff_sessions(first.path, second.path).value());

  SECTION("in the header") {
    SessionHeader header = sample_header();
    header.seed = 1;
    write_session(second.path, sample_records(), header);
    CHECK(difference(first.path, second.path).what == "the seed differs");
    header = sample_header();
    header.scenario_text += "[machine]\n";
    write_session(second.path, sample_records(), header);
    CHECK(difference(first.path, second.path).what == "line 2 of the scenario differs");
    CHECK(difference(first.path, second.path).second == "[machine]");
    header = sample_header();
    header.versions[1].second = "2.1.5";
    write_session(second.path, sample_records(), header);
    CHECK(difference(first.path, second.path).second == "unicorn = 2.1.5");
    header = sample_header();
    header.notes = "## A step\n";
    write_session(second.path, sample_records(), header);
    CHECK(difference(first.path, second.path).what == "line 1 of the notes differs");
    CHECK(difference(first.path, second.path).second == "## A step");
  }
  SECTION("in a crossing") {
    auto records = sample_records();
    std::get<SessionCrossing>(records[4]).payload[1] = 10;
    write_session(second.path, records);
    const SessionDifference found = difference(first.path, second.path);
    CHECK(found.what == "recorded crossing 3 differs");
    CHECK(contains(found.first, "sector=9 "));
    CHECK(contains(found.second, "sector=10 "));
  }
  SECTION("in an input, a digest, the outcome") {
    auto records = sample_records();
    std::get<InputRecord>(records[6]).bytes = {1};
    write_session(second.path, records);
    CHECK(difference(first.path, second.path).what == "input 2 differs");
    records = sample_records();
    std::get<EpochDigest>(records[5]).memory = 1;
    write_session(second.path, records);
    CHECK(difference(first.path, second.path).what == "epoch 2: the digest of memory differs");
    records = sample_records();
    std::get<RunOutcome>(records[8]).exit_code = 4;
    write_session(second.path, records);
    CHECK(difference(first.path, second.path).what == "how the run ends differs");
  }
  SECTION("in the wires") {
    auto writer = SessionWriter::create(second.path, sample_header()).value();
    writer->add_wire(sample_wires()[0]);
    SessionWire other = sample_wires()[1];
    other.name = "dom1/eth/vif1/tx";
    writer->add_wire(other);
    write_records(*writer, sample_records());
    REQUIRE(writer->close());
    CHECK(difference(first.path, second.path).what == "wire 2 differs");
  }
  SECTION("where one was cut") {
    Bytes bytes = read_all(first.path);
    bytes.resize(bytes.size() - 20);
    write_all(second.path, bytes);
    const SessionDifference found = difference(first.path, second.path);
    CHECK(contains(found.first, "the end of the run"));
    CHECK(found.second == "the session was cut here");
  }
}
