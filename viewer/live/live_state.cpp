#include "viewer/live/live_machine.h"

namespace ringside::viewer {

std::string_view to_string(LiveMachine::State state) {
  switch (state) {
    case LiveMachine::State::none: return "no machine";
    case LiveMachine::State::starting: return "starting";
    case LiveMachine::State::paused: return "paused";
    case LiveMachine::State::running: return "running";
    case LiveMachine::State::going: return "on the way";
    case LiveMachine::State::ended: return "ended";
    case LiveMachine::State::failed: break;
  }
  return "failed";
}

}  // namespace ringside::viewer
