// Proves that a session which somebody made up, checksums and all, is refused without harm. The fuzz target
// session_reader looks for what nobody thought of.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>

#include "sim/session/encoding.h"
#include "tests/unit/sim/session_sample.h"

using namespace ringside;
using namespace ringside::session_sample;

namespace {

// A file of sound blocks; what they claim is the test's.
void forge(const std::string& path, std::string_view header_json,
           const std::function<void(BlockOutput&)>& rest) {
  BlockOutput output;
  REQUIRE(output.open(path));
  encode_section(output);
  encode_custom(output, CustomKind::header,
                {reinterpret_cast<const uint8_t*>(header_json.data()), header_json.size()});
  rest(output);
  REQUIRE(output.close());
}

std::string header_json(std::string_view files = "[]") {
  return "{\"scenario_name\":\"x\",\"scenario_text\":\"\",\"overrides\":[],\"seed\":1,\"epoch_instructions\":"
         "1,"
         "\"memory_digest_epochs\":1,\"files\":" +
         std::string(files) + ",\"versions\":[]}";
}

// Why it is refused; empty when it is not.
std::string refusal(const std::string& path) {
  const auto result = read_session(path);
  if (result) return "";
  CHECK(result.error().code == ExitCode::bad_input);
  return result.error().message;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("headers that are not what they should be") {
  TemporaryFile file("hostile-header");
  const auto with_header = [&](std::string_view json) {
    forge(file.path, json, encode_input_interface);
    return refusal(file.path);
  };
  CHECK(with_header(header_json()).empty());
  std::string of_test = header_json();
  of_test.insert(of_test.size() - 1, ",\"test\":7");
  CHECK(contains(with_header(of_test), "'test'"));
  CHECK(contains(with_header("{"), "it is not JSON"));
  CHECK(contains(with_header("[]"), "'scenario_name'"));
  CHECK(contains(with_header("{\"scenario_name\":7}"), "'scenario_name'"));
  CHECK(contains(with_header(header_json("[{\"name\":\"f\",\"size\":-1,\"hash\":\"0\",\"packed\":false}]")),
                 "'files'"));
  CHECK(contains(with_header(header_json("[[]]")), "'files'"));
  std::string deep(200000, '[');
  CHECK(contains(with_header(deep), "it is not JSON"));
  deep += std::string(200000, ']');
  CHECK(contains(with_header(header_json(deep)), "'files'"));
  CHECK(contains(with_header(std::string((4u << 20) + 1, ' ')), "too large"));
}

TEST_CASE("packed files that are not what they should be") {
  TemporaryFile file("hostile-packed");
  const auto packed = [&](std::string_view files, const std::function<void(BlockOutput&)>& chunks) {
    forge(file.path, header_json(files), [&](BlockOutput& output) {
      chunks(output);
      encode_input_interface(output);
    });
    return refusal(file.path);
  };
  const auto none = [](BlockOutput&) {};
  // More than anybody's memory, in a file of some hundred bytes.
  CHECK(contains(
      packed("[{\"name\":\"f\",\"size\":18446744073709551615,\"hash\":\"0000000000000000\",\"packed\":true}]",
             none),
      "are refused"));
  CHECK(contains(packed("[{\"name\":\"f\",\"size\":600000000,\"hash\":\"0000000000000000\",\"packed\":true},"
                        "{\"name\":\"g\",\"size\":600000000,\"hash\":\"0000000000000000\",\"packed\":true}]",
                        none),
                 "should be there"));
  const std::string one = "[{\"name\":\"f\",\"size\":5,\"hash\":\"0000000000000000\",\"packed\":true}]";
  const auto chunk = [](std::vector<uint8_t> body) {
    return [body](BlockOutput& output) { encode_custom(output, CustomKind::contents, body); };
  };
  CHECK(contains(packed(one, chunk({})), "not whole"));
  CHECK(contains(packed(one, chunk({0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0})), "is not piece 0 of 'f'"));
  CHECK(contains(packed(one, chunk({0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})),
                 "is not piece 0 of 'f'"));
  CHECK(contains(packed(one, chunk({0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3})),
                 "another size than it says"));
}

TEST_CASE("records that contradict what was said before") {
  TemporaryFile file("hostile-records");
  PayloadRegistry::instance().add(kRequest);
  const SessionWire wire{"dom1/a", WireKind::message, kRequest.id, {}};
  const auto records = [&](const std::function<void(BlockOutput&)>& write) {
    forge(file.path, header_json(), [&](BlockOutput& output) {
      encode_input_interface(output);
      encode_interface(output, wire, 147);
      write(output);
      encode_outcome(output, {});
    });
    return refusal(file.path);
  };
  const Bytes payload(10);
  const auto crossing = [&](uint32_t position, uint32_t full_size) {
    return CrossingView{Tick{1}, 1, position, Direction::out, 1, full_size, payload};
  };
  CHECK(records([&](BlockOutput& output) {
          encode_crossing(output, crossing(0, 10), kRequest.id, 147);
        }).empty());
  CHECK(contains(
      records([&](BlockOutput& output) { encode_crossing(output, crossing(1, 10), kRequest.id, 147); }),
      "interface 2 is unknown"));
  CHECK(contains(
      records([&](BlockOutput& output) { encode_crossing(output, crossing(0, 9), kRequest.id, 147); }),
      "more than its full size"));
  CHECK(contains(records([&](BlockOutput& output) { encode_crossing(output, crossing(0, 10), 7, 147); }),
                 "its payload type is 7"));
  CHECK(contains(records([&](BlockOutput& output) { encode_interface(output, wire, 147); }),
                 "a second wire is named"));
  CHECK(contains(records([&](BlockOutput& output) { encode_section(output); }), "a second section"));
  CHECK(contains(records([&](BlockOutput& output) { encode_outcome(output, {}); }), "follows the outcome"));
  CHECK(contains(records([&](BlockOutput& output) { encode_custom(output, CustomKind::digest, payload); }),
                 "not whole"));
  CHECK(contains(
      records([&](BlockOutput& output) { encode_custom(output, static_cast<CustomKind>(9), payload); }),
      "of kind 9"));
}

TEST_CASE("a forked child writes nothing into its parent's session") {
  TemporaryFile file("fork");
  PayloadRegistry::instance().add(kRequest);
  auto writer = SessionWriter::create(file.path, sample_header()).value();
  writer->add_wire(sample_wires()[0]);
  const pid_t child = fork();
  if (child == 0) {
    writer->write(EpochDigest{1, Tick{1}, 1, 0, 0, {}, std::nullopt});
    writer->flush();
    (void)writer->close();
    _exit(0);
  }
  REQUIRE(child > 0);
  waitpid(child, nullptr, 0);
  writer->write(EpochDigest{1, Tick{2}, 2, 0, 0, {}, std::nullopt});
  writer->write(RunOutcome{});
  REQUIRE(writer->close());
  const ReadResult result = read_session(file.path).value();
  REQUIRE(result.records.size() == 2);
  CHECK(std::get<EpochDigest>(result.records[0]).at == Tick{2});
}
