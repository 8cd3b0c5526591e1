// The test that this process runs: what its machines need to know of it, and the connection to the process
// that watches. One for each process; outside of a test it is empty, and machines do without.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ringside/isolation.h"

namespace ringside::test {

struct RunningTest {
  std::string name;
  unsigned pass = 1;
  std::string ending;
  bool failed = false;
  IsolatedChild* child = nullptr;       // null: not isolated
  unsigned machines = 0;                // that have been made
  std::vector<std::string> commands;    // that replay each of them
  std::optional<uint64_t> seed;         // of the last machine
  std::vector<std::string> complaints;  // of benches that are gone
  EndingReports endings;
  void (*begin_coverage)() = nullptr;
  void (*write_coverage)() = nullptr;

  static RunningTest& instance();
  // The path at which the session of a machine of this test will be: named after test, pass, ending, and the
  // machine's number.
  std::string session_path(unsigned machine) const;
  // Tells the parent of a machine's recording, which it keeps if the test fails, and of what failure_notes()
  // are by now.
  void announce(int descriptor, const std::string& path);
  // In the process of an ending: the parent's machines are not its own.
  void enter_ending(const std::string& name);
};

// RINGSIDE_SEED, if it is set; an Error where it is no number.
std::optional<uint64_t> seed_from_environment();
// The program as it was called, and the argument by which it runs this one test.
std::string program_path();
// As it is typed into a shell: in quotation marks where it needs them.
std::string shell_word(const std::string& text);
std::string quoted_test_name(const std::string& name);

// What a message between a test's process and its parent begins with.
struct MessageHead {
  uint8_t kind, ask;
  uint32_t size;
} __attribute__((packed));

// Kinds of messages that IsolatedTest takes itself.
inline constexpr uint8_t kRecordingMessage = 200;  // a path, a line for each note; the descriptor comes along
inline constexpr uint8_t kForgetMessage = 203;     // a path: the ending whose session it is has not failed
inline constexpr uint8_t kDeathMessage = 201;      // crash_report.h
inline constexpr uint8_t kFailureMessage = 202;    // an ending's process has died without a word: text

// Sends a descriptor along.
void send_with_descriptor(IsolatedChild& child, uint8_t kind, const std::string& bytes, int descriptor);

}  // namespace ringside::test
