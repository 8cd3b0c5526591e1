#include "testkit/running_test.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

#include "ringside/error.h"

// The leak sanitizer's, where it is linked: 1 where something was found.
extern "C" __attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

namespace ringside::test {

namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

std::string file_name_of(const std::string& text) {
  std::string name;
  for (const char c : text) {
    if (is_plain(c)) {
      name += c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  if (name.size() > 100) name.resize(100);
  return name.empty() ? "test" : name;
}

std::string in_shell_quotes(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '$' || c == '`') result += '\\';
    result += c;
  }
  return result + "\"";
}

}  // namespace

RunningTest& RunningTest::instance() {
  static RunningTest test;
  return test;
}

std::string RunningTest::session_path(unsigned machine) const {
  const char* given = std::getenv("RINGSIDE_OUT");
  const std::filesystem::path folder = given != nullptr && *given != '\0' ? given : "ringside-sessions";
  std::string file = file_name_of(name);
  if (pass > 1) file += fmt::format("-pass{}", pass);
  if (!ending.empty()) file += "-" + file_name_of(ending);
  if (machine > 1) file += fmt::format("-{}", machine);
  return (folder / (file + ".pcapng")).string();
}

void RunningTest::announce(int descriptor, const std::string& path) {
  if (child == nullptr) return;
  std::string message = path;
  for (const std::string& note : failure_notes()) message += '\n' + note;
  send_with_descriptor(*child, kRecordingMessage, message, descriptor);
}

void RunningTest::enter_ending(const std::string& entered) {
  ending = ending.empty() ? entered : ending + ", " + entered;
  failed = false;
  commands.clear();
}

std::optional<uint64_t> seed_from_environment() {
  const char* given = std::getenv("RINGSIDE_SEED");
  if (given == nullptr || *given == '\0') return std::nullopt;
  if (std::strcmp(given, "random") == 0) {
    // Drawn once for the process, which is the test's: what is printed is the number.
    const uint64_t drawn = std::random_device{}() & 0x7fffffff;
    setenv("RINGSIDE_SEED", fmt::format("{}", drawn).c_str(), 1);
    return drawn;
  }
  uint64_t seed = 0;
  const char* const end = given + std::strlen(given);
  const auto [at, error] = std::from_chars(given, end, seed);
  if (error == std::errc{} && at == end && seed <= INT64_MAX) return seed;
  throw Error(fmt::format("RINGSIDE_SEED={} is no seed: write a whole number from 0 to {}, or `random`",
                          given, INT64_MAX));
}

std::string program_path() {
  const std::string name = program_invocation_name;
  return name.find('/') == std::string::npos ? "./" + name : name;
}

std::string shell_word(const std::string& text) {
  const auto needs_none = [](char c) { return is_plain(c) || c == '/' || c == '_' || c == '+' || c == ':'; };
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(), needs_none);
  return bare ? text : in_shell_quotes(text);
}

// Catch2 takes commas, brackets, stars and backslashes for its own.
std::string quoted_test_name(const std::string& name) {
  std::string escaped;
  for (const char c : name) {
    if (c == ',' || c == '[' || c == ']' || c == '*' || c == '\\' || c == '~' || c == '"') escaped += '\\';
    escaped += c;
  }
  return in_shell_quotes(escaped);
}

void begin_test(const std::string& name, unsigned pass) {
  RunningTest& test = RunningTest::instance();
  test.name = name;
  test.pass = pass;
  test.ending.clear();
  test.failed = false;
  test.machines = 0;
  test.commands.clear();
  test.seed.reset();
  test.complaints.clear();
}

void note_failure() { RunningTest::instance().failed = true; }
bool has_failed() { return RunningTest::instance().failed; }
const std::string& current_ending() { return RunningTest::instance().ending; }

std::vector<std::string> failure_notes() {
  const RunningTest& test = RunningTest::instance();
  std::vector<std::string> notes;
  if (!test.ending.empty()) notes.push_back("in the ending '" + test.ending + "'");
  if (test.seed) notes.push_back(fmt::format("seed {} (RINGSIDE_SEED={})", *test.seed, *test.seed));
  for (const std::string& command : test.commands) notes.push_back("replay: " + command);
  return notes;
}

std::vector<std::string> take_complaints() { return std::exchange(RunningTest::instance().complaints, {}); }

void set_ending_reports(EndingReports reports) { RunningTest::instance().endings = std::move(reports); }

void set_coverage(void (*begin)(), void (*write)()) {
  RunningTest::instance().begin_coverage = begin;
  RunningTest::instance().write_coverage = write;
}

bool leaks_memory() {
  return __lsan_do_recoverable_leak_check != nullptr && __lsan_do_recoverable_leak_check() != 0;
}

bool isolation_is_off() {
  const char* given = std::getenv("RINGSIDE_NO_FORK");
  return given != nullptr && *given != '\0' && std::strcmp(given, "0") != 0;
}

}  // namespace ringside::test
