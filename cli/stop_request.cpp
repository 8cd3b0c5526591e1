#include "cli/stop_request.h"

#include <unistd.h>

#include <csignal>

namespace ringside::cli {

volatile bool stop_requested = false;

namespace {

void (*act_before_the_end)() = nullptr;

void stop_on_signal(int) {
  if (stop_requested) {
    if (act_before_the_end != nullptr) act_before_the_end();
    _exit(130);
  }
  stop_requested = true;
}

}  // namespace

void stop_on_signals(void (*last_act)()) {
  act_before_the_end = last_act;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, stop_on_signal);
}

}  // namespace ringside::cli
