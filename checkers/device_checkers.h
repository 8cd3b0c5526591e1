// The checkers of devices and of what guests hand over: rows of the list in known_checkers.cpp.
#pragma once

#include "checkers/checker.h"

namespace ringside {

KnownChecker dma_checker();     // dma/
KnownChecker device_checker();  // device/
KnownChecker ninep_checker();   // 9p/
KnownChecker pages_checker();   // pages.cpp
KnownChecker driver_checker();  // driver/

}  // namespace ringside
