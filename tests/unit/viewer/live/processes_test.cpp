// No process is left, in whatever order they end: the window in order or by a signal, the steward, a machine.
#include "tests/unit/viewer/live/live_test.h"

#include <sys/wait.h>

#include <csignal>

using namespace ringside;
using namespace ringside::viewer;

namespace {

struct Process {
  pid_t pid = 0, parent = 0, group = 0;
  char state = ' ';
};

std::vector<Process> processes_of(pid_t group) {
  std::vector<Process> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line)) continue;
    Process process;
    const size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) continue;
    if (std::sscanf(line.c_str(), "%d", &process.pid) != 1 ||
        std::sscanf(line.c_str() + name_end + 1, " %c %d %d", &process.state, &process.parent,
                    &process.group) != 3)
      continue;
    if (process.group == group) found.push_back(process);
  }
  return found;
}

// A process that does as a window does; all of its processes are its group.
class WindowProcess {
 public:
  WindowProcess() {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    OwnedDescriptor from(ends[0]), to(ends[1]);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      from.close();
      setpgid(0, 0);
      live_in_child(to);
    }
    setpgid(pid_, pid_);
    to.close();
    char byte = 0;
    REQUIRE(read(from.get(), &byte, 1) == 1);
    REQUIRE(byte == 'r');
  }
  ~WindowProcess() {
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

  // Of those that live, besides the window.
  std::vector<Process> others() const {
    std::vector<Process> all = processes_of(pid_);
    std::erase_if(all, [&](const Process& process) {
      return process.pid == pid_ || (process.state == 'Z' && process.parent != pid_);
    });
    return all;
  }
  bool are_gone() const {
    for (int tenths = 0; tenths < 300; ++tenths) {
      if (others().empty()) return true;
      poll(nullptr, 0, 100);
    }
    return false;
  }
  pid_t steward() const {
    for (const Process& process : others()) {
      if (process.parent == pid_) return process.pid;
    }
    return -1;
  }
  void stop_living() { kill(pid_, SIGUSR1); }

 private:
  [[noreturn]] static void live_in_child(const OwnedDescriptor& ready) {
    static volatile bool wants_end = false;
    wants_end = false;
    std::signal(SIGUSR1, [](int) { wants_end = true; });
    try {
      LiveTest test("blk-read");
      test.live->step("ring/xvda/request");
      test.settle();
      test.live->back("*");
      test.settle();
      test.live->run(1e-6);
      test.frames_until([&] { return test.live->state() == LiveMachine::State::running; });
      if (write(ready.get(), "r", 1) != 1) _exit(1);
      // A frame now and then, until the window is closed.
      while (!wants_end) {
        test.live->poll();
        poll(nullptr, 0, 5);
      }
    } catch (...) {
      _exit(1);
    }
    for (;;) poll(nullptr, 0, 1000);
  }

  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("a window that is closed while its machine runs leaves nothing") {
  WindowProcess window;
  // The steward, the machine, its checkpoints.
  REQUIRE(window.others().size() >= 3);
  window.stop_living();
  CHECK(window.are_gone());
}

TEST_CASE("a window that is killed leaves nothing") {
  WindowProcess window;
  REQUIRE(window.others().size() >= 3);
  kill(window.pid(), SIGKILL);
  waitpid(window.pid(), nullptr, 0);
  CHECK(window.are_gone());
}

TEST_CASE("a steward that is killed leaves no machine") {
  WindowProcess window;
  const pid_t steward = window.steward();
  REQUIRE(steward > 0);
  kill(steward, SIGKILL);
  // It is the window's to wait for, which it does when it is closed.
  window.stop_living();
  CHECK(window.are_gone());
}

TEST_CASE("machines that are killed are a failure, and leave nothing") {
  WindowProcess window;
  const pid_t steward = window.steward();
  for (const Process& process : window.others()) {
    if (process.pid != steward) kill(process.pid, SIGKILL);
  }
  bool only_steward = false;
  for (int tenths = 0; tenths < 300 && !only_steward; ++tenths) {
    const auto left = window.others();
    only_steward = left.size() == 1 && left[0].pid == steward;
    poll(nullptr, 0, 100);
  }
  CHECK(only_steward);
  window.stop_living();
  CHECK(window.are_gone());
}

TEST_CASE("a machine whose process is gone is a failure that says so") {
  LiveTest test("blk-read");
  // The machine is the steward's child, which is ours.
  std::vector<Process> all = processes_of(getpgrp());
  pid_t steward = -1;
  for (const Process& process : all) {
    if (process.parent == getpid() && process.state != 'Z') steward = process.pid;
  }
  REQUIRE(steward > 0);
  for (const Process& process : all) {
    if (process.parent == steward) kill(process.pid, SIGKILL);
  }
  test.live->run(0);
  test.settle();
  CHECK(test.live->state() == LiveMachine::State::failed);
  CHECK(test.live->reason().find("process is gone") != std::string::npos);
}
