// Backends that can die, by the wires that lead to them: for the fault `crash` (sim/fault/fault_injector.h).
// A disk, network interface or share is behind all the wires of its rings, a console behind its own two.
// XenStore is none of them: in Xen 4.17 nothing restarts a xenstored that has died.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/fault/fault_injector.h"

namespace ringside {

class XenFaultTargets final : public FaultTargets {
 public:
  // What dies, and what comes back after so long (0: nothing).
  using Crash = std::function<void(Tick back_after)>;

  // All wires whose names begin with one of these paths, {"dom1/ring/xvda/"}, or are one:
  // {"dom1/xenbus/xvda"}. What it calls lives as long as the machine.
  void add(const std::vector<std::string>& paths, const Crash& crash);
  template <class Backend>
  void add(const std::vector<std::string>& paths, Backend& backend) {
    add(paths, Crash([&backend](Tick back_after) { backend.crash(back_after); }));
  }

  bool crash(const Wire& wire, Tick back_after) override;
  bool can_crash(const Wire& wire) const override { return find(wire) != nullptr; }

 private:
  const Crash* find(const Wire& wire) const;

  std::vector<std::pair<std::string, Crash>> targets_;
};

}  // namespace ringside
