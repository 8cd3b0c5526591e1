// The blkif backend (public/io/blkif.h): xen-blkback's part of the protocol, on a disk image. Crossings on
// "<domain>/ring/<disk>/request", ".../response" and ".../indices" (sampled), and the image's own on
// "image/<disk>".
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "host/disk_image.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"

namespace ringside {

struct BlkBackendConfig {
  std::string name = "xvda";  // also gives the virtual device number: xvda is 51712
  bool read_only = false;
  bool discard = false;  // offers feature-discard
  bool flush = true;     // offers feature-flush-cache
};

class BlkBackend : public Stateful {
 public:
  // Writes its XenStore nodes for `frontend` (both ends, as the toolstack does) and waits for the frontend.
  // `store` outlives it, as do the hypervisor and the image.
  BlkBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, DiskImage& image,
             const BlkBackendConfig& config);
  ~BlkBackend() override;

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
