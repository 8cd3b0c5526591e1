// Reads a session file from first block to last. A file that was cut (the writer was killed, the disk was
// full, a download stopped) is read up to its last complete epoch; one whose bytes were altered is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/field_table.h"
#include "sim/session/session.h"
#include "sim/wire.h"

namespace ringside {

struct SessionWire {
  std::string name;
  WireKind kind = WireKind::message;
  uint16_t payload_type = 0;  // PayloadRegistry id
  CapturePolicy capture;      // how much of each crossing is in the file

  bool operator==(const SessionWire& other) const {
    return name == other.name && kind == other.kind && payload_type == other.payload_type &&
           capture.mode == other.capture.mode && capture.bytes == other.capture.bytes;
  }
};

struct SessionCrossing {
  Tick at;
  uint64_t sequence = 0;
  uint32_t wire = 0;  // index into wires()
  Direction direction = Direction::out;
  uint8_t flags = 0;
  uint32_t full_size = 0;  // bytes of the payload before the capture policy cut it
  std::vector<uint8_t> payload;

  bool operator==(const SessionCrossing&) const = default;
};

using SessionRecord = std::variant<SessionCrossing, InputRecord, EpochDigest, RunOutcome>;

class SessionReader {
 public:
  // Checks the file header and reads the session's header. The reader keeps the file open.
  static Result<SessionReader> open(const std::string& path);
  SessionReader(SessionReader&&) noexcept;
  SessionReader& operator=(SessionReader&&) noexcept;
  ~SessionReader();

  const SessionHeader& header() const;
  // Those met so far; complete once next() has returned nothing.
  const std::vector<SessionWire>& wires() const;

  // The next record; nothing at the end or at the cut; an error (exit code 2) for damaged bytes.
  Result<std::optional<SessionRecord>> next();
  // Back to the first record; wires() is empty again.
  void rewind();

  // True once next() has returned nothing and no RunOutcome was met.
  bool was_cut() const;
  // Bytes behind the last complete epoch of a cut session: next() does not return what they hold.
  uint64_t bytes_lost() const;

 private:
  struct Impl;
  explicit SessionReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
