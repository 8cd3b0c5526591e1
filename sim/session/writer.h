// Writes the blocks of a session file: docs/session-format.md. The recorder, `ringside pack` and tests that
// forge sessions use it.
#pragma once

#include <memory>
#include <string>

#include "sim/session/reader.h"
#include "sim/session/session.h"

namespace ringside {

class SessionWriter {
 public:
  // Writes the section header, the session's header, and the contents of files that have them. An existing
  // file is replaced. After a fork only the process that created the writer writes: a child's records are
  // lost.
  static Result<std::unique_ptr<SessionWriter>> create(const std::string& path, const SessionHeader& header);
  ~SessionWriter();

  // Returns the interface's index: 0 is the input interface, which create() adds.
  uint32_t add_wire(const SessionWire& wire);
  // `crossing.wire` is the index that add_wire returned for it, minus 1 (its position among the wires).
  // A payload of more than 262124 bytes is cut to that (Wireshark's limit for a packet).
  void write(const SessionCrossing& crossing);
  void write(const CrossingView& crossing);
  void write(const InputRecord& input);
  void write(const EpochDigest& digest);
  void write(const RunOutcome& outcome);
  // Hands buffered bytes to the operating system. On failure (a full disk) the file is cut back to its last
  // complete flush, status() says so, and later writes do nothing.
  void flush();
  Result<> close();
  void take_over();  // BlockOutput::take_over()
  Result<> continue_in(const std::string& copy);
  const Result<>& status() const;

 private:
  struct Impl;
  explicit SessionWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
