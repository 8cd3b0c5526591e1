// The list of all checkers. A new one adds its row here.
#include "checkers/checker.h"

namespace ringside {

const std::vector<KnownChecker>& known_checkers() {
  static const std::vector<KnownChecker> checkers{};
  return checkers;
}

}  // namespace ringside
