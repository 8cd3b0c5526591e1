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

std::optional<CpuUse> wait_for(pid_t child) {
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) return std::nullopt;
  return CpuUse{seconds_of(usage.ru_utime), seconds_of(usage.ru_stime)};
}

}  // namespace

std::optional<CpuUse> run_quietly(const std::vector<std::string>& words) {
  const pid_t child = fork();
  if (child == 0) become(words, -1, -1);
  return wait_for(child);
}

std::optional<CpuUse> run_answering(const std::vector<std::string>& words,
                                    const std::vector<Answer>& answers) {
  int to_child[2], from_child[2];
  if (pipe(to_child) != 0 || pipe(from_child) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) become(words, to_child[0], from_child[1]);
  close(to_child[0]);
  close(from_child[1]);
  std::signal(SIGPIPE, SIG_IGN);
  std::string unmatched;
  size_t next = 0;
  char buffer[4096];
  for (ssize_t got; (got = read(from_child[0], buffer, sizeof buffer)) > 0;) {
    unmatched.append(buffer, static_cast<size_t>(got));
    while (next < answers.size()) {
      const size_t found = unmatched.find(answers[next].when);
      if (found == std::string::npos) break;
      unmatched.erase(0, found + answers[next].when.size());
      const std::string& send = answers[next++].send;
      if (write(to_child[1], send.data(), send.size()) < 0) break;
    }
  }
  close(to_child[1]);
  close(from_child[0]);
  const auto use = wait_for(child);
  return next == answers.size() ? use : std::nullopt;
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
