// What a session file holds, as plain data. The bytes are docs/session-format.md's; writer.h and reader.h
// translate. The recorder and the replayer (recorder.h, replayer.h) are taps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/tick.h"

namespace ringside {

// A file that the guest can see: kernel, ramdisk, disk image.
struct SessionFile {
  std::string name;   // as the scenario names it: never an absolute path that the scenario did not write
  uint64_t size = 0;  // bytes
  uint64_t hash = 0;  // file_hash of the contents
  std::optional<std::vector<uint8_t>> contents;  // only in packed sessions
};

struct SessionHeader {
  std::string scenario_name;
  std::string scenario_text;                                   // the TOML file, whole
  std::vector<std::pair<std::string, std::string>> overrides;  // --set key=value, --seed
  uint64_t seed = 0;
  uint64_t epoch_instructions = 0;    // an epoch ends after so many
  uint64_t memory_digest_epochs = 0;  // every how many epochs the digest covers memory
  std::vector<SessionFile> files;
  // "unicorn" -> "2.1.4": a replay refuses another version by name.
  std::vector<std::pair<std::string, std::string>> versions;
  // Of a run that a test made: the test program (its file's name) and the test's name. Empty otherwise.
  std::string program, test;
  // What is to be said about the run, step by step: the scenario's notes, whole (docs/lessons.md). Empty:
  // it has none.
  std::string notes;
};

// Bytes that came from outside the machine, and exactly when: delivered to a guest by the run loop, or the
// answer to a question of a device (sim/exchange.h), which stands where it was asked for.
struct InputRecord {
  // One has at most so many bytes. A longer answer takes several.
  static constexpr size_t bytes_max = 250'000;

  uint64_t number = 0;        // from 1, without gaps, over both kinds
  Tick at;                    // the clock when it was delivered
  uint64_t instructions = 0;  // executed by then
  std::string wire;           // "dom1/console/in"; of an answer, who asked: "share/data/manifest"
  std::vector<uint8_t> bytes;
  bool is_answer = false;
  bool continued = false;  // of an answer: the next input has more of it

  bool operator==(const InputRecord&) const = default;
};

// What the machine looked like at the end of an epoch.
struct EpochDigest {
  uint64_t number = 0;  // from 1, without gaps
  Tick at;
  uint64_t instructions = 0;
  uint64_t crossings = 0;       // how many canonical crossings so far
  uint64_t crossings_hash = 0;  // rolling, over all of them, recorded or not
  std::vector<std::pair<std::string, uint64_t>>
      components;  // "cpu/dom1", "xenstore", "events": state digests
  std::optional<uint64_t> memory;

  bool operator==(const EpochDigest&) const = default;
};

// How the recorded run ended; the last thing in a whole session.
struct RunOutcome {
  int exit_code = 0;
  std::string reason;  // "poweroff", "within 20s passed"
  Tick at;
  uint64_t instructions = 0;

  bool operator==(const RunOutcome&) const = default;
};

}  // namespace ringside
