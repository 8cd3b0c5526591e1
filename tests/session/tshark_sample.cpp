// tshark_sample TEMPLATE FOLDER: writes FOLDER/sample.pcapng, a session whose payload types have every format
// of field and every kind of tail, and FOLDER/sample.lua, the dissector for them. tshark_test.sh reads both
// with tshark.
#include <cstdio>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <vector>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "sim/session/writer.h"
#include "wireshark/dissector.h"

using namespace ringside;

namespace {

constexpr FieldName kOperations[] = {{0, "READ"}, {1, "WRITE"}, {3, "FLUSH \"barrier\""}};
constexpr FieldName kStatuses[] = {{0, "OKAY"}, {0xffff, "ERROR"}};
constexpr FieldName kFlags[] = {{1, "valid"}, {4, "read-only"}, {0x8000000000000000, "top"}};

constexpr Field kRequestFields[] = {
    {"operation", 0, 1, FieldFormat::enumeration, kOperations},
    {"offset_bytes", 1, 2, FieldFormat::signed_decimal},
    {"id", 3, 4, FieldFormat::hex},
    {"sector_number", 7, 8, FieldFormat::decimal},
    {"flags", 15, 8, FieldFormat::flags, kFlags},
    {"latency", 23, 8, FieldFormat::duration},
    {"name", 31, 8, FieldFormat::text},
};
constexpr Field kSegmentFields[] = {
    {"gref", 0, 4, FieldFormat::decimal},
    {"first_sect", 4, 1, FieldFormat::decimal},
};
constexpr Field kResponseFields[] = {
    {"id", 0, 8, FieldFormat::hex},  // wider than the request's
    {"operation", 8, 1, FieldFormat::enumeration, kOperations},
    {"status", 9, 2, FieldFormat::enumeration, kStatuses},
};
// Its operation means something else than the request's: it cannot share the filter.
constexpr FieldName kOtherOperations[] = {{0, "RESET"}};
constexpr Field kControlFields[] = {{"operation", 0, 1, FieldFormat::enumeration, kOtherOperations}};

constexpr PayloadType kRequest{
    65010, "demo_request", "A \"request\"", 39, kRequestFields, TailKind::records, "segments",
    5,     kSegmentFields, "demo"};
constexpr PayloadType kResponse{
    65011, "demo_response", "A response", 11, kResponseFields, TailKind::bytes, "data", 0, {}, "demo"};
constexpr PayloadType kControl{
    65012, "demo_control", "A control message", 1, kControlFields, TailKind::none, {}, 0, {}, "demo"};
constexpr PayloadType kText{65013, "demo_text", "Text", 0, {}, TailKind::text, "text"};
constexpr PayloadType kEthernet{.id = 65014,
                                .name = "demo_frame",
                                .title = "A frame",
                                .size = 0,
                                .fields = {},
                                .tail = TailKind::bytes,
                                .tail_name = "frame",
                                .link_type = 1};
constexpr PayloadType kUnknown{65015, "not_in_the_dissector", "Unknown", 0, {}};

template <class Number>
void put(std::vector<uint8_t>& bytes, Number value) {
  for (size_t i = 0; i < sizeof value; ++i)
    bytes.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)));
}

std::vector<uint8_t> request(uint8_t operation, uint64_t sector) {
  std::vector<uint8_t> bytes;
  put<uint8_t>(bytes, operation);
  put<int16_t>(bytes, -5);
  put<uint32_t>(bytes, 0xbeef);
  put<uint64_t>(bytes, sector);
  put<uint64_t>(bytes, 0x8000000000000005);
  put<uint64_t>(bytes, 2000000000500);
  for (const char c : {'x', 'v', 'd', 'a', '\0', '?', '?', '?'}) bytes.push_back(static_cast<uint8_t>(c));
  for (uint32_t gref = 8; gref <= 9; ++gref) {
    put<uint32_t>(bytes, gref);
    put<uint8_t>(bytes, 7);
  }
  return bytes;
}

std::vector<uint8_t> response() {
  std::vector<uint8_t> bytes;
  put<uint64_t>(bytes, 0x123456789abcdef0);
  put<uint8_t>(bytes, 1);
  put<uint16_t>(bytes, 0xffff);
  bytes.insert(bytes.end(), {0xde, 0xad});
  return bytes;
}

