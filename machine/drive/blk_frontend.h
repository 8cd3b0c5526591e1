// A block frontend without a guest: a domain that has memory, grants, XenStore nodes and an event channel,
// and no core. It connects to a real backend and puts the requests that it is given into the ring, with pages
// of its own in the place of the recorded ones.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hv-model/backends/blk/blk_backend.h"
#include "hv-model/backends/blk/blk_layout.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"
#include "machine/drive/stage.h"

namespace ringside {

class BlkDriveFrontend {
 public:
  // The backend is made for an image that outlives this.
  static Result<std::unique_ptr<BlkDriveFrontend>> create(DriveStage& stage, DiskImage& image,
                                                          const BlkBackendConfig& config);
  ~BlkDriveFrontend();

  // Both ends walk to Connected.
  Result<> connect();
  uint32_t room() const { return slots_ - static_cast<uint32_t>(in_flight_.size()); }

  // Puts it into the ring and notifies. `written` is the data of a write, sector by sector as the segments
  // say; shorter is filled up with zeros. `refused` are references of the recorded request that no grant
  // stands behind. Gives its number, or nothing where there are no pages.
  std::optional<uint64_t> put(const BlkRequest& request, std::span<const uint8_t> written,
                              const std::vector<uint32_t>& refused);

  struct Answer {
    uint64_t number;
    int16_t status;
    uint8_t operation;
    std::vector<uint8_t> data;  // of the segments, after the answer
  };
  // What is in the ring.
  std::vector<Answer> take();
  // Answers to nothing that was asked.
  uint64_t strays() const { return strays_; }

 private:
  struct Page {
    Mfn frame;
    uint32_t reference;
  };
  struct Segment {
    std::optional<Page> page;
    uint8_t first, last;
  };
  struct InFlight {
    std::vector<Segment> segments;
    std::vector<Page> lists;  // of an indirect request
  };

  BlkDriveFrontend(DriveStage& stage, std::unique_ptr<Memory> memory);
  bool make_domain();
  std::optional<Page> take_page();
  void free(InFlight& request);
  void run(Tick duration) { stage_.run_until(stage_.clock.now + duration); }
  std::string node(const std::string& path);
  bool write_node(const std::string& name, const std::string& value);
  GuestPhys entry(uint32_t reference) const;
  uint32_t index(size_t offset) const { return memory_->load<uint32_t>(ring_address(0) + offset); }
  GuestPhys ring_address(uint64_t offset) const;
  void write_ring(uint64_t offset, std::span<const uint8_t> bytes);

  static constexpr uint64_t kMemoryBytes = 96 << 20;
  static constexpr uint32_t kGrantFrames = 32, kFirstReference = 8;

  DriveStage& stage_;
  std::unique_ptr<Memory> memory_;
  Hypervisor hypervisor_;
  XenStore store_;
  XenStoreClient toolstack_;
  Domain* domain_ = nullptr;
  std::unique_ptr<XenStoreClient> guest_;
  std::unique_ptr<BlkBackend> backend_;
  std::string frontend_path_, backend_path_;

  const BlkLayout& layout_ = blk_native_layout();
  std::vector<Page> ring_;
  uint32_t slots_ = 0, req_prod_ = 0, rsp_cons_ = 0;
  EventPort port_;
  uint32_t next_reference_ = kFirstReference;
  std::vector<Page> free_pages_;
  std::map<uint64_t, InFlight> in_flight_;
  uint64_t last_number_ = 0, strays_ = 0;
};

}  // namespace ringside
