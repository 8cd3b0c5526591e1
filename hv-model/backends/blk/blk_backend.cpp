// The XenBus side: the nodes that the toolstack writes (libxl_disk.c, libxl_device.c), and the walk of states
// of drivers/block/xen-blkback/xenbus.c.
#include "hv-model/backends/blk/blk_backend.h"

#include <fmt/format.h>
#include <xen/io/protocols.h>

#include <optional>
#include <utility>
#include <vector>

#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/blk/blk_ring.h"
#include "hv-model/backends/blk/virtual_device.h"
#include "hv-model/backends/device_nodes.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"
#include "hv-model/xenbus.h"
#include "sim/assert.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};

// What libxl writes for a disk, at both ends (libxl_disk.c).
DevicePaths create_nodes(XenStoreClient& store, DomainId frontend, const BlkBackendConfig& config) {
  const std::optional<uint32_t> device = virtual_device_number(config.name);
  SIM_ASSERT(device.has_value());
  const DevicePaths paths = device_paths("vbd", frontend, *device);
  create_device_nodes(store, paths, frontend,
                      {{"virtual-device", fmt::format("{}", *device)}, {"device-type", "disk"}},
                      {{"removable", "0"},
                       {"bootable", "1"},
                       {"dev", config.name},
                       {"type", "phy"},
                       {"mode", config.read_only ? "r" : "w"},
                       {"device-type", "disk"},
                       {"discard-enable", config.discard ? "1" : "0"}});
  return paths;
}

BlkWires add_wires(Wiring& wiring, const Domain& frontend, const std::string& disk) {
  const std::string base = fmt::format("{}/ring/{}/", frontend.name, disk);
  return {wiring.add(base + "request", WireKind::message, kBlkRequestPayload),
          wiring.add(base + "response", WireKind::message, kBlkResponsePayload),
          wiring.add(base + "indices", WireKind::sampled, kBlkIndicesPayload)};
}

}  // namespace

struct BlkBackend::Impl : XenbusDevice {
  Impl(Hypervisor& the_hypervisor, XenStoreClient& the_store, Domain& the_frontend, DiskImage& the_image,
       const BlkBackendConfig& the_config, const DevicePaths& paths)
      : XenbusDevice(the_store, paths.backend, paths.frontend),
        hypervisor(the_hypervisor),
        frontend(the_frontend),
        image(the_image),
        config(the_config),
        wires(add_wires(the_hypervisor.wiring, the_frontend, the_config.name)) {
    write_own("max-ring-page-order", "0");
    switch_state(XenbusState::init_wait);
    watch_other_end();
  }
  ~Impl() override { disconnect(); }

  void other_end_changed(XenbusState seen) override;
  void connect();
  bool connect_ring();
  std::optional<uint32_t> frontend_number(std::string_view name);
  void announce();
  // True when nothing of the frontend's is in use any more.
  bool disconnect();
  void remove();

  void visit_state(StateVisitor& visitor) const override;

  Hypervisor& hypervisor;
  Domain& frontend;
  DiskImage& image;
  const BlkBackendConfig config;
  BlkWires wires;
  std::shared_ptr<BlkRing> ring;
  // Rings that are closed, but whose requests the disk still has.
  std::vector<std::shared_ptr<BlkRing>> draining;
  bool removed = false;  // the device is gone: only the toolstack could bring it back
};

void BlkBackend::Impl::other_end_changed(XenbusState seen) {
  if (removed) return;
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
      if (read_own("online").value_or("0") != "1") removed = true;
      break;
    case XenbusState::unknown: remove(); break;
    default: fail(XEN_EINVAL, fmt::format("saw state {} at frontend", static_cast<unsigned>(seen))); break;
  }
}

void BlkBackend::Impl::connect() {
  if (!disconnect()) {
    fail(XEN_EBUSY, "pending I/O");
    return;
  }
  if (connect_ring()) announce();
}

std::optional<uint32_t> BlkBackend::Impl::frontend_number(std::string_view name) {
  const auto text = read_other(name);
  const std::optional<uint32_t> number = text ? parse_unsigned(*text) : std::nullopt;
  if (!number) fail(XEN_EINVAL, fmt::format("reading {}/{}", other_path(), name));
  return number;
}

