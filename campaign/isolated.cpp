#include "campaign/isolated.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>

namespace ringside {

namespace {

void write_all(int descriptor, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t written = write(descriptor, bytes.data() + at, bytes.size() - at);
    if (written <= 0) _exit(static_cast<int>(ExitCode::internal));  // nobody reads any more
    at += static_cast<size_t>(written);
  }
}

// First a byte: the exit code of an error, or 0. Then the result, or the message.
[[noreturn]] void work_and_exit(const IsolatedWork& work, int output) noexcept {
  const auto result = work();
  const char code = result ? 0 : static_cast<char>(result.error().code);
  write_all(output, code + (result ? *result : result.error().message));
  _exit(0);
}

// What it printed to standard error, at most so much of it.
std::string printed_errors(int descriptor) {
  std::string text(2000, '\0');
  const ssize_t size = pread(descriptor, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// False: it was stopped.
bool read_until_closed(int descriptor, const volatile bool* stop_requested, std::string& into) {
  for (;;) {
    pollfd wait{descriptor, POLLIN, 0};
    const int ready = poll(&wait, 1, 100);
    if (stop_requested != nullptr && *stop_requested) return false;
    if (ready <= 0) continue;
    char buffer[65536];
    const ssize_t size = read(descriptor, buffer, sizeof buffer);
    if (size == 0 || (size < 0 && errno != EINTR)) return true;
    if (size > 0) into.append(buffer, static_cast<size_t>(size));
  }
}

}  // namespace

void become_isolated(int parent) {
  setpgid(0, 0);
  settle_in_child(parent, 0);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, standard);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(number, SIG_DFL);
}

void settle_in_child(int parent, double cpu_seconds_max) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  limit_time(cpu_seconds_max);
}

// Only the soft limits, which may be lifted again.
void limit_time(double cpu_seconds_max) {
  rlimit limit{};
  getrlimit(RLIMIT_CPU, &limit);
  const auto seconds = static_cast<rlim_t>(cpu_seconds_max);
  limit.rlim_cur = seconds == 0 ? limit.rlim_max : std::min(seconds, limit.rlim_max);
  setrlimit(RLIMIT_CPU, &limit);
  alarm(static_cast<unsigned>(seconds == 0 ? 0 : 4 * seconds + 300));
}

std::string describe_death(int status) {
  if (WIFEXITED(status)) return fmt::format("it exited with {} and without a verdict", WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  if (number == SIGXCPU || number == SIGALRM || number == SIGKILL)
    return fmt::format("host loop: it would not end ({})", number == SIGXCPU ? "CPU time" : "time");
  return fmt::format("signal {} ({})", number, strsignal(number));
}

IsolatedEnd run_isolated(const IsolatedWork& work, const volatile bool* stop_requested) {
  IsolatedEnd end;
  int ends[2];
  const int errors = memfd_create("stderr", MFD_CLOEXEC);
  if (errors < 0 || pipe2(ends, O_CLOEXEC) != 0) {
    end.result = fail(fmt::format("this host gives no more files or memory: {}", std::strerror(errno)));
    return end;
  }
  const int parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    become_isolated(parent);
    dup2(errors, STDERR_FILENO);
    close(ends[0]);
    work_and_exit(work, ends[1]);
  }
  close(ends[1]);
  std::string bytes;
  if (child < 0) {
    end.result = fail(fmt::format("this host gives no more processes: {}", std::strerror(errno)));
  } else {
    end.stopped = !read_until_closed(ends[0], stop_requested, bytes);
    if (end.stopped) kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (end.stopped) {
      end.result = fail("stopped");
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || bytes.empty()) {
      const std::string printed = printed_errors(errors);
      end.died = describe_death(status) + (printed.empty() ? "" : ": " + printed);
      end.result = fail(end.died, ExitCode::internal);
    } else if (bytes[0] != 0) {
      end.result = fail(bytes.substr(1), static_cast<ExitCode>(bytes[0]));
    } else {
      end.result = bytes.substr(1);
    }
  }
  close(ends[0]);
  close(errors);
  return end;
}

}  // namespace ringside
