// The list of all checkers. A new one adds its row here.
#include "checkers/checker.h"
#include "checkers/device_checkers.h"
#include "checkers/xen_checkers.h"

namespace ringside {

const std::vector<KnownChecker>& known_checkers() {
  static const std::vector<KnownChecker> checkers{ring_checker(),   grants_checker(), events_checker(),
                                                  xenbus_checker(), dma_checker(),    device_checker(),
                                                  ninep_checker(),  pages_checker(),  driver_checker()};
  return checkers;
}

}  // namespace ringside