bool BlkBackend::Impl::connect_ring() {
  // DEVIATES: xen-blkback - the layout of 32-bit frontends ("x86_32-abi") is refused; our domains are 64-bit.
  const std::string protocol = read_other("protocol").value_or(XEN_IO_PROTO_ABI_X86_64);
  if (protocol != XEN_IO_PROTO_ABI_X86_64) {
    fail(XEN_ENOSYS, "unknown fe protocol " + protocol.substr(0, 63));
    return false;
  }
  const auto queues = read_other("multi-queue-num-queues");
  if (queues && parse_unsigned(*queues).value_or(1) != 1) {
    fail(XEN_ENOSYS, "guest requested more than one queue, exceeding the maximum of 1.");
    return false;
  }
  const auto order = read_other("ring-page-order");
  const std::optional<uint32_t> page_order = order ? parse_unsigned(*order) : std::nullopt;
  if (page_order.value_or(0) != 0) {
    fail(XEN_EINVAL, fmt::format("requested ring page order {} exceed max:0", *page_order));
    return false;
  }
  const std::optional<uint32_t> remote_port = frontend_number("event-channel");
  if (!remote_port) return false;
  // Whoever names an order uses the numbered nodes.
  const std::optional<uint32_t> reference = frontend_number(page_order ? "ring-ref0" : "ring-ref");
  if (!reference) return false;

  const auto page = hypervisor.grants.map(kBackendDomain, frontend.id, GrantRef{*reference}, false);
  if (!page || !hypervisor.memory.contains(page->frame)) {
    fail(XEN_EINVAL, fmt::format("mapping ring-ref port {}", *remote_port));
    return false;
  }
  const RingIndices indices = hypervisor.memory.load<RingIndices>(page->frame.address());
  const bool sound = indices.req_prod - indices.rsp_prod <= BackRing<blkif_request, blkif_response>::kSlots;
  const int64_t port =
      sound ? hypervisor.channels.bind_interdomain(kBackendDomain, frontend.id, EventPort{*remote_port})
            : -XEN_EIO;
  if (port < 0) {
    (void)hypervisor.grants.unmap(kBackendDomain, page->handle);
    fail(-port, fmt::format("mapping ring-ref port {}", *remote_port));
    return false;
  }
  ring = BlkRing::connect(hypervisor, frontend, image, config, wires, *page,
                          EventPort{static_cast<uint32_t>(port)});
  return true;
}

void BlkBackend::Impl::announce() {
  const auto transaction = store().begin();
  const auto put = [&](std::string_view name, const std::string& value) {
    (void)store().write(fmt::format("{}/{}", own_path(), name), value, transaction);
  };
  put("feature-flush-cache", config.flush ? "1" : "0");
  if (config.discard) {
    put("discard-granularity", "512");
    put("discard-alignment", "0");
    put("discard-secure", "0");
    put("feature-discard", "1");
  }
  put("feature-barrier", "0");
  put("feature-persistent", "0");
  put("sectors", fmt::format("{}", image.sectors()));
  put("info", config.read_only ? fmt::format("{}", VDISK_READONLY) : "0");
  put("sector-size", "512");
  put("physical-sector-size", "512");
  (void)store().end(transaction, true);
  switch_state(XenbusState::connected);
}

bool BlkBackend::Impl::disconnect() {
  if (ring) {
    ring->close();
    draining.push_back(std::exchange(ring, nullptr));
  }
  std::erase_if(draining, [](const auto& closed) { return closed->in_flight() == 0; });
  return draining.empty();
}

void BlkBackend::Impl::remove() {
  disconnect();
  switch_state(XenbusState::closed);
  removed = true;
}

void BlkBackend::Impl::visit_state(StateVisitor& visitor) const {
  XenbusDevice::visit_state(visitor);
  visitor.number("removed", removed);
  visitor.number("connected", ring != nullptr);
  if (ring) ring->visit_state(visitor);
  visitor.number("draining", draining.size());
  for (const auto& closed : draining) closed->visit_state(visitor);
}

BlkBackend::BlkBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, DiskImage& image,
                       const BlkBackendConfig& config) {
  const DevicePaths paths = create_nodes(store, frontend.id, config);
  impl_ = std::make_unique<Impl>(hypervisor, store, frontend, image, config, paths);
}

BlkBackend::~BlkBackend() = default;

void BlkBackend::visit_state(StateVisitor& visitor) const { impl_->visit_state(visitor); }

}  // namespace ringside
