#include "control/machine_process.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

namespace ringside {

MachineProcess::MachineProcess(OwnedDescriptor socket, pid_t pid) : channel_(std::move(socket)), pid_(pid) {}

MachineProcess::MachineProcess(MachineProcess&& other) noexcept
    : channel_(std::move(other.channel_)), pid_(std::exchange(other.pid_, -1)), last_id_(other.last_id_) {}

MachineProcess& MachineProcess::operator=(MachineProcess&& other) noexcept {
  std::swap(channel_, other.channel_);
  std::swap(pid_, other.pid_);
  std::swap(last_id_, other.last_id_);
  return *this;
}

MachineProcess::~MachineProcess() {
  if (pid_ < 0) return;
  channel_.close();
  kill(pid_, SIGKILL);
  // Where its parent lives, which is another machine's process, that one has it taken away (SIGCHLD is
  // ignored there); where not, it is ours, because we are the one that orphans go to.
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void MachineProcess::forget() {
  channel_.close();
  pid_ = -1;
}

Result<MachineProcess::Started> MachineProcess::start(const MachineRequest& wanted,
                                                      const std::function<void()>& in_child,
                                                      const StopWish& stop) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto ends = make_socket_pair();
  if (!ends) return tl::unexpected(ends.error());
  // What is buffered must not be printed twice.
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return fail(fmt::format("no process for the machine: {}", std::strerror(errno)));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    ends->first.close();
    if (in_child) in_child();
    ControlServer::serve(std::move(ends->second), wanted);
  }
  ends->second.close();
  MachineProcess process(std::move(ends->first), child);
  for (;;) {
    auto line = process.channel_.receive(
        stop.wanted ? ControlChannel::Wait::briefly : ControlChannel::Wait::yes, {stop.descriptor, POLLIN});
    if (!line) {
      if (stop.wanted && stop.wanted()) return fail("it was stopped while it was made");
      if (process.is_open()) continue;
      return fail("the machine's process ended while the machine was made", ExitCode::internal);
    }
    if (!line->json.is_object()) continue;
    const std::string event = line->json.value("event", "");
    if (event == "failed") {
      return tl::unexpected(
          Error{static_cast<ExitCode>(line->json.value("exit_code", 2)), line->json.value("message", "")});
    }
    if (event == "ready") return Started{std::move(process), std::move(line->json)};
  }
}

Result<MachineProcess::Answer> MachineProcess::ask(Json request, const OnEvent& on_event,
                                                   const StopWish& stop) {
  const int64_t id = ++last_id_;
  request["id"] = id;
  if (!channel_.send(request)) channel_.close();
  bool listens = static_cast<bool>(stop.wanted);
  while (channel_.is_open()) {
    if (listens && stop.wanted()) {
      listens = false;
      channel_.send({{"do", "stop"}});
    }
    ControlChannel::Beside beside;
    if (listens) beside = {stop.descriptor, POLLIN};
    auto line = channel_.receive(listens ? ControlChannel::Wait::briefly : ControlChannel::Wait::yes, beside);
    if (!line) continue;
    if (!line->json.is_object()) continue;
    if (line->json.value("id", int64_t{0}) == id) {
      if (line->json.contains("error")) return fail(line->json.value("error", ""));
      return Answer{std::move(line->json), std::move(line->descriptor)};
    }
    if (on_event && line->json.contains("event"))
      on_event(std::move(line->json), std::move(line->descriptor));
  }
  return fail("the machine's process is gone; this is our own fault", ExitCode::internal);
}

}  // namespace ringside
