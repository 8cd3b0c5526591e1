// Packing: a copy of a session that carries the files it was recorded with, so that it replays on a machine
// that has none of them.
#pragma once

#include <string>
#include <vector>

#include "sim/result.h"
#include "sim/session/session.h"

namespace ringside {

// Copies `from` to `to`, with contents[i] embedded as the contents of the header's files[i]. Fails, naming
// the file, when contents have another size or hash than was recorded. `to` appears only when it is complete,
// so it may be `from` itself. A cut session is packed up to its cut.
Result<> pack_session(const std::string& from, const std::string& to,
                      const std::vector<std::vector<uint8_t>>& contents);

}  // namespace ringside
