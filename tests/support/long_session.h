// A session as long as one wants, of a real recording's crossings again and again, each time later: for
// measuring what reads sessions. What the crossings mean begins anew with each repetition, as if the guest
// had been started again.
#pragma once

#include <cstdint>
#include <string>

#include "sim/result.h"

namespace ringside::test_support {

// Writes `path` with so many crossings of `recording`, whose epochs, inputs and outcome come along. Payload
// types must be registered.
Result<> write_long_session(const std::string& path, const std::string& recording, uint64_t crossings);

}  // namespace ringside::test_support
