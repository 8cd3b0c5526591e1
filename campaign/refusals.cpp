#include "campaign/refusals.h"

#include <fmt/format.h>

namespace ringside {

Result<> check_scenario_for_campaign(const Scenario& scenario) {
  for (const DiskScenario& disk : scenario.disks) {
    if (!disk.write_file) continue;
    return fail(fmt::format(
        "disk '{0}' has write = true: each run of a campaign would write to the same image, and see what the "
        "others wrote; try --set disk.{0}.write=false, which keeps a run's writes in memory",
        disk.name));
  }
  for (const ShareScenario& share : scenario.shares) {
    if (!share.is_bridge()) continue;
    return fail(fmt::format(
        "share '{}' is bridged to {}: a server outside cannot be forked with the machine, so its answers "
        "would depend on the other runs; use `folder` or `memory` in a campaign",
        share.name, share.bridge));
  }
  return {};
}

void silence_captures(Scenario& scenario) {
  for (PeerScenario& peer : scenario.peers) {
    if (peer.kind == "pcap-writer") peer.file = "/dev/null";
  }
}

}  // namespace ringside
