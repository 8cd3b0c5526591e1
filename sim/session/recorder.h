// The recorder: a tap on all wires that writes a session as it happens. Data reaches the operating system at
// each end of an epoch, so that a killed run leaves everything up to its last complete epoch.
#pragma once

#include <memory>
#include <string>

#include "sim/session/session.h"
#include "sim/wire.h"

namespace ringside {

class Recorder : public Tap {
 public:
  // Creates the file. Wires that exist and those added later become interfaces of it.
  static Result<std::unique_ptr<Recorder>> create(const std::string& path, const SessionHeader& header);
  ~Recorder() override;

  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;

  void record_input(const InputRecord& input);
  // Completes crossings and crossings_hash, writes the digest and hands all bytes to the host.
  void end_epoch(EpochDigest digest);
  // Writes the outcome and closes. A recording without it counts as cut.
  Result<> finish(const RunOutcome& outcome);

  // After a fork, from a child whose parent writes no more: it goes on with the file.
  void take_over();
  // The same where the parent writes on: the child goes on in a file that is a copy of what was flushed
  // before the fork.
  Result<> continue_in(const std::string& copy);
  // Hands what there is to the operating system, before an epoch's end.
  void flush();

  // The first failure to write (a full disk); the run loop asks after each epoch and ends the run.
  const Result<>& status() const;

 private:
  struct Impl;
  explicit Recorder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
