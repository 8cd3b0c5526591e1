#include "cli/test_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ringside::cli {

namespace {

namespace fs = std::filesystem;

// A tree of a build has not more levels.
constexpr int kDepthMax = 8;
constexpr uintmax_t kOutputMax = 1 << 20;

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

fs::path find_below(const fs::path& folder, const fs::path& name) {
  std::error_code error;
  std::vector<fs::path> found;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && at != end; at.increment(error)) {
    const std::string here = at->path().filename().string();
    if (at.depth() >= kDepthMax || here == ".git" || here == "CMakeFiles") at.disable_recursion_pending();
    if (here == name && is_program(at->path())) found.push_back(at->path());
  }
  // A host's order of folders is its own.
  std::sort(found.begin(), found.end());
  return found.empty() ? fs::path() : found.front();
}

std::string tail_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  stream.seekg(0, std::ios::end);
  const auto size = static_cast<uintmax_t>(std::max<std::streamoff>(stream.tellg(), 0));
  stream.seekg(static_cast<std::streamoff>(size > kOutputMax ? size - kOutputMax : 0));
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Catch2's language for choosing tests: what has a meaning there is escaped.
std::string exactly(const std::string& test) {
  std::string pattern;
  for (const char character : test) {
    if (std::strchr("\\,[]*\"", character) != nullptr) pattern += '\\';
    pattern += character;
  }
  return pattern;
}

std::vector<std::string> environment(const std::string& session, const std::string& folder) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!text.starts_with("RINGSIDE_")) all.emplace_back(text);
  }
  all.push_back("RINGSIDE_REPLAY=" + session);
  all.push_back("RINGSIDE_OUT=" + folder);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// "replay: PATH: crossing 7 of ... differs ..." and the indented lines behind it.
std::string difference_in(const std::string& output, const std::string& session) {
  const std::string start = "replay: " + session + ": ";
  const size_t at = output.find(start);
  if (at == std::string::npos) return "";
  std::string text = output.substr(at + start.size());
  size_t end = text.find('\n');
  while (end != std::string::npos && text.compare(end, 3, "\n  ") == 0) end = text.find('\n', end + 1);
  text.resize(std::min(end, text.size()));
  return text == "identical" ? "" : text;
}

Result<int> run_program(std::vector<std::string> arguments, std::vector<std::string> variables,
                        const std::string& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, fs::path(arguments.front()).parent_path().c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                   0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawn(&child, arguments.front().c_str(), &actions, nullptr,
                                pointers(arguments).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(fmt::format("{}: {}", arguments.front(), std::strerror(error)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<std::string> find_program(const std::string& name, const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    const fs::path found = find_below(folder, fs::path(name).filename());
    if (!found.empty()) return found.string();
  }
  return fail(
      fmt::format("its test program '{}' is not there; build it, and give its folder: --program DIR", name));
}

Result<TestRun> run_test(const std::string& program, const std::string& test, const std::string& given,
                         const std::string& folder) {
  std::error_code error;
  const std::string session = fs::absolute(given, error).string();
  const std::string junit = (fs::path(folder) / "junit.xml").string();
  const std::string output = (fs::path(folder) / "output.txt").string();
  const auto status =
      run_program({fs::absolute(program, error).string(), exactly(test), "-r", "junit", "-o", junit},
                  environment(session, folder), output);
  if (!status) return tl::unexpected(status.error());
  TestRun result;
  result.passed = WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
  result.difference = difference_in(tail_of(output), session);
  const std::string xml = tail_of(junit);
  result.failures = read_junit(xml);
  result.there = xml.find("<testcase") != std::string::npos;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.path().extension() == ".pcapng") result.sessions.push_back(entry.path().string());
  }
  std::sort(result.sessions.begin(), result.sessions.end());
  return result;
}

}  // namespace ringside::cli
