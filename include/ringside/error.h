// What the writer of a test did wrong: a scenario that is not there, a wire that no machine has, a fault that
// nobody understands. The message says what, where and what to do; names that may have been meant are in it.
// What a guest or a driver does wrong is never an Error: it is the test's own verdict.
#pragma once

#include <stdexcept>
#include <string>

#include "ringside/export.h"

namespace ringside::test {

class RINGSIDE_API Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
  Error(const Error&) = default;
  ~Error() override;
};

}  // namespace ringside::test
