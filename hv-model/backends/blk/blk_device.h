// The XenBus side of an attached disk: the walk of states of drivers/block/xen-blkback/xenbus.c.
// blk_device.cpp is the walk, blk_connect.cpp what a frontend has written about its rings.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hv-model/backends/blk/blk_backend.h"
#include "hv-model/backends/blk/blk_ring.h"
#include "hv-model/backends/device_nodes.h"
#include "hv-model/xenbus.h"

namespace ringside {

class BlkBackend::Device final : public XenbusDevice {
 public:
  // Rings that are closed while the disk still has requests of theirs go to `draining`.
  Device(const BlkDisk& disk, XenStoreClient& store, const DevicePaths& paths,
         std::vector<std::shared_ptr<BlkRing>>& draining);
  ~Device() override;

  const DevicePaths& paths() const { return paths_; }
  // The domain that it runs in is killed: what it has of the frontend's goes, and nothing is written.
  void die();
  // The image has another size now.
  void announce_size();

  void visit_state(StateVisitor& visitor) const override;

 private:
  void other_end_changed(XenbusState seen) override;
  // True when nothing of the frontend's is in use any more.
  bool disconnect();
  void remove();
  void connect();
  void announce();

  // --- blk_connect.cpp: each has called fail() when it returns false or nothing ---
  bool connect_rings();
  struct Agreed {  // for all queues
    const BlkLayout* layout;
    bool persistent;
    uint32_t ring_pages;
  };
  std::optional<Agreed> read_agreed();
  bool connect_ring(const Agreed& agreed, const std::string& folder, const BlkWires& wires);
  std::optional<std::vector<GrantRef>> read_references(const Agreed& agreed, const std::string& folder);
  bool fail_number(const std::string& path);
  std::optional<uint32_t> frontend_number(const std::string& path);
  // xenbus_read_unsigned.
  uint32_t frontend_option(std::string_view name, uint32_t otherwise);
  BlkWires wires_of_queue(std::optional<uint32_t> queue);

  const BlkDisk disk_;
  const DevicePaths paths_;
  const BlkWires wires_;  // of the only queue
  std::vector<std::shared_ptr<BlkRing>> rings_;
  std::vector<std::shared_ptr<BlkRing>>& draining_;
  bool removed_ = false;  // the device is gone: only the toolstack could bring it back
};

}  // namespace ringside
