// The virtual network interfaces of the paravirtual domains, as the toolstack sees them: named as in the
// scenario, attached and detached by its commands.
#pragma once

#include <memory>
#include <vector>

#include "hv-model/backends/net/net_backend.h"
#include "machine/guest.h"
#include "machine/scenario.h"
#include "machine/xen_toolstack.h"

namespace ringside {

class XenNics final : public HotPlug {
 public:
  // Both outlive this.
  XenNics(Hypervisor& hypervisor, XenStoreClient& store) : hypervisor_(hypervisor), store_(store) {}

  // The port outlives this.
  NetBackend& add(const NicScenario& nic, uint64_t seed, SwitchPort& port, Domain& domain);
  void list_components(Components& into) const;

  Result<> attach(Domain& domain, const std::string& device) override;
  Result<> detach(Domain& domain, const std::string& device, bool forced) override;

 private:
  struct Nic {
    const NicScenario* scenario;
    std::unique_ptr<NetBackend> backend;
  };
  Result<NetBackend*> find(const std::string& device) const;

  Hypervisor& hypervisor_;
  XenStoreClient& store_;
  std::vector<Nic> nics_;
};

}  // namespace ringside
