#include "machine/fault_targets.h"

namespace ringside {

void XenFaultTargets::add(const std::vector<std::string>& paths, const Crash& crash) {
  for (const std::string& path : paths) targets_.emplace_back(path, crash);
}

const XenFaultTargets::Crash* XenFaultTargets::find(const Wire& wire) const {
  for (const auto& [path, crash] : targets_) {
    if (path.ends_with('/') ? wire.name().starts_with(path) : wire.name() == path) return &crash;
  }
  return nullptr;
}

bool XenFaultTargets::crash(const Wire& wire, Tick back_after) {
  const Crash* crash = find(wire);
  if (crash == nullptr) return false;
  (*crash)(back_after);
  return true;
}

}  // namespace ringside
