// Many endings of one beginning: a fork of the process has the machine as it is, with all that the test
// knows. A snapshot is such a process that sleeps, and forks once more for each ending. Each has a recording
// of its own, which begins with a copy of its parent's.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "testkit/crash_report.h"
#include "testkit/machine_impl.h"
#include "testkit/running_test.h"

namespace ringside::test {

namespace {

// How an ending's process ends: 0 is none of them, with which a driver may leave it in the middle. kReported:
// crash_report.cpp has told of its death.
constexpr int kPassed = 3, kFailed = 1, kReported = 70;

int wait_for_process(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// What its end says of an ending, in the process that asked for it.
void judge_ending(const std::string& name, int status) {
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == kPassed) return;
  note_failure();
  if (code == kFailed || code == kReported) return;  // it has said why
  IsolatedChild* child = RunningTest::instance().child;
  const std::string text =
      WIFEXITED(status) ? fmt::format("in the ending '{}': it exited with {} in the middle", name, code)
                        : fmt::format("in the ending '{}': it was killed by signal {} ({})", name,
                                      WTERMSIG(status), strsignal(WTERMSIG(status)));
  if (child == nullptr) throw Error(text);
  child->send(kFailureMessage, text);
}

// Bytes of a command for a snapshot: the ending's address, and its name behind it.
bool read_whole(int socket, void* into, size_t size) {
  for (char* at = static_cast<char*>(into); size != 0;) {
    const ssize_t got = read(socket, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

void write_whole(int socket, const void* from, size_t size) {
  for (const char* at = static_cast<const char*>(from); size != 0;) {
    const ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) throw Error("the snapshot's process is gone");
    at += sent;
    size -= static_cast<size_t>(sent);
  }
}

struct Command {
  void (*ending)(Machine&) = nullptr;
  uint64_t name_size = 0;
};

}  // namespace

void Machine::Impl::become_own() {
  auto own = std::make_unique<Recording>();
  own->copy_from(*recording);
  if (!finished) or_throw(machine->take_over_in(own->path()));
  recording = std::move(own);
}

bool Machine::Impl::fork_child(int& process) {
  built().flush_recording();
  std::cout.flush();
  std::fflush(nullptr);
  if (IsolatedChild* child = RunningTest::instance().child) child->flush();
  const pid_t parent = getpid();
  process = ::fork();
  if (process < 0)
    throw Error(fmt::format("this host gives no process for an ending: {}", std::strerror(errno)));
  if (process != 0) return false;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  if (RunningTest::instance().begin_coverage != nullptr) RunningTest::instance().begin_coverage();
  return true;
}

void Machine::Impl::do_ending(const std::string& name, const std::function<void()>& ending) {
  RunningTest& test = RunningTest::instance();
  report_deaths_again();
  become_own();
  test.enter_ending(name);
  announce();
  test.endings.run(*test.child, [&] {
    ending();
    if (test.failed && !finished) finish();
  });
  if (test.failed && !finished) finish();
  if (!test.failed) test.child->send(kForgetMessage, test.session_path(number));
  test.child->flush();
  std::cout.flush();
  std::fflush(nullptr);
  if (RunningTest::instance().write_coverage != nullptr) RunningTest::instance().write_coverage();
  _exit(test.failed ? kFailed : kPassed);
}

void Machine::fork(const std::string& name, const std::function<void()>& ending) {
  RunningTest& test = RunningTest::instance();
  impl_->built();
  if (!test.endings.run)
    throw Error(
        "fork() reports what an ending asserts: include ringside/catch.h, or see ringside/isolation.h");
  if (test.child != nullptr) {
    int process = 0;
    if (impl_->fork_child(process)) impl_->do_ending(name, ending);
    judge_ending(name, wait_for_process(process));
    return;
  }
  impl_->machine->flush_recording();
  IsolatedTest isolated(name, "", 0);
  const IsolatedEnd end = isolated.run(
      [&](IsolatedChild& child) {
        impl_->become_own();
        test.enter_ending(name);
        test.endings.run(child, ending);
      },
      test.endings.take);
  if (end.died) throw Error(fmt::format("the ending '{}': {}", name, end.text));
}

void Machine::save(const std::string& path) {
  ringside::Machine& machine = impl_->built();
  remember_folder(impl_->scenario);
  if (impl_->finished) return copy_to(impl_->recording->descriptor(), path);
  machine.flush_recording();
  int process = 0;
  if (impl_->fork_child(process)) {
    int code = 0;
    try {
      impl_->become_own();
      impl_->finish();
      copy_to(impl_->recording->descriptor(), path);
    } catch (const std::exception& error) {
      std::cerr << error.what() << std::endl;
      if (IsolatedChild* child = RunningTest::instance().child) child->flush();
      code = kFailed;
    }
    _exit(code);
  }
  if (wait_for_process(process) != 0) throw Error(fmt::format("the session '{}' could not be written", path));
}

struct Snapshot::Impl {
  int socket = -1;
  pid_t process = 0;
  ~Impl() {
    close(socket);
    wait_for_process(process);
  }
};

Snapshot::Snapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

Snapshot Machine::snapshot() {
  RunningTest& test = RunningTest::instance();
  if (test.child == nullptr)
    throw Error("snapshot() needs a RINGSIDE_TEST in a process of its own (unset RINGSIDE_NO_FORK)");
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error(fmt::format("this host gives no connection for a snapshot: {}", std::strerror(errno)));
  int process = 0;
  if (!impl_->fork_child(process)) {
    close(ends[1]);
    auto kept = std::make_unique<Snapshot::Impl>();
    kept->socket = ends[0];
    kept->process = process;
    return Snapshot(std::move(kept));
  }
  // The sleeper. What the parent goes on to record is not part of it.
  close(ends[0]);
  impl_->become_own();
  Command command;
  while (read_whole(ends[1], &command, sizeof command)) {
    std::string name(command.name_size, '\0');
    if (!read_whole(ends[1], name.data(), name.size())) break;
    int ending = 0;
    if (impl_->fork_child(ending)) {
      close(ends[1]);
      impl_->do_ending(name, [&] { command.ending(*this); });
    }
    const int status = wait_for_process(ending);
    write_whole(ends[1], &status, sizeof status);
  }
  _exit(0);
}

void Snapshot::fork(const std::string& name, void (*ending)(Machine& m)) {
  if (IsolatedChild* child = RunningTest::instance().child) child->flush();
  const Command command{ending, name.size()};
  write_whole(impl_->socket, &command, sizeof command);
  write_whole(impl_->socket, name.data(), name.size());
  int status = 0;
  if (!read_whole(impl_->socket, &status, sizeof status)) throw Error("the snapshot's process is gone");
  judge_ending(name, status);
}

}  // namespace ringside::test
