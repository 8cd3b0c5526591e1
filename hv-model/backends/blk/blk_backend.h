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
#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"
#include "sim/result.h"

namespace ringside {

class BlkRing;

// The numbers are xen-blkback's own, where it has them.
struct BlkBackendConfig {
  std::string name = "xvda";  // also gives the virtual device number: xvda is 51712
  bool read_only = false;
  bool discard = false;                   // offers feature-discard
  bool flush = true;                      // offers feature-flush-cache
  bool barrier = false;                   // offers feature-barrier
  bool persistent = true;                 // offers feature-persistent
  uint32_t persistent_grants_max = 1056;  // kept mapped by each ring
  uint32_t indirect_segments = 256;       // feature-max-indirect-segments; 0: not offered
  uint32_t ring_page_order = 4;           // max-ring-page-order
  uint32_t queues = 4;                    // multi-queue-max-queues: the processors of domain 0
  uint32_t sector_bytes = 512;            // 512 or 4096
  uint32_t physical_sector_bytes = 512;   // a multiple of it
  bool attached = true;                   // is there from the start; otherwise attach() brings it
};

class BlkBackend : public Stateful {
 public:
  static constexpr uint32_t kIndirectSegmentsMax = 4096;  // 8 pages of them
  static constexpr uint32_t kRingPageOrderMax = 4;        // XENBUS_MAX_RING_GRANT_ORDER
  static constexpr uint32_t kQueuesMax = 16;
  static constexpr uint32_t kPersistentGrantsMax = 65536;

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
  bool attached() const { return device_ != nullptr; }
  // Another size of the disk, which a connected frontend is told (xen_vbd_resize).
  Result<> resize(uint64_t bytes);

  void visit_state(StateVisitor& visitor) const override;

 private:
  class Device;
  struct Detaching;
  void remove_device();

  Hypervisor& hypervisor_;
  XenStoreClient& store_;
  Domain& frontend_;
  DiskImage& image_;
  const BlkBackendConfig config_;
  // Rings that are closed, but whose requests the disk still has.
  std::vector<std::shared_ptr<BlkRing>> draining_;
  std::unique_ptr<Device> device_;  // null: not attached
  std::unique_ptr<Detaching> detaching_;
};

}  // namespace ringside
