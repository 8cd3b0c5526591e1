// Proves that a fault finds the backend behind a wire by the wire's name, and no other.
#include "machine/fault_targets.h"

#include <catch2/catch.hpp>

#include "sim/clock.h"
#include "sim/notice.h"

using namespace ringside;

TEST_CASE("crash: the backend behind a wire, or none") {
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  XenFaultTargets targets;
  std::vector<std::pair<std::string, Tick>> died;
  targets.add({"dom1/ring/xvda/"}, [&](Tick back) { died.emplace_back("xvda", back); });
  targets.add({"dom1/ring/vif0/", "dom1/eth/vif0/"}, [&](Tick back) { died.emplace_back("vif0", back); });
  const auto wire = [&](const char* name) -> Wire& {
    return wiring.add(name, WireKind::message, kNoticePayload);
  };
  CHECK(targets.crash(wire("dom1/ring/xvda/request"), milliseconds(5)));
  CHECK(targets.crash(wire("dom1/eth/vif0/tx"), {}));
  CHECK(died == std::vector<std::pair<std::string, Tick>>{{"xvda", milliseconds(5)}, {"vif0", Tick{}}});
  for (const char* name :
       {"dom1/ring/xvdab/request", "dom2/ring/xvda/request", "dom1/xenstore", "image/xvda"}) {
    CHECK_FALSE(targets.can_crash(wire(name)));
    CHECK_FALSE(targets.crash(wire(name), {}));
  }
  CHECK(died.size() == 2);
}
