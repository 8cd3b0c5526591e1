// A small session with everything in it, for the tests of sim/session/.
#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "sim/hash.h"
#include "sim/session/reader.h"
#include "sim/session/session.h"
#include "sim/session/writer.h"

namespace ringside::session_sample {

using Bytes = std::vector<uint8_t>;

inline constexpr Field kFields[] = {
    {"operation", 0, 1, FieldFormat::decimal},
    {"sector", 1, 4, FieldFormat::decimal},
};
inline constexpr PayloadType kRequest{.id = 65001,
                                      .name = "sample_request",
                                      .title = "A request of the tests",
                                      .size = 5,
                                      .fields = kFields,
                                      .tail = TailKind::text,
                                      .tail_name = "text"};
inline constexpr PayloadType kFrame{.id = 65002,
                                    .name = "ethernet_frame",
                                    .title = "A frame of the tests",
                                    .size = 0,
                                    .fields = {},
                                    .tail = TailKind::bytes,
                                    .tail_name = "frame",
                                    .link_type = 1};

inline Bytes text_bytes(std::string_view text) { return Bytes(text.begin(), text.end()); }

// In memory where the host has such a folder: these tests write thousands of small files.
inline std::string temporary_path(const std::string& name) {
  const char* chosen = std::getenv("TMPDIR");
  const char* folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : chosen != nullptr ? chosen : "/tmp";
  return std::string(folder) + "/ringside-test-" + std::to_string(getpid()) + "-" + name;
}

inline Bytes read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

inline void write_all(const std::string& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// Removes its file when the test ends.
struct TemporaryFile {
  explicit TemporaryFile(const std::string& name) : path(temporary_path(name)) {}
  ~TemporaryFile() { std::remove(path.c_str()); }
  std::string path;
};

inline SessionHeader sample_header() {
  SessionHeader header;
  header.scenario_name = "sample";
  header.scenario_text = "name = \"sample\"  # \xc3\xa9\n";
  header.overrides = {{"machine.seed", "7"}, {"disk.0.write", "false"}};
  header.seed = 0xfedcba9876543210;
  header.epoch_instructions = 100000;
  header.memory_digest_epochs = 4;
  header.files = {{"kernel.elf", 5, file_hash(text_bytes("hello")), std::nullopt}};
  header.versions = {{"ringside", "0.1.0"}, {"unicorn", "2.1.4"}};
  return header;
}

inline const std::vector<SessionWire>& sample_wires() {
  static const std::vector<SessionWire> wires = {
      {"dom1/ring/xvda/request", WireKind::message, kRequest.id, {}},
      {"dom1/eth/vif0/tx", WireKind::message, kFrame.id, {CaptureMode::first_bytes, 16}},
  };
  return wires;
}

// Three epochs; the second wire appears in the second one.
inline std::vector<SessionRecord> sample_records() {
  std::vector<SessionRecord> records;
  const auto crossing = [](uint64_t tick, uint64_t sequence, uint32_t wire, uint32_t full, Bytes payload) {
    return SessionCrossing{Tick{tick}, sequence, wire, Direction::out, 1, full, std::move(payload)};
  };
  const auto digest = [](uint64_t number, std::optional<uint64_t> memory) {
    return EpochDigest{number, Tick{number * 1000}, number * 100000,
                       number, number * 77,         {{"cpu/dom1", number}, {"xenstore", 5}},
                       memory};
  };
  records.push_back(crossing(10, 1, 0, 5, {1, 2, 0, 0, 0}));
  records.push_back(InputRecord{1, Tick{20}, 5000, "dom1/console/in", text_bytes("ls\r")});
  records.push_back(digest(1, std::nullopt));
  records.push_back(crossing(1010, 2, 1, 60, Bytes(16, 0xee)));
  records.push_back(crossing(1020, 4, 0, 8, {0, 9, 0, 0, 0, 'a', 'b', 'c'}));
  records.push_back(digest(2, 0x1234));
  records.push_back(InputRecord{2, Tick{2500}, 250000, "dom1/console/in", {0}});
  records.push_back(digest(3, std::nullopt));
  records.push_back(RunOutcome{0, "poweroff", Tick{3100}, 310000});
  return records;
}

inline void write_records(SessionWriter& writer, const std::vector<SessionRecord>& records) {
  for (const SessionRecord& record : records) {
    std::visit([&](const auto& known) { writer.write(known); }, record);
    if (std::holds_alternative<EpochDigest>(record)) writer.flush();
  }
}

inline void write_session(const std::string& path, const std::vector<SessionRecord>& records,
                          const SessionHeader& header = sample_header()) {
  auto writer = SessionWriter::create(path, header).value();
  for (const SessionWire& wire : sample_wires()) writer->add_wire(wire);
  write_records(*writer, records);
  REQUIRE(writer->close());
}

inline void write_sample(const std::string& path, const SessionHeader& header = sample_header()) {
  PayloadRegistry::instance().add(kRequest);
  PayloadRegistry::instance().add(kFrame);
  write_session(path, sample_records(), header);
}

struct ReadResult {
  std::vector<SessionRecord> records;
  std::vector<SessionWire> wires;
  bool cut = false;
  uint64_t lost = 0;
};

// Everything that can be read, or the first error.
inline Result<ReadResult> read_session(const std::string& path) {
  auto reader = SessionReader::open(path);
  if (!reader) return tl::unexpected(reader.error());
  ReadResult result;
  for (;;) {
    auto record = reader->next();
    if (!record) return tl::unexpected(record.error());
    if (!*record) break;
    result.records.push_back(std::move(**record));
  }
  result.wires = reader->wires();
  result.cut = reader->was_cut();
  result.lost = reader->bytes_lost();
  return result;
}

}  // namespace ringside::session_sample
