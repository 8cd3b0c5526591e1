#include "hv-model/backends/blk/blk_device.h"

#include <fmt/format.h>

#include <utility>

#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {

// xen_blkbk_probe: what a frontend may choose from is there before it begins.
BlkBackend::Device::Device(const BlkDisk& disk, XenStoreClient& store, const DevicePaths& paths,
                           std::vector<std::shared_ptr<BlkRing>>& draining)
    : XenbusDevice(store, paths.backend, paths.frontend),
      disk_(disk),
      paths_(paths),
      wires_(wires_of_queue(std::nullopt)),
      draining_(draining) {
  const BlkBackendConfig& config = disk_.config;
  show_states_on(disk_.hypervisor.wiring.add(fmt::format("{}/xenbus/{}", disk_.frontend.name, config.name),
                                             WireKind::sampled, kXenbusStatePayload));
  if (config.indirect_segments != 0)
    write_own("feature-max-indirect-segments", fmt::format("{}", config.indirect_segments));
  write_own("multi-queue-max-queues", fmt::format("{}", config.queues));
  write_own("max-ring-page-order", fmt::format("{}", config.ring_page_order));
  switch_state(XenbusState::init_wait);
  watch_other_end();
}

BlkBackend::Device::~Device() { disconnect(); }

void BlkBackend::Device::other_end_changed(XenbusState seen) {
  if (removed_) return;
  switch (seen) {
    case XenbusState::initialising:
      if (state() == XenbusState::closed) switch_state(XenbusState::init_wait);
      break;
    case XenbusState::initialised:
    case XenbusState::connected:
      if (state() != XenbusState::connected) connect();
      break;
    case XenbusState::closing: switch_state(XenbusState::closing); break;
    case XenbusState::closed:
      disconnect();
      switch_state(XenbusState::closed);
      if (read_own("online").value_or("0") != "1") removed_ = true;
      break;
    case XenbusState::unknown: remove(); break;
    default: fail(XEN_EINVAL, fmt::format("saw state {} at frontend", static_cast<unsigned>(seen))); break;
  }
}

void BlkBackend::Device::connect() {
  if (!disconnect()) {
    fail(XEN_EBUSY, "pending I/O");
    return;
  }
  if (connect_rings()) {
    announce();
  } else {
    disconnect();
  }
}

void BlkBackend::Device::announce() {
  const BlkBackendConfig& config = disk_.config;
  const auto transaction = store().begin();
  const auto put = [&](std::string_view name, uint64_t value) {
    (void)store().write(fmt::format("{}/{}", own_path(), name), fmt::format("{}", value), transaction);
  };
  put("feature-flush-cache", config.flush);
  if (config.discard) {
    put("discard-granularity", config.sector_bytes);
    put("discard-alignment", 0);
    put("discard-secure", 0);
    put("feature-discard", 1);
  }
  put("feature-barrier", config.barrier);
  put("feature-persistent", config.persistent);
  // As Linux at both ends, in units of 512 bytes whatever the medium's sectors are; blkif.h would have it in
  // units of sector-size.
  put("sectors", disk_.image.sectors());
  put("info", config.read_only ? VDISK_READONLY : 0);
  put("sector-size", config.sector_bytes);
  put("physical-sector-size", config.physical_sector_bytes);
  (void)store().end(transaction, true);
  switch_state(XenbusState::connected);
}

// The state is written again as it is, so that the frontend's watch fires and it looks at the size.
void BlkBackend::Device::announce_size() {
  if (state() != XenbusState::connected) return;
  const auto transaction = store().begin();
  (void)store().write(own_path() + "/sectors", fmt::format("{}", disk_.image.sectors()), transaction);
  (void)store().write(own_path() + "/state", fmt::format("{}", static_cast<unsigned>(state())), transaction);
  (void)store().end(transaction, true);
}

bool BlkBackend::Device::disconnect() {
  for (auto& ring : std::exchange(rings_, {})) {
    ring->close();
    draining_.push_back(std::move(ring));
  }
  std::erase_if(draining_, [](const auto& closed) { return closed->in_flight() == 0; });
  return draining_.empty();
}

void BlkBackend::Device::die() {
  for (const auto& ring : std::exchange(rings_, {})) ring->die();
}

void BlkBackend::Device::remove() {
  disconnect();
  switch_state(XenbusState::closed);
  removed_ = true;
}

void BlkBackend::Device::visit_state(StateVisitor& visitor) const {
  XenbusDevice::visit_state(visitor);
  visitor.number("removed", removed_);
  visitor.number("rings", rings_.size());
  for (const auto& ring : rings_) ring->visit_state(visitor);
}

}  // namespace ringside
