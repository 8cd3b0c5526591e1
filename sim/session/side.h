// One side of a recorded conversation: the crossings of a session's wires that match, in memory, for those
// who answer in the place of what was recorded (stand-ins), or ask in it (`ringside drive`).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/result.h"
#include "sim/session/reader.h"
#include "sim/session/session.h"

namespace ringside {

struct SessionSide {
  std::string path;  // of the file, for messages
  SessionHeader header;
  std::vector<SessionWire> all_wires;      // of the session
  std::vector<SessionWire> wires;          // those that match
  std::vector<SessionCrossing> crossings;  // on them, in their order; `wire` is an index into `wires`
  std::vector<InputRecord> inputs;         // all that came from outside, in its order
  std::string cut;                         // where a cut session ends, for people; empty: it is whole
  Tick end;                                // of what the session holds

  // Those whose name matches this glob, by their index in `wires`.
  std::vector<uint32_t> matching(const std::string& glob) const;
};

// Payloads and inputs together may have so many bytes.
inline constexpr uint64_t kSessionSideBytesMax = uint64_t{1} << 30;

// Reads the whole session. `name` is how messages call it. Wires of which the session holds no crossings are
// not among `wires`.
Result<SessionSide> read_session_side(const std::string& path, const std::string& name,
                                      const std::vector<std::string>& globs,
                                      uint64_t bytes_max = kSessionSideBytesMax);

}  // namespace ringside
