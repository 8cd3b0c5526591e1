// The 9P shares of the paravirtual domains: the service that answers for each (share_service.h), and the
// backend that carries the messages.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "hv-model/backends/9pfs/p9_backend.h"
#include "machine/guest.h"
#include "machine/scenario.h"
#include "machine/share_service.h"
#include "machine/xen_host.h"
#include "machine/xen_toolstack.h"
#include "sim/exchange.h"
#include "sim/systemc/timeline.h"

namespace ringside {

class XenShares final : public HotPlug {
 public:
  // Reads the names of all folders, so that what is wrong with one is said before anything is recorded. A
  // replay (not `live`) needs none. The scenario outlives this.
  static Result<std::unique_ptr<XenShares>> open(const Scenario& scenario, bool live);

  // Makes the shares of a domain that has been built. What it refers to outlives this.
  struct Surroundings {
    Outside& outside;
    Standins& standins;
    Timeline& timeline;
  };
  Result<> attach(const std::string& domain_name, Domain& domain, XenHost& host, const Surroundings& around);
  void list_components(Components& into) const;

  Result<> attach(Domain& domain, const std::string& device) override;
  Result<> detach(Domain& domain, const std::string& device, bool forced) override;

 private:
  struct Share {
    ShareService exported;
    uint32_t device = 0;  // its number among its domain's
    std::unique_ptr<NinePfsBackend> backend;
  };
  Result<NinePfsBackend*> find(const std::string& device) const;

  int64_t epoch_seconds_ = 0;
  std::vector<Share> shares_;
};

}  // namespace ringside