// What crosses a 9P share: the ring, then a message whose size[4] is right.
std::vector<uint8_t> message(uint8_t ring, uint8_t type, uint16_t tag, const std::vector<uint8_t>& body) {
  std::vector<uint8_t> bytes;
  put<uint16_t>(bytes, 1);
  put<uint8_t>(bytes, 0);
  put<uint8_t>(bytes, ring);
  put<uint32_t>(bytes, static_cast<uint32_t>(7 + body.size()));
  put<uint8_t>(bytes, type);
  put<uint16_t>(bytes, tag);
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

std::vector<uint8_t> numbers(std::initializer_list<uint32_t> values) {
  std::vector<uint8_t> bytes;
  for (const uint32_t value : values) put<uint32_t>(bytes, value);
  return bytes;
}

void put_text(std::vector<uint8_t>& bytes, const std::string& text) {
  put<uint16_t>(bytes, static_cast<uint16_t>(text.size()));
  bytes.insert(bytes.end(), text.begin(), text.end());
}

// A session of 9P2000.L in a session: a file is walked to by one ring and read by another.
template <class Cross>
void write_9p(const Cross& cross, uint32_t requests, uint32_t answers) {
  std::vector<uint8_t> version = numbers({524288});
  put_text(version, "9P2000.L");
  cross(requests, Direction::out, message(0, 100, 0xffff, version), 0);
  cross(answers, Direction::in, message(0, 101, 0xffff, version), 0);
  std::vector<uint8_t> attach = numbers({0, ~0u});
  put_text(attach, "root");
  put_text(attach, "");
  put<uint32_t>(attach, 0);
  cross(requests, Direction::out, message(0, 104, 1, attach), 0);
  const std::vector<uint8_t> qid(13, 0);
  cross(answers, Direction::in, message(0, 105, 1, qid), 0);
  std::vector<uint8_t> walk = numbers({0, 1});
  put<uint16_t>(walk, 1);
  put_text(walk, "hosts");
  cross(requests, Direction::out, message(1, 110, 2, walk), 0);
  std::vector<uint8_t> walked{1, 0};
  walked.insert(walked.end(), qid.begin(), qid.end());
  cross(answers, Direction::in, message(1, 111, 2, walked), 0);
  std::vector<uint8_t> read = numbers({1, 0, 0, 200'000});
  cross(requests, Direction::out, message(0, 116, 3, read), 0);
  std::vector<uint8_t> data = numbers({200'000});
  data.resize(4 + 200'000, 0x5a);
  cross(answers, Direction::in, message(0, 117, 3, data), 0);
  // One of which the recording's policy has kept 64 bytes, and one that is larger than a packet may be.
  cross(requests, Direction::out, message(0, 116, 4, read), 0);
  std::vector<uint8_t> cut = message(0, 117, 4, data);
  cut.resize(64);
  cross(answers, Direction::in, cut, static_cast<uint32_t>(4 + 11 + 200'000 - 64));
  cross(requests, Direction::out, message(0, 116, 5, read), 0);
  data.resize(4 + 400'000, 0x5a);
  data[0] = 0x80;
  data[1] = 0x1a;
  data[2] = 0x06;
  cross(answers, Direction::in, message(0, 117, 5, data), 0);
}

Result<> write_session(const std::string& path) {
  SessionHeader header;
  header.scenario_name = "tshark";
  auto created = SessionWriter::create(path, header);
  if (!created) return tl::unexpected(created.error());
  SessionWriter& writer = **created;
  uint64_t sequence = 0;
  const auto cross = [&](uint32_t wire, Direction direction, const std::vector<uint8_t>& payload,
                         uint32_t lost = 0) {
    ++sequence;
    writer.write(SessionCrossing{Tick{sequence * 1'500'000'000'123}, sequence, wire - 1, direction, 1,
                                 static_cast<uint32_t>(payload.size()) + lost, payload});
  };
  const auto add = [&](const char* name, const PayloadType& type) {
    return writer.add_wire({name, WireKind::message, type.id, {}});
  };
  const uint32_t requests = add("dom1/ring/xvda/request", kRequest);
  const uint32_t responses = add("dom1/ring/xvda/response", kResponse);
  const uint32_t controls = add("dom1/demo/control", kControl);
  const uint32_t console = add("dom1/console/out", kText);
  const uint32_t frames = add("dom1/eth/vif0/tx", kEthernet);
  const uint32_t unknown = add("dom1/unknown", kUnknown);
  cross(requests, Direction::out, request(0, 2048));
  cross(requests, Direction::out, request(3, 0xffffffffffff));
  cross(responses, Direction::in, response());
  cross(controls, Direction::in, {0});
  cross(console, Direction::out, {'h', 'i', '\n', 0xff});
  writer.write(
      InputRecord{1, Tick{sequence * 1'500'000'000'123 + 1}, 123456, "dom1/console/in", {'l', 's', '\r'}});
  writer.write(EpochDigest{1, Tick{1}, 1, 5, 1, {{"cpu/dom1", 1}}, std::nullopt});
  std::vector<uint8_t> cut = request(1, 77);
  cut.resize(20);
  cross(requests, Direction::out, cut, 29);
  cross(requests, Direction::out, {}, 49);
  std::vector<uint8_t> frame(60, 0);
  frame[12] = 0x08;
  frame[13] = 0x06;  // ARP
  cross(frames, Direction::out, frame);
  cross(unknown, Direction::out, {1, 2, 3});
  write_9p(cross, add("dom1/9p/share/T", kP9RequestPayload), add("dom1/9p/share/R", kP9ResponsePayload));
  writer.write(RunOutcome{0, "poweroff", Tick{2}, 2});
  return writer.close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string folder = argv[2];
  register_9pfs_payload_types();
  for (const PayloadType* type : {&kRequest, &kResponse, &kControl, &kText, &kEthernet}) {
    PayloadRegistry::instance().add(*type);
  }
  std::ifstream in(argv[1], std::ios::binary);
  const std::string dissector_template(std::istreambuf_iterator<char>(in), {});
  std::ofstream(folder + "/sample.lua", std::ios::binary)
      << lua_dissector(dissector_template, PayloadRegistry::instance().all());
  const Result<> written = write_session(folder + "/sample.pcapng");
  if (!written) std::fprintf(stderr, "%s\n", written.error().message.c_str());
  return written ? 0 : 1;
}
