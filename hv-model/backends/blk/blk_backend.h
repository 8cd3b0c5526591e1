// The blkif backend (public/io/blkif.h): xen-blkback's part of the protocol, on a disk image, and the
// toolstack's part of a disk's life: its nodes, hot plug and unplug, another size. Crossings on
// "<domain>/ring/<disk>/request", ".../response" and ".../indices" (sampled), of a frontend with several
// queues on "<domain>/ring/<disk>/queue-0/request" and so on, and the image's own on "image/<disk>".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/disk_image.h"
#include "hv-model/backends/blk/blk_config.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"
#include "sim/result.h"

namespace ringside {

class BlkRing;
struct DevicePaths;
class BackendDeath;   // hv-model/backends/backend_death.h
class DeviceRemoval;  // hv-model/backends/device_removal.h

class BlkBackend : public Stateful {
 public:
  // `store` outlives it, as do the hypervisor and the image.
  BlkBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, DiskImage& image,
             const BlkBackendConfig& config);
  ~BlkBackend() override;

  // xl block-attach: writes its XenStore nodes for the frontend (both ends, as the toolstack does) and waits
  // for the frontend.
  Result<> attach();
  // xl block-detach: asks the frontend to close; when it has, the nodes go. A frontend that does not within
  // ten seconds keeps its disk, and there is a notice. Forced, the frontend's nodes go first: it loses the
  // disk whether it likes it or not.
  Result<> detach(bool forced);
  bool attached() const { return device_ != nullptr || death_ != nullptr; }
  // The fault `crash` (hv-model/backends/backend_death.h), from the event queue. Of one that is not attached,
  // or dead already, nothing more can die.
  void crash(Tick back_after);
  // Another size of the disk, which a connected frontend is told (xen_vbd_resize).
  Result<> resize(uint64_t bytes);

  void visit_state(StateVisitor& visitor) const override;

 private:
  class Device;

  void forget(const DevicePaths& paths);

  Hypervisor& hypervisor_;
  XenStoreClient& store_;
  Domain& frontend_;
  DiskImage& image_;
  const BlkBackendConfig config_;
  // Rings that are closed, but whose requests the disk still has.
  std::vector<std::shared_ptr<BlkRing>> draining_;
  std::unique_ptr<Device> device_;  // null: not attached, or dead
  std::unique_ptr<DeviceRemoval> removal_;
  std::unique_ptr<BackendDeath> death_;  // until a new backend takes the place
};

}  // namespace ringside
