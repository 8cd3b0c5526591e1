// The backend of 9P shares (public/io/9pfs.h, docs/misc/9pfs.pandoc of Xen 4.17): carries the messages of a
// frontend's rings to a 9P service and its answers back, with the behaviour of QEMU's
// hw/9pfs/xen-9p-backend.c. Crossings on "<domain>/9p/<share>/T" and ".../R", and
// "<domain>/ring/<share>/<ring>/indices" (sampled).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"
#include "sim/result.h"

namespace ringside {

class BackendDeath;   // hv-model/backends/backend_death.h
class NinePService;   // host/9p/service.h
class DeviceRemoval;  // hv-model/backends/device_removal.h

struct DevicePaths;

struct NinePfsConfig {
  static constexpr uint32_t kRingsMax = 8;      // as QEMU offers; Linux 6.1 wants 2 at least
  static constexpr uint32_t kRingOrderMax = 9;  // 512 references are what the interface page holds

  std::string name = "share0";  // of the scenario: names the wires
  uint32_t device = 0;          // its number among the domain's shares
  std::string tag = "share0";   // what the guest mounts
  std::string path = "/";       // what the toolstack's node says is shared; only the service knows what is
  std::string security_model = "none";
  uint32_t max_rings = kRingsMax;                // 1 to kRingsMax
  uint32_t max_ring_page_order = kRingOrderMax;  // 1 to kRingOrderMax
};

class NinePfsBackend : public Stateful {
 public:
  // Writes its XenStore nodes for `frontend` (both ends, as the toolstack does) and waits for the frontend:
  // at any time, so that a share can be plugged in while the guest runs. What it refers to outlives it.
  NinePfsBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, NinePService& service,
                 const NinePfsConfig& config);
  ~NinePfsBackend() override;

  // Makes the device anew after detach() has taken it away: writes its nodes, and waits for the frontend.
  Result<> attach();
  // Asks the frontend to close; when it has, the nodes go. A frontend that does not within ten seconds keeps
  // its share, and there is a notice. Forced, the frontend's nodes go first: it loses the share whether it
  // likes it or not.
  Result<> detach(bool forced);
  bool attached() const { return device_ != nullptr || death_ != nullptr; }
  // The fault `crash` (hv-model/backends/backend_death.h), from the event queue: the service forgets its
  // clients. Of one that is not attached, or dead already, nothing more can die.
  void crash(Tick back_after);

  void visit_state(StateVisitor& visitor) const override;

 private:
  class Device;

  void forget(const DevicePaths& paths);

  Hypervisor& hypervisor_;
  XenStoreClient& store_;
  Domain& frontend_;
  NinePService& service_;
  const NinePfsConfig config_;
  std::unique_ptr<Device> device_;  // null: not attached, or dead
  std::unique_ptr<DeviceRemoval> removal_;
  std::unique_ptr<BackendDeath> death_;  // until a new backend takes the place
};

}  // namespace ringside
