// How rings come about: what a frontend has written about them is read, judged and mapped (connect_ring,
// read_per_ring_refs and xen_blkif_map of xen-blkback). Nothing of it is trusted: a page that is no grant, a
// number that is none, more than was offered, each is an error in XenStore, and the device goes to Closing.
#include <fmt/format.h>
#include <xen/io/protocols.h>

#include "hv-model/backends/blk/blk_device.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {

namespace {
constexpr DomainId kBackendDomain{0};
}

BlkWires BlkBackend::Device::wires_of_queue(std::optional<uint32_t> queue) {
  std::string base = fmt::format("{}/ring/{}/", disk_.frontend.name, disk_.config.name);
  if (queue) base += fmt::format("queue-{}/", *queue);
  Wiring& wiring = disk_.hypervisor.wiring;
  const BlkWires wires{wiring.add(base + "request", WireKind::message, kBlkRequestPayload),
                       wiring.add(base + "response", WireKind::message, kBlkResponsePayload),
                       wiring.add(base + "indices", WireKind::sampled, kBlkIndicesPayload)};
  // Slots can be rewritten, as soon as there are any: a fault may say so from the start.
  const auto nothing_yet = [](std::span<const uint8_t>) {};
  if (!wires.request.rewriter()) wires.request.set_rewriter(nothing_yet);
  if (!wires.response.rewriter()) wires.response.set_rewriter(nothing_yet);
  return wires;
}

uint32_t BlkBackend::Device::frontend_option(std::string_view name, uint32_t otherwise) {
  const auto text = read_other(name);
  return text ? parse_unsigned(*text).value_or(otherwise) : otherwise;
}

bool BlkBackend::Device::fail_number(const std::string& path) {
  fail(XEN_EINVAL, "reading " + path);
  return false;
}

std::optional<uint32_t> BlkBackend::Device::frontend_number(const std::string& path) {
  const auto text = store().read(path);
  return text ? parse_unsigned(*text) : std::nullopt;
}

bool BlkBackend::Device::connect_rings() {
  const std::optional<Agreed> agreed = read_agreed();
  if (!agreed) return false;
  const uint32_t queues = frontend_option("multi-queue-num-queues", 1);
  if (queues == 0 || queues > disk_.config.queues) {
    fail(XEN_ENOSYS,
         fmt::format("guest requested {} queues, exceeding the maximum of {}.", queues, disk_.config.queues));
    return false;
  }
  if (queues == 1) return connect_ring(*agreed, other_path(), wires_);
  for (uint32_t queue = 0; queue < queues; ++queue) {
    const std::string folder = fmt::format("{}/queue-{}", other_path(), queue);
    if (!connect_ring(*agreed, folder, wires_of_queue(queue))) return false;
  }
  return true;
}

std::optional<BlkBackend::Device::Agreed> BlkBackend::Device::read_agreed() {
  Agreed agreed{};
  const auto protocol = read_other("protocol");
  agreed.layout = protocol && !protocol->empty() ? blk_layout_of(*protocol) : &blk_native_layout();
  if (agreed.layout == nullptr) {
    fail(XEN_ENOSYS, "unknown fe protocol " + protocol->substr(0, 63));
    return std::nullopt;
  }
  agreed.persistent = disk_.config.persistent && frontend_option("feature-persistent", 0) != 0;
  const uint32_t order = frontend_option("ring-page-order", 0);
  if (order > disk_.config.ring_page_order) {
    fail(XEN_EINVAL,
         fmt::format("requested ring page order {} exceed max:{}", order, disk_.config.ring_page_order));
    return std::nullopt;
  }
  agreed.ring_pages = 1u << order;
  return agreed;
}

// A ring of one page may be named either way, with ring-ref0 first.
std::optional<std::vector<GrantRef>> BlkBackend::Device::read_references(const Agreed& agreed,
                                                                         const std::string& folder) {
  std::vector<GrantRef> references;
  for (uint32_t page = 0; page < agreed.ring_pages; ++page) {
    const std::string path = fmt::format("{}/ring-ref{}", folder, page);
    std::optional<uint32_t> reference = frontend_number(path);
    if (!reference && agreed.ring_pages != 1) {
      fail_number(path);
      return std::nullopt;
    }
    if (!reference) reference = frontend_number(folder + "/ring-ref");
    if (!reference) {
      fail_number(folder + "/ring-ref");
      return std::nullopt;
    }
    references.push_back(GrantRef{*reference});
  }
  return references;
}

bool BlkBackend::Device::connect_ring(const Agreed& agreed, const std::string& folder,
                                      const BlkWires& wires) {
  const std::optional<uint32_t> remote_port = frontend_number(folder + "/event-channel");
  if (!remote_port) return fail_number(folder + "/event-channel");
  const auto references = read_references(agreed, folder);
  if (!references) return false;
  Hypervisor& hypervisor = disk_.hypervisor;
  auto pages = GrantedPages::map(hypervisor.grants, hypervisor.memory, disk_.frontend.id, *references, false);
  if (!pages) {
    fail(XEN_EINVAL, fmt::format("mapping ring-ref port {}", *remote_port));
    return false;
  }
  const auto indices = hypervisor.memory.load<RingIndices>(pages->address(0));
  const uint32_t slots = BackRingIndices::slots_in(pages->size() * kPageSize, agreed.layout->slot_bytes);
  const int64_t port =
      indices.req_prod - indices.rsp_prod <= slots
          ? hypervisor.channels.bind_interdomain(kBackendDomain, disk_.frontend.id, EventPort{*remote_port})
          : -XEN_EIO;
  if (port < 0) {
    fail(-port, fmt::format("mapping ring-ref port {}", *remote_port));
    return false;
  }
  rings_.push_back(BlkRing::connect(disk_, wires,
                                    {.pages = std::move(*pages),
                                     .port = EventPort{static_cast<uint32_t>(port)},
                                     .layout = agreed.layout,
                                     .persistent = agreed.persistent}));
  return true;
}

}  // namespace ringside
