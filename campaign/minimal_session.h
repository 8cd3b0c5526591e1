// The session of a finding: the scenario run again from the start with its fault, and recorded.
#pragma once

#include "campaign/campaign.h"

namespace ringside {

struct SessionRequest {
  std::string scenario;  // as given
  Overrides overrides;
  const Baseline* baseline = nullptr;
  Tick quiet;
  std::string folder;
};

// Records the class's session, of a pair perhaps with one half of it only. What the recorded run's end and
// the found one's do not have in common is in the note. Nothing: it was stopped.
Result<std::optional<Session>> record_minimal_session(const SessionRequest& request,
                                                      const FailureClass& failure,
                                                      const volatile bool* stop_requested);

}  // namespace ringside
