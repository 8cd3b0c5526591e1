// The toolstack's side of a disk: what libxl does for block-attach and block-detach (libxl_disk.c,
// libxl_device.c), and what an administrator does to its image.
#include "hv-model/backends/blk/blk_backend.h"

#include <fmt/format.h>

#include <optional>

#include "hv-model/backends/backend_death.h"
#include "hv-model/backends/blk/blk_device.h"
#include "hv-model/backends/blk/virtual_device.h"
#include "hv-model/backends/device_nodes.h"
#include "hv-model/backends/device_removal.h"
#include "sim/assert.h"

namespace ringside {

namespace {

StoreNodes backend_nodes(const BlkBackendConfig& config) {
  return {{"removable", "0"},
          {"bootable", "1"},
          {"dev", config.name},
          {"type", "phy"},
          {"mode", config.read_only ? "r" : "w"},
          {"device-type", "disk"},
          {"discard-enable", config.discard ? "1" : "0"}};
}

}  // namespace

BlkBackend::BlkBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, DiskImage& image,
                       const BlkBackendConfig& config)
    : hypervisor_(hypervisor), store_(store), frontend_(frontend), image_(image), config_(config) {
  if (config_.attached) (void)attach();
}

BlkBackend::~BlkBackend() = default;

Result<> BlkBackend::attach() {
  if (attached()) return fail(fmt::format("disk '{}' is attached already", config_.name));
  const std::optional<uint32_t> number = virtual_device_number(config_.name);
  SIM_ASSERT(number.has_value());
  const DevicePaths paths = device_paths("vbd", frontend_.id, *number);
  create_device_nodes(store_, paths, frontend_.id,
                      {{"virtual-device", fmt::format("{}", *number)}, {"device-type", "disk"}},
                      backend_nodes(config_));
  device_ =
      std::make_unique<Device>(BlkDisk{hypervisor_, frontend_, image_, config_}, store_, paths, draining_);
  return {};
}

Result<> BlkBackend::detach(bool forced) {
  if (!attached()) return fail(fmt::format("disk '{}' is not attached", config_.name));
  removal_.reset();
  const DevicePaths paths = device_ ? device_->paths() : death_->paths();
  const auto closed = [this, paths] { forget(paths); };
  const auto late = [this] {
    removal_.reset();
    frontend_.notices.emit(NoticeKind::unusual, "blkif/" + config_.name,
                           "the frontend has not closed the disk ten seconds after it was asked to; the disk "
                           "stays attached (block-detach --force takes it away)");
  };
  // Nobody is left to close a dead one.
  if (!device_) {
    forget(paths);
    return {};
  }
  removal_ = std::make_unique<DeviceRemoval>(store_, hypervisor_, paths, forced, closed, late);
  return {};
}

void BlkBackend::forget(const DevicePaths& given) {
  const DevicePaths paths = given;  // it may be a part of what goes
  removal_.reset();
  device_.reset();
  death_.reset();
  remove_device_nodes(store_, paths);
}

void BlkBackend::crash(Tick back_after) {
  if (!device_) return;
  const DevicePaths paths = device_->paths();
  device_->die();
  device_.reset();
  death_ = std::make_unique<BackendDeath>(store_, hypervisor_, paths, back_after, [this, paths] {
    create_backend_nodes(store_, paths, frontend_.id, backend_nodes(config_));
    device_ =
        std::make_unique<Device>(BlkDisk{hypervisor_, frontend_, image_, config_}, store_, paths, draining_);
    death_.reset();
  });
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
  visitor.number("attached", attached());
  visitor.number("detach_limit", removal_ ? removal_->limit().ps : 0);
  if (device_) device_->visit_state(visitor);
  if (death_) death_->visit_state(visitor);
  visitor.number("draining", draining_.size());
  for (const auto& closed : draining_) closed->visit_state(visitor);
}

}  // namespace ringside
