// What a block backend offers its frontend (public/io/blkif.h).
#pragma once

#include <cstdint>
#include <string>

namespace ringside {

// The numbers are xen-blkback's own, where it has them.
struct BlkBackendConfig {
  static constexpr uint32_t kIndirectSegmentsMax = 4096;  // 8 pages of them
  static constexpr uint32_t kRingPageOrderMax = 4;        // XENBUS_MAX_RING_GRANT_ORDER
  static constexpr uint32_t kQueuesMax = 16;
  static constexpr uint32_t kPersistentGrantsMax = 65536;

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

}  // namespace ringside
