// The virtual disks of the paravirtual domains, as the toolstack sees them: named as in the scenario,
// attached, detached and resized by its commands.
#pragma once

#include <memory>
#include <vector>

#include "hv-model/backends/blk/blk_backend.h"
#include "machine/scenario.h"
#include "machine/xen_toolstack.h"

namespace ringside {

class BlockDevices final : public HotPlug {
 public:
  // Both outlive this.
  BlockDevices(Hypervisor& hypervisor, XenStoreClient& store) : hypervisor_(hypervisor), store_(store) {}

  // The image outlives this.
  BlkBackend& add(const DiskScenario& disk, DiskImage& image, Domain& domain);
  // Null for a disk that is none of a paravirtual domain.
  const Stateful* backend_of(const DiskScenario& disk) const;

  Result<> attach(Domain& domain, const std::string& device) override;
  Result<> detach(Domain& domain, const std::string& device, bool forced) override;
  Result<> resize(Domain& domain, const std::string& device, uint64_t bytes) override;

 private:
  struct Disk {
    const DiskScenario* scenario;
    std::unique_ptr<BlkBackend> backend;
  };
  Result<BlkBackend*> find(const std::string& device) const;

  Hypervisor& hypervisor_;
  XenStoreClient& store_;
  std::vector<Disk> disks_;
};

}  // namespace ringside
