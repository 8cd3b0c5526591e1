// The client's side of one machine's process: it starts it, asks, and hears events. stepped_machine.h makes
// of several such processes (checkpoints, and those that were woken) one machine that can go back.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>

#include "control/channel.h"
#include "control/server.h"

namespace ringside {

// Who may want a machine to stop while it runs.
struct StopWish {
  std::function<bool()> wanted;  // asked five times a second, and whenever there is something at `descriptor`
  int descriptor = -1;
};

class MachineProcess {
 public:
  using OnEvent = std::function<void(Json event, OwnedDescriptor descriptor)>;

  // Forks; the child makes the machine. Call it from a process without threads. `ready` is what it said then.
  struct Started;
  static Result<Started> start(const MachineRequest& wanted, const std::function<void()>& in_child,
                               const StopWish& stop = {});
  // A process that exists: a checkpoint, or one that it became.
  MachineProcess(OwnedDescriptor socket, pid_t pid);
  MachineProcess(MachineProcess&&) noexcept;
  MachineProcess& operator=(MachineProcess&&) noexcept;
  // Ends the process, and waits for its end where it is ours to wait for.
  ~MachineProcess();

  pid_t pid() const { return pid_; }
  bool is_open() const { return channel_.is_open(); }
  // Sends a request and waits for its answer; events that come before it are given to `on_event`. Once `stop`
  // wants it, the machine is asked to stop. An answer with "error" is an error.
  struct Answer {
    Json json;
    OwnedDescriptor descriptor;
  };
  Result<Answer> ask(Json request, const OnEvent& on_event = {}, const StopWish& stop = {});
  // In another process that was forked: closes the connection, and leaves the machine alone.
  void forget();

 private:
  ControlChannel channel_;
  pid_t pid_ = -1;
  int64_t last_id_ = 0;
};

struct MachineProcess::Started {
  MachineProcess process;
  Json ready;
};

}  // namespace ringside
