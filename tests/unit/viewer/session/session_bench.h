// Sessions made for the tests of viewer/session: a block ring, event channels, a 9P share, text.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/event_channels.h"
#include "hv-model/payloads.h"
#include "machine/machine.h"
#include "sim/notice.h"
#include "sim/session/writer.h"
#include "viewer/session/viewed_session.h"

namespace ringside::viewer::session_bench {

using Bytes = std::vector<uint8_t>;

// Removes its file when the test ends.
struct TemporaryFile {
  explicit TemporaryFile(const std::string& name) {
    const char* chosen = std::getenv("TMPDIR");
    const char* folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : chosen != nullptr ? chosen : "/tmp";
    path = std::string(folder) + "/ringside-viewer-" + std::to_string(getpid()) + "-" + name;
  }
  ~TemporaryFile() { std::remove(path.c_str()); }

  Bytes read() const {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  }
  void write(std::span<const uint8_t> bytes) const {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  void append(std::span<const uint8_t> bytes) const {
    std::ofstream file(path, std::ios::binary | std::ios::app);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  // As if nobody had written to it for a while.
  void make_old() const {
    timespec times[2]{};
    times[0].tv_sec = times[1].tv_sec = std::time(nullptr) - 3600;
    REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  }

  std::string path;
};

template <class Record>
Bytes payload_of(const Record& record, std::string_view tail = {}) {
  Bytes bytes(sizeof record + tail.size());
  std::memcpy(bytes.data(), &record, sizeof record);
  std::copy(tail.begin(), tail.end(), bytes.begin() + sizeof record);
  return bytes;
}

inline Bytes read_request(uint64_t sector, uint8_t operation = 0) {
  BlkRequestRecord record{};
  record.operation = operation;
  record.sector_number = sector;
  record.nr_sectors = 8;
  record.nr_segments = 2;
  const BlkSegmentRecord segments[2] = {{.gref = 9, .first_sect = 0, .last_sect = 7},
                                        {.gref = 12, .first_sect = 0, .last_sect = 3}};
  Bytes bytes = payload_of(record);
  const auto* tail = reinterpret_cast<const uint8_t*>(segments);
  bytes.insert(bytes.end(), tail, tail + sizeof segments);
  return bytes;
}

inline Bytes event(EventOperation operation, uint32_t port) {
  EventRecord record{};
  record.operation = static_cast<uint8_t>(operation);
  record.port = port;
  return payload_of(record);
}

inline Bytes notice(NoticeKind kind, std::string_view component, std::string_view message) {
  Bytes bytes(32 + message.size());
  bytes[0] = static_cast<uint8_t>(kind);
  std::copy(component.begin(), component.end(), bytes.begin() + 1);
  std::copy(message.begin(), message.end(), bytes.begin() + 32);
  return bytes;
}

// A 9P message behind the record of its ring.
inline Bytes ninep(uint8_t type, uint16_t tag, const Bytes& body) {
  Bytes bytes(sizeof(P9MessageRecord));
  const uint32_t size = 7 + static_cast<uint32_t>(body.size());
  for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(size >> (8 * i)));
  bytes.insert(bytes.end(), {type, static_cast<uint8_t>(tag), static_cast<uint8_t>(tag >> 8)});
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

// Gives each crossing the next number, 1 us behind the last.
class Table {
 public:
  Table() { register_all_payload_types(); }
  uint32_t wire(const std::string& name, WireKind kind, const PayloadType& type) {
    return table.add_wire(name, kind, type.id, {});
  }
  Row add(uint32_t wire, Bytes payload, Direction direction = Direction::out, uint8_t flags = 1,
          uint32_t more = 0) {
    ++sequence_;
    table.add(microseconds(sequence_), sequence_, wire, direction, flags,
              static_cast<uint32_t>(payload.size()) + more, payload);
    return table.size() - 1;
  }
  CrossingTable table;

 private:
  uint64_t sequence_ = 0;
};

inline void read_all(ViewedSession& session) {
  for (int i = 0; i < 100'000 && !session.is_read(); ++i) session.read_for(std::chrono::milliseconds(5));
  REQUIRE(session.is_read());
}

}  // namespace ringside::viewer::session_bench
