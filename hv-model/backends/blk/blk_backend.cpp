// The toolstack's side of a disk: what libxl does for block-attach and block-detach (libxl_disk.c,
// libxl_device.c), and what an administrator does to its image.
#include "hv-model/backends/blk/blk_backend.h"

#include <fmt/format.h>

#include <optional>

#include "hv-model/backends/blk/blk_device.h"
#include "hv-model/backends/blk/virtual_device.h"
#include "hv-model/backends/device_nodes.h"
#include "sim/assert.h"

namespace ringside {

namespace {

// LIBXL_DESTROY_TIMEOUT.
constexpr Tick kDetachLimit = seconds(10);
constexpr const char* kDetachToken = "block-detach";

}  // namespace

// A removal that waits for the backend's Closed, or for its limit.
struct BlkBackend::Detaching {
  Detaching(XenStoreClient& the_store, EventQueue& the_events, std::string the_node)
      : store(the_store), events(the_events), node(std::move(the_node)) {}
  ~Detaching() {
    events.cancel(limit);
    (void)store.unwatch(node, kDetachToken);
  }
  XenStoreClient& store;
  EventQueue& events;
  const std::string node;
  EventQueue::Handle limit;
};

BlkBackend::BlkBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, DiskImage& image,
                       const BlkBackendConfig& config)
    : hypervisor_(hypervisor), store_(store), frontend_(frontend), image_(image), config_(config) {
  if (config_.attached) (void)attach();
}

BlkBackend::~BlkBackend() = default;

Result<> BlkBackend::attach() {
  if (device_) return fail(fmt::format("disk '{}' is attached already", config_.name));
  const std::optional<uint32_t> number = virtual_device_number(config_.name);
  SIM_ASSERT(number.has_value());
  const DevicePaths paths = device_paths("vbd", frontend_.id, *number);
  create_device_nodes(store_, paths, frontend_.id,
                      {{"virtual-device", fmt::format("{}", *number)}, {"device-type", "disk"}},
                      {{"removable", "0"},
                       {"bootable", "1"},
                       {"dev", config_.name},
                       {"type", "phy"},
                       {"mode", config_.read_only ? "r" : "w"},
                       {"device-type", "disk"},
                       {"discard-enable", config_.discard ? "1" : "0"}});
  device_ =
      std::make_unique<Device>(BlkDisk{hypervisor_, frontend_, image_, config_}, store_, paths, draining_);
  return {};
}

// libxl__initiate_device_generic_remove.
Result<> BlkBackend::detach(bool forced) {
  if (!device_) return fail(fmt::format("disk '{}' is not attached", config_.name));
  const DevicePaths& paths = device_->paths();
  const std::string state_node = paths.backend + "/state";
  detaching_.reset();
  if (forced) (void)store_.remove(paths.frontend);
  if (parse_xenbus_state(store_.read(state_node).value_or("")) != XenbusState::closed)
    request_device_removal(store_, paths);
  detaching_ = std::make_unique<Detaching>(store_, hypervisor_.events, state_node);
  // The watch fires at once for the state that is there.
  (void)store_.watch(state_node, kDetachToken, [this, state_node](const std::string&) {
    const auto state = store_.read(state_node);
    if (!state || parse_xenbus_state(*state) == XenbusState::closed) remove_device();
  });
  detaching_->limit = hypervisor_.events.schedule(
      saturating_add(hypervisor_.clock.now, kDetachLimit), "blkif/detach", [this] {
        detaching_.reset();
        frontend_.notices.emit(
            NoticeKind::unusual, "blkif/" + config_.name,
            "the frontend has not closed the disk ten seconds after it was asked to; the disk "
            "stays attached (block-detach --force takes it away)");
      });
  return {};
}

void BlkBackend::remove_device() {
  const DevicePaths paths = device_->paths();
  detaching_.reset();
  device_.reset();
  remove_device_nodes(store_, paths);
}

Result<> BlkBackend::resize(uint64_t bytes) {
  if (bytes % config_.sector_bytes != 0 || bytes % config_.physical_sector_bytes != 0) {
    return fail(
        fmt::format("{} bytes are no whole number of {}-byte sectors", bytes, config_.physical_sector_bytes));
  }
  SIM_TRY(image_.resize(bytes));
  if (device_) device_->announce_size();
  return {};
}

void BlkBackend::visit_state(StateVisitor& visitor) const {
  visitor.number("attached", device_ != nullptr);
  visitor.number("detach_limit", detaching_ ? detaching_->limit.at.ps : 0);
  if (device_) device_->visit_state(visitor);
  visitor.number("draining", draining_.size());
  for (const auto& closed : draining_) closed->visit_state(visitor);
}

}  // namespace ringside
