// Proves that a payload whose packets begin with a prefix of another protocol (PacketFraming) comes back from
// the file as it crossed, whatever a policy or a fault has left of it, and that the packet is what that
// protocol wants. That a real dissector reads it is seen by tests/session/tshark_test.sh.
#include <algorithm>
#include <cstring>

#include "sim/session/recorder.h"
#include "tests/unit/sim/session_sample.h"

namespace ringside {

using namespace session_sample;

namespace {

// The record is a number of two bytes; the prefix says it in decimal, between two marks.
constexpr Field kNumber[] = {{"number", 0, 2}};
void write_prefix(std::span<const uint8_t> record, std::span<uint8_t> prefix) {
  const unsigned number = static_cast<unsigned>(record[0] | record[1] << 8);
  char text[16];
  std::snprintf(text, sizeof text, "<<%05u>>", number);
  std::memcpy(prefix.data(), text, 9);
}
bool read_prefix(std::span<const uint8_t> prefix, std::span<uint8_t> record) {
  const std::string text(prefix.begin(), prefix.end());
  unsigned number = 0;
  if (std::sscanf(text.c_str(), "<<%05u>>", &number) != 1 || number > 0xffff) return false;
  record[0] = static_cast<uint8_t>(number);
  record[1] = static_cast<uint8_t>(number >> 8);
  return true;
}
constexpr PacketFraming kFraming{9, write_prefix, read_prefix};
constexpr PayloadType kFramed{.id = 65020,
                              .name = "sample_framed",
                              .title = "A message of the tests",
                              .size = 2,
                              .fields = kNumber,
                              .tail = TailKind::bytes,
                              .tail_name = "message",
                              .link_type = link_type::exported_pdu,
                              .framing = &kFraming};

EpochDigest first_epoch() {
  EpochDigest digest;
  digest.number = 1;
  return digest;
}

void record(const std::string& path, const std::vector<Bytes>& payloads, CapturePolicy capture) {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  auto recorder = Recorder::create(path, sample_header()).value();
  wiring.add_tap(*recorder);
  Wire& wire = wiring.add("dom1/9p/share/T", WireKind::message, kFramed);
  wire.set_capture(capture);
  for (Bytes payload : payloads) wire.pass(Direction::out, payload);
  recorder->end_epoch(first_epoch());
  REQUIRE(recorder->finish({}));
}

std::vector<SessionCrossing> crossings_in(const std::string& path) {
  const auto session = read_session(path);
  if (!session) FAIL(session.error().message);
  std::vector<SessionCrossing> crossings;
  for (const SessionRecord& entry : session->records) {
    if (const auto* crossing = std::get_if<SessionCrossing>(&entry)) crossings.push_back(*crossing);
  }
  return crossings;
}

const Bytes kMessage{0x39, 0x30, 'h', 'e', 'l', 'l', 'o'};  // 12345, and a tail

}  // namespace

TEST_CASE("a framed payload comes back as it was, and stands in the file behind its prefix") {
  TemporaryFile file("framed");
  record(file.path, {kMessage, {0, 0}}, {});
  const auto crossings = crossings_in(file.path);
  REQUIRE(crossings.size() == 2);
  CHECK(crossings[0].payload == kMessage);
  CHECK(crossings[0].full_size == 7);
  CHECK(crossings[1].payload == Bytes{0, 0});
  const Bytes bytes = read_all(file.path);
  const Bytes packet = text_bytes("<<12345>>hello");
  const auto place = std::search(bytes.begin(), bytes.end(), packet.begin(), packet.end());
  REQUIRE(place != bytes.end());
  // The packet's lengths, captured and original, stand before it.
  CHECK(*(place - 8) == packet.size());
  CHECK(*(place - 4) == packet.size());
}

TEST_CASE("the record of a framed payload is whole, however little the policy keeps") {
  TemporaryFile file("framed-cut");
  const uint32_t kept = GENERATE(0u, 1u, 2u, 4u);
  record(file.path, {kMessage}, {CaptureMode::first_bytes, kept});
  const auto crossings = crossings_in(file.path);
  REQUIRE(crossings.size() == 1);
  CHECK(crossings[0].payload == Bytes(kMessage.begin(), kMessage.begin() + std::max(kept, 2u)));
  CHECK(crossings[0].full_size == 7);
  const Bytes bytes = read_all(file.path);
  const Bytes packet = text_bytes("<<12345>>");
  const auto place = std::search(bytes.begin(), bytes.end(), packet.begin(), packet.end());
  REQUIRE(place != bytes.end());
  CHECK(*(place - 8) == packet.size() + std::max(kept, 2u) - 2);
  CHECK(*(place - 4) == packet.size() + 5);
}

TEST_CASE("a framed payload that a fault has cut within its record comes back as short") {
  TemporaryFile file("framed-short");
  record(file.path, {{0x39}, {}}, {});
  const auto crossings = crossings_in(file.path);
  REQUIRE(crossings.size() == 2);
  CHECK(crossings[0].payload == Bytes{0x39});
  CHECK(crossings[1].payload.empty());
}

TEST_CASE("a framed payload beyond a packet's limit is cut, and says its true size") {
  TemporaryFile file("framed-large");
  Bytes large(400'000, 0x5a);
  record(file.path, {large}, {});
  const auto crossings = crossings_in(file.path);
  REQUIRE(crossings.size() == 1);
  CHECK(crossings[0].full_size == large.size());
  CHECK(crossings[0].payload.size() < 262'144);
  CHECK(std::equal(crossings[0].payload.begin(), crossings[0].payload.end(), large.begin()));
}

TEST_CASE("a packet without the prefix of its payload type is refused") {
  TemporaryFile file("framed-wrong");
  static constexpr PacketFraming kWrong{9,
                                        [](std::span<const uint8_t>, std::span<uint8_t> prefix) {
                                          std::fill(prefix.begin(), prefix.end(), uint8_t{'?'});
                                        },
                                        read_prefix};
  static constexpr PayloadType kWritesWrong{.id = 65021,
                                            .name = "sample_framed_wrong",
                                            .title = "A message that is written wrong",
                                            .size = 2,
                                            .fields = kNumber,
                                            .link_type = link_type::exported_pdu,
                                            .framing = &kWrong};
  PayloadRegistry::instance().add(kWritesWrong);
  auto writer = SessionWriter::create(file.path, sample_header()).value();
  writer->add_wire({"dom1/9p/share/T", WireKind::message, kWritesWrong.id, {}});
  writer->write(SessionCrossing{Tick{1}, 1, 0, Direction::out, 1, 7, kMessage});
  writer->write(first_epoch());
  REQUIRE(writer->close());
  const auto session = read_session(file.path);
  REQUIRE_FALSE(session);
  CHECK_THAT(session.error().message,
             Catch::Matchers::Contains("it does not begin as its payload type's packets do"));
}

}  // namespace ringside
