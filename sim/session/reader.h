// Reads a session file from first block to last. A file that was cut (the writer was killed, the disk was
// full, a download stopped) is read up to its last complete epoch; one whose bytes were altered is refused.
// One that is being recorded looks as if it were cut, and grows: resume() goes on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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

// A crossing without a copy of its payload.
struct CrossingView {
  Tick at;
  uint64_t sequence = 0;
  uint32_t wire = 0;
  Direction direction = Direction::out;
  uint8_t flags = 0;
  uint32_t full_size = 0;
  std::span<const uint8_t> payload;
};

using SessionRecord = std::variant<SessionCrossing, InputRecord, EpochDigest, RunOutcome>;

// Takes records as they are read.
class SessionSink {
 public:
  // The payload holds until the call returns.
  virtual void take(const CrossingView& crossing) = 0;
  virtual void take(InputRecord&& input) = 0;
  virtual void take(EpochDigest&& digest) = 0;
  virtual void take(RunOutcome&& outcome) = 0;

 protected:
  ~SessionSink() = default;
};

// Whether the file begins as a session does (and every pcapng file): what else there is, is a scenario.
bool is_session_file(const std::string& path);

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
  // The same for many records: hands over at most so many, and says how many there were; fewer than that only
  // at the end or at the cut. An error comes behind the records that stand before it.
  Result<size_t> read(SessionSink& sink, size_t records_max);
  // Back to the first record; wires() is empty again.
  void rewind();

  // Looks at the file again after it has been read to its end: true where there is more by now, which next()
  // returns. An error where it is not the file any more that it was: another recording, or a shorter one.
  Result<bool> resume();

  // True once next() has returned nothing and no RunOutcome was met.
  bool was_cut() const;
  // Bytes behind the last complete epoch of a cut session, once next() has returned nothing: what they hold
  // is not returned.
  uint64_t bytes_lost() const;
  // How far it has read, of how much.
  uint64_t position() const;
  uint64_t size() const;

 private:
  struct Impl;
  explicit SessionReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
