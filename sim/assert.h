// SIM_ASSERT says that we are wrong, never that a guest, a file or a user is. It is on in every build. The
// machine registers what the report should say (seed, tick, replay command) through set_assert_context.
#pragma once

#include <string>

namespace ringside {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

// Called by the machine: text for the report, such as "seed 1, tick 0.5s, replay with: ...".
void set_assert_context(std::string (*describe)(void* user), void* user);

}  // namespace ringside

#define SIM_ASSERT(expression) \
  (static_cast<bool>(expression) ? void(0) : ::ringside::assertion_failed(#expression, __FILE__, __LINE__))
