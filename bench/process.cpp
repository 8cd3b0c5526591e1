#include "bench/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace ringside::bench {

namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

[[noreturn]] void become(std::vector<std::string> words, int in, int out) {
  const int nowhere = open("/dev/null", O_RDWR);
  dup2(in < 0 ? nowhere : in, 0);
  dup2(out < 0 ? nowhere : out, 1);
  dup2(nowhere, 2);
  for (int descriptor = 3; descriptor < 64; ++descriptor) close(descriptor);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

std::optional<CpuUse> wait_for(pid_t child, bool killed) {
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child) return std::nullopt;
  const bool well = killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : status == 0;
  if (!well) return std::nullopt;
  return CpuUse{seconds_of(usage.ru_utime), seconds_of(usage.ru_stime)};
}

}  // namespace

std::optional<CpuUse> run_quietly(const std::vector<std::string>& words) {
  const pid_t child = fork();
  if (child == 0) become(words, -1, -1);
  return wait_for(child, false);
}

std::optional<CpuUse> run_until(const std::vector<std::string>& words, const std::string& text) {
  int from_child[2];
  if (pipe(from_child) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) become(words, -1, from_child[1]);
  close(from_child[1]);
  std::string seen;
  char buffer[4096];
  bool found = false;
  for (ssize_t got = 0; !found && (got = read(from_child[0], buffer, sizeof buffer)) > 0;) {
    seen.append(buffer, static_cast<size_t>(got));
    found = seen.find(text) != std::string::npos;
    if (seen.size() > text.size()) seen.erase(0, seen.size() - text.size());
  }
  if (found) kill(child, SIGKILL);
  const auto use = wait_for(child, found);
  close(from_child[0]);
  return use;
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "ringside-bench-XXXXXX").string();
  if (mkdtemp(name.data()) != nullptr) path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace ringside::bench
