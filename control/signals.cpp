#include "control/signals.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>

namespace ringside {

namespace {

volatile std::sig_atomic_t arrived = 0;
volatile std::sig_atomic_t watched = -1;

void on_arrival(int) {
  const int kept = errno;
  char byte;
  // The end of the connection: nobody wants this machine any more.
  if (watched >= 0 && recv(watched, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) _exit(0);
  arrived = 1;
  errno = kept;
}

}  // namespace

void prepare_machine_signals() {
  struct sigaction action {};
  action.sa_handler = on_arrival;
  action.sa_flags = SA_RESTART;
  sigaction(SIGIO, &action, nullptr);
  // Ctrl-C is for the client, which asks for a stop.
  for (const int number : {SIGINT, SIGQUIT, SIGTSTP, SIGPIPE, SIGXFSZ}) std::signal(number, SIG_IGN);
  // Checkpoints are nobody's to wait for.
  std::signal(SIGCHLD, SIG_IGN);
}

void watch_socket(int socket) {
  watched = socket;
  fcntl(socket, F_SETOWN, getpid());
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_ASYNC);
  arrived = 1;  // what came before is looked for, too
}

bool attention_wanted() { return arrived != 0; }

bool take_attention() {
  if (arrived == 0) return false;
  arrived = 0;
  return true;
}

}  // namespace ringside
