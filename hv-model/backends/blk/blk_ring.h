// A connected blkif ring: takes requests, has the disk serve them, and puts the responses back, in the order
// in which the disk finishes. It lives from the frontend's Connected to its Closed; requests that are under
// way then still end, with their grants, but give no response. A device has one, or one for each queue.
//
// After drivers/block/xen-blkback/blkback.c of Linux. blk_ring.cpp is the ring itself, blk_io.cpp what
// becomes of a request between being taken and answered.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/disk_image.h"
#include "hv-model/backends/blk/blk_backend.h"
#include "hv-model/backends/blk/blk_layout.h"
#include "hv-model/backends/blk/blk_request.h"
#include "hv-model/backends/blk/persistent_grants.h"
#include "hv-model/backends/granted_pages.h"
#include "hv-model/hypervisor.h"
#include "hv-model/ring.h"

namespace ringside {

struct BlkWires {
  Wire& request;
  Wire& response;
  Wire& indices;
};

// What all rings of a device share.
struct BlkDisk {
  Hypervisor& hypervisor;
  Domain& frontend;
  DiskImage& image;
  const BlkBackendConfig config;
};

// What a frontend has given for one ring.
struct BlkRingGrant {
  GrantedPages pages;
  EventPort port;  // domain 0's end
  const BlkLayout* layout;
  bool persistent;  // its grants may be kept
};

class BlkRing : public std::enable_shared_from_this<BlkRing>, public Stateful {
 public:
  // Pages and port are given up by close().
  static std::shared_ptr<BlkRing> connect(const BlkDisk& disk, BlkWires wires, BlkRingGrant grant);
  ~BlkRing() override;

  void close();
  // The backend's domain is killed: Xen ends channel and mappings now, those of requests in flight included.
  // What the disk still has for them moves no data any more.
  void die();
  size_t in_flight() const { return in_flight_; }

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Page {  // of a guest, mapped for a request
    Mfn frame;
    uint32_t handle = 0;  // of a mapping of its own
    uint32_t gref = 0;
    bool kept = false;  // it belongs to the persistent grants
  };
  struct Work;

  BlkRing(const BlkDisk& disk, BlkWires wires, BlkRingGrant grant);

  // --- blk_ring.cpp ---
  // Takes what there is; called at each event.
  void serve();
  bool take_requests();
  void fetch(uint32_t slot, uint32_t req_prod, uint32_t index);
  void fetch_indirect_segments();
  // Shows request_ on its wire and dispatches what the taps leave of it. False when it was refused.
  bool receive();
  void respond(const BlkRequest& request, Tick taken_at, int16_t status);
  void put_response(const BlkResponseRecord& record);
  void accept_faults();
  void rewrite_request(std::span<const uint8_t> payload);
  void rewrite_response(std::span<const uint8_t> payload);
  void pause();
  void sample_indices(Direction direction);
  void notice(NoticeKind kind, std::string text);

  // --- blk_io.cpp ---
  BlkLimits limits() const;
  bool dispatch(const BlkRequest& request, Tick taken_at, int64_t fail);
  bool dispatch_transfer(const BlkRequest& request, Tick taken_at);
  void dispatch_discard(const BlkRequest& request, Tick taken_at);
  void hold_barrier(const BlkRequest& request, Tick taken_at);
  void start_held_barrier();
  bool start(const BlkRequest& request, Tick taken_at);
  void start_flush(Work& work);
  void start_write(Work& work);
  void finish(Work& work, DiskImage::Status status);
  void refuse(const BlkRequest& request, Tick taken_at, std::string_view why);
  Work& take_work(const BlkRequest& request, Tick taken_at);
  void release_work(Work& work);
  void abandon(Work& work);
  bool map_page(uint32_t gref, bool read_only, Page& page);
  void unmap_page(const Page& page);
  void plan_purge();

  const BlkDisk disk_;
  BlkWires wires_;
  const EventPort port_;
  const BlkLayout& layout_;
  const bool persistent_;
  GrantedPages pages_;
  BackRingIndices ring_;
  PersistentGrants kept_;
  EventQueue::Handle purge_;
  bool live_ = true;
  bool halted_ = false;  // the frontend's indices are broken: nothing more is taken
  EventQueue::Handle pause_end_;
  bool paused_ = false;

  // Requests under way. A place is used again and again, so that a request allocates nothing; `in_flight_`
  // counts those in use.
  std::vector<std::unique_ptr<Work>> works_;
  std::vector<Work*> free_works_;
  size_t in_flight_ = 0;
  // Barriers wait until nothing is in flight, and nothing is taken before they are done.
  struct Barrier {
    BlkRequest request;
    Tick taken_at;
  };
  std::deque<Barrier> barriers_;
  bool barrier_active_ = false;

  BlkRequest request_;            // the one that is being taken
  std::vector<uint8_t> payload_;  // of it, or of a response
  BlkIndicesRecord last_sample_{};
  std::vector<BlkResponseRecord> surplus_;  // repeated by a fault, until there is a slot
};

}  // namespace ringside
