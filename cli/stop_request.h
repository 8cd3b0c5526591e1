// Ctrl-C and its like: what runs is asked to end in order, and is given up when asked twice.
#pragma once

namespace ringside::cli {

extern volatile bool stop_requested;

// From now on SIGINT, SIGTERM and SIGHUP set it. The second one ends the process at once, behind `last_act`
// (which must be safe in a signal handler; null: nothing).
void stop_on_signals(void (*last_act)());

}  // namespace ringside::cli
