// A connected blkif ring: takes requests, has the disk serve them, and puts the responses back, in the order
// in which the disk finishes. It lives from the frontend's Connected to its Closed; requests that are under
// way then still end, with their grants, but give no response.
//
// After drivers/block/xen-blkback/blkback.c of Linux.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/disk_image.h"
#include "hv-model/backends/blk/blk_backend.h"
#include "hv-model/backends/blk/blk_request.h"
#include "hv-model/hypervisor.h"

namespace ringside {

struct BlkWires {
  Wire& request;
  Wire& response;
  Wire& indices;
};

class BlkRing : public std::enable_shared_from_this<BlkRing>, public Stateful {
 public:
  // `page` is the ring's granted frame and `port` domain 0's end of its event channel; both are given up by
  // close().
  static std::shared_ptr<BlkRing> connect(Hypervisor& hypervisor, Domain& frontend, DiskImage& image,
                                          const BlkBackendConfig& config, BlkWires wires, Grants::Mapped page,
                                          EventPort port);
  ~BlkRing() override;

  void close();
  size_t in_flight() const { return in_flight_.size(); }

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Indices;
  struct InFlight {
    BlkRequest request;
    Tick taken_at;
    std::vector<Grants::Mapped> grants;
    std::vector<uint8_t> data;
  };

  BlkRing(Hypervisor& hypervisor, Domain& frontend, DiskImage& image, const BlkBackendConfig& config,
          BlkWires wires, Grants::Mapped page, EventPort port);

  // Takes what there is; called at each event.
  void serve();
  bool take_requests();
  // Shows a request on its wire and dispatches what the taps leave of it. False when it was refused.
  bool receive(const BlkRequest& request);
  bool dispatch(std::span<const uint8_t> payload, Tick taken_at, int64_t fail);
  bool dispatch_transfer(const BlkRequest& request, Tick taken_at);
  void dispatch_discard(const BlkRequest& request, Tick taken_at);
  void start_flush(uint64_t number);
  void start_write(uint64_t number);
  bool map_segments(InFlight& work);
  bool read_guest(InFlight& work);
  bool write_guest(const InFlight& work);
  void unmap_segments(InFlight& work);
  void finish(uint64_t number, DiskImage::Status status);
  void refuse(const BlkRequest& request, Tick taken_at, std::string_view why);
  void respond(const BlkRequest& request, Tick taken_at, int16_t status);
  void put_response(const std::vector<uint8_t>& payload);
  void pause();
  void sample_indices(Direction direction);
  void notice(NoticeKind kind, std::string text);

  Hypervisor& hypervisor_;
  Domain& frontend_;
  DiskImage& image_;
  const BlkBackendConfig config_;
  BlkWires wires_;
  const Grants::Mapped page_;
  const EventPort port_;
  std::unique_ptr<Indices> ring_;
  bool live_ = true;
  bool halted_ = false;  // the frontend's indices are broken: nothing more is taken
  EventQueue::Handle pause_end_;
  bool paused_ = false;
  std::map<uint64_t, InFlight> in_flight_;
  uint64_t last_number_ = 0;
  std::vector<uint8_t> last_sample_;
};

}  // namespace ringside
