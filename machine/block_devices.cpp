#include "machine/block_devices.h"

#include <fmt/format.h>

namespace ringside {

BlkBackend& BlockDevices::add(const DiskScenario& disk, DiskImage& image, Domain& domain) {
  BlkBackendConfig config = disk.blkif;
  config.name = disk.name;
  config.read_only = disk.read_only;
  config.discard = disk.discard;
  disks_.push_back({&disk, std::make_unique<BlkBackend>(hypervisor_, store_, domain, image, config)});
  return *disks_.back().backend;
}

const Stateful* BlockDevices::backend_of(const DiskScenario& disk) const {
  for (const Disk& known : disks_) {
    if (known.scenario == &disk) return known.backend.get();
  }
  return nullptr;
}

// Names of disks are unique in a machine.
Result<BlkBackend*> BlockDevices::find(const std::string& device) const {
  for (const Disk& known : disks_) {
    if (known.scenario->name == device) return known.backend.get();
  }
  return fail(fmt::format("there is no disk '{}'", device));
}

Result<> BlockDevices::attach(Domain&, const std::string& device) {
  const auto disk = find(device);
  return disk ? (*disk)->attach() : Result<>(tl::unexpected(disk.error()));
}

Result<> BlockDevices::detach(Domain&, const std::string& device, bool forced) {
  const auto disk = find(device);
  return disk ? (*disk)->detach(forced) : Result<>(tl::unexpected(disk.error()));
}

Result<> BlockDevices::resize(Domain&, const std::string& device, uint64_t bytes) {
  const auto disk = find(device);
  return disk ? (*disk)->resize(bytes) : Result<>(tl::unexpected(disk.error()));
}

}  // namespace ringside
