// `ringside drive`: plays a recorded frontend's part to a backend, a changed one perhaps, and compares what
// it answers with what was recorded. No guest runs: a virtual clock, an event queue and the backend are all
// there is, so that a difference is the backend's.
//
// A request is made at its recorded time, but not before every answer has come that the recorded frontend had
// by then: what it asked may have depended on it. Answers are compared by protocol, each with the recorded
// answer to the same request; when they came is not compared.
//
//   9P            T messages to the share's service     R messages: type, fields, data (qids by whether they
//                                                       stand for the same files)
//   blkif         ring requests to the block backend    responses: status; data that was read
//   UART          register accesses to the device       values read, characters sent, interrupt line
//   event channel sends of all recorded domains         events that reach the domains, port by port
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "machine/scenario.h"
#include "sim/result.h"
#include "sim/session/side.h"
#include "sim/tick.h"

namespace ringside {

struct DriveOptions {
  std::string session;
  std::string wire;      // a glob: "9p/data/T", "ring/xvda/*", "dom1/evtchn"
  std::string scenario;  // with the backend; empty: that of the session
  Overrides overrides;
};

struct DriveDifference {
  Tick at;              // of the recorded request
  std::string request;  // "Tread tag=5 /hello.txt offset=0 count=4096"
  std::string recorded, found;
};

struct DriveReport {
  static constexpr size_t kDifferencesKept = 20;

  std::string what;  // "dom1/9p/data with 'host folder data'"
  uint64_t requests = 0, compared = 0, differing = 0;
  std::vector<DriveDifference> differences;  // the first of them
  std::vector<std::string> remarks;          // what was not compared, and why
  Tick recorded_end, end;                    // when the last answer came, in both

  void differ(DriveDifference difference) {
    if (++differing <= kDifferencesKept) differences.push_back(std::move(difference));
  }
  void remark(uint64_t count, const std::string& what_about) {
    if (count != 0) remarks.push_back(std::to_string(count) + " " + what_about);
  }
};

Result<DriveReport> drive(const DriveOptions& options);

// --- One for each kind of wire; `base` is the wire's name without its last part ---
struct DriveInput {
  const DriveOptions& options;
  const SessionSide& side;
  const Scenario& scenario;
  std::string base;
};
Result<DriveReport> drive_ninep(const DriveInput& input);
Result<DriveReport> drive_blk(const DriveInput& input);
Result<DriveReport> drive_events(const DriveInput& input);
Result<DriveReport> drive_uart(const DriveInput& input);  // `base` is the whole name: "dom1/pio/uart0"

}  // namespace ringside
