// A session keeps what its recording policy says; whatever else crossed the machine's wires is made again by
// executing the session again, which gives the same run. This makes the data of disks'
// operations, which no session holds unless it was told to.
#pragma once

#include <string>
#include <vector>

#include "sim/result.h"
#include "sim/session/side.h"

namespace ringside {

// Executes the session again and records it anew, with the data of all disks, to `to`. Fails where the run is
// not the recorded one, or what it needs is not there.
Result<> regenerate_session(const std::string& session, const std::string& to,
                            const std::string& scenario_folder);

// What read_session_side() gives of a session regenerated with data. It is executed in a child process and
// leaves no file. `name` is how messages call it.
Result<SessionSide> side_with_data(const std::string& session, const std::string& name,
                                   const std::vector<std::string>& globs);

}  // namespace ringside
