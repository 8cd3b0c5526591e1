#include "sim/assert.h"

#include <cstdio>
#include <cstdlib>

#include "sim/result.h"

namespace ringside {

namespace {
std::string (*describe_run)(void*) = nullptr;
void* describe_user = nullptr;
}  // namespace

void set_assert_context(std::string (*describe)(void* user), void* user) {
  describe_run = describe;
  describe_user = user;
}

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "ringside: internal error: %s (%s:%d)\n", expression, file, line);
  if (describe_run != nullptr) {
    auto* describe = describe_run;
    describe_run = nullptr;  // a failure while describing must not come back here
    std::fprintf(stderr, "%s\n", describe(describe_user).c_str());
  }
  std::fprintf(stderr, "This is our fault, not your guest's. Please report it with the lines above.\n");
  std::fflush(nullptr);
  std::_Exit(static_cast<int>(ExitCode::internal));
}

}  // namespace ringside
