// What can fail because of the host or the user returns Result<T>. The message says what, where, and what
// to do. A guest's misdeeds are not errors: they are notices (sim/notice.h). Our own are SIM_ASSERT
// (sim/assert.h).
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace ringside {

// The process's exit codes. One enumeration for the whole tool, so that a script can rely on them.
enum class ExitCode : int {
  ok = 0,
  expectation_failed = 1,
  bad_input = 2,  // usage, scenario, kernel, image, session, host failure
  diverged = 3,   // a replay differs from its recording
  guest_hung = 4,
  guest_crashed = 5,
  invariant_broken = 6,
  internal = 70,
};

struct Error {
  ExitCode code = ExitCode::bad_input;
  std::string message;
};

template <class T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string message, ExitCode code = ExitCode::bad_input) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace ringside

// Hands an error on to the caller: `SIM_TRY(parse(...));`.
#define SIM_TRY(expression)                                                        \
  do {                                                                             \
    auto sim_try_result = (expression);                                            \
    if (!sim_try_result) return tl::unexpected(std::move(sim_try_result.error())); \
  } while (false)
