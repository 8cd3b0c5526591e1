// The checkers of what a paravirtual domain shares with its backends and with Xen: rows of the list in
// known_checkers.cpp. All lie in xen/.
#pragma once

#include "checkers/checker.h"

namespace ringside {

KnownChecker ring_checker();
KnownChecker grants_checker();
KnownChecker events_checker();
KnownChecker xenbus_checker();

}  // namespace ringside
