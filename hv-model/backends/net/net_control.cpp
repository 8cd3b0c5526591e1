#include "hv-model/backends/net/net_control.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};

// What a fault's fail(code) stands for: a status of the protocol's, or that of a request nobody knows.
uint32_t status_of_fault(int64_t fail) {
  const bool known = fail > 0 && fail <= XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
  return known ? static_cast<uint32_t>(fail) : XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
}

}  // namespace

struct NetControl::Ring : BackRing<xen_netif_ctrl_request, xen_netif_ctrl_response> {
  using BackRing::BackRing;
};

NetControl::NetControl(NetInterface& interface, NetControlWires wires, Grants::Mapped page, EventPort port)
    : interface_(interface),
      wires_(wires),
      page_(page),
      port_(port),
      ring_(std::make_unique<Ring>(interface.hypervisor().memory, page.frame.address())) {
  // Gone when this is closed.
  wires_.request.set_rewriter([this](std::span<const uint8_t> payload) {
    const auto to = record_of<NetControlRequestRecord>(payload);
    ring_->overwrite(to.slot, xen_netif_ctrl_request{to.id, to.type, {to.data[0], to.data[1], to.data[2]}});
  });
  wires_.response.set_rewriter([this](std::span<const uint8_t> payload) {
    const auto to = record_of<NetControlResponseRecord>(payload);
    ring_->overwrite(to.slot, xen_netif_ctrl_response{to.id, to.type, to.status, to.data});
  });
}

NetControl::~NetControl() { close(); }

void NetControl::close() {
  if (!live_) return;
  live_ = false;
  wires_.request.set_rewriter(nullptr);
  wires_.response.set_rewriter(nullptr);
  (void)interface_.hypervisor().channels.close(kBackendDomain, port_);
  (void)interface_.hypervisor().grants.unmap(kBackendDomain, page_.handle);
}

// DEVIATES: xen-netback - it walks from req_cons to req_prod whatever lies between; a producer that has
// jumped ends this ring.
void NetControl::serve() {
  if (!live_ || halted_) return;
  while (live_) {
    const uint32_t req_prod = ring_->indices().req_prod;
    if (req_prod - ring_->req_cons() > Ring::kSlots) {
      halted_ = true;
      interface_.notice(NoticeKind::unusual,
                        fmt::format("the control ring is broken: req_prod {}, req_cons {}, size {}", req_prod,
                                    ring_->req_cons(), Ring::kSlots));
      return;
    }
    if (req_prod == ring_->req_cons() && !ring_->final_check()) return;
    const uint32_t index = ring_->req_cons();
    const xen_netif_ctrl_request abi = ring_->take();
    NetControlRequestRecord request{};
    request.id = abi.id;
    request.type = abi.type;
    std::copy_n(abi.data, 3, request.data);
    request.slot = Ring::slot_of(index);
    receive(request);
  }
}

void NetControl::receive(NetControlRequestRecord request) {
  std::vector<uint8_t> payload;
  put_record(payload, request);
  const Verdict verdict = wires_.request.pass(Direction::out, payload);
  request = record_of<NetControlRequestRecord>(payload);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    wires_.request.release(verdict, "netif/late_control",
                           [weak = weak_from_this(), request, fail = verdict.fail] {
                             const auto self = weak.lock();
                             if (!self || !self->live_) return;
                             if (fail != 0) {
                               self->respond(request, status_of_fault(fail), 0);
                             } else {
                               self->process(request);
                             }
                           });
  }
}

void NetControl::process(const NetControlRequestRecord& request) {
  NetHash& hash = interface_.hash();
  const uint32_t* data = request.data;
  uint32_t status = XEN_NETIF_CTRL_STATUS_SUCCESS, answer = 0;
  switch (request.type) {
    case XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM: status = hash.set_algorithm(data[0]); break;
    case XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS: status = hash.get_flags(answer); break;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS: status = hash.set_flags(data[0]); break;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: status = set_key(data[0], data[1]); break;
    case XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE: answer = NetHash::kMappingSizeMax; break;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE: status = hash.set_mapping_size(data[0]); break;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: status = set_mapping(data[0], data[1], data[2]); break;
    default: status = XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED; break;
  }
  if (status != XEN_NETIF_CTRL_STATUS_SUCCESS) {
    interface_.notice(NoticeKind::unusual, fmt::format("control request {} of type {} gets status {}",
                                                       request.id, request.type, status));
  }
  respond(request, status, answer);
}

uint32_t NetControl::set_key(uint32_t reference, uint32_t length) {
  if (length > NetHash::kKeyBytesMax) return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
  std::vector<uint8_t> key(length);
  if (length != 0 && interface_.hypervisor().grants.copy_from(kBackendDomain, interface_.frontend().id,
                                                              GrantRef{reference}, 0, key) != GNTST_okay) {
    return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
  }
  interface_.hash().set_key(key);
  return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

uint32_t NetControl::set_mapping(uint32_t reference, uint32_t length, uint32_t offset) {
  NetHash& hash = interface_.hash();
  if (length > hash.mapping_size()) return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
  std::vector<uint32_t> entries(length);
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(entries.data()), length * sizeof(uint32_t));
  if (length != 0 && interface_.hypervisor().grants.copy_from(kBackendDomain, interface_.frontend().id,
                                                              GrantRef{reference}, 0, bytes) != GNTST_okay) {
    return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
  }
  return hash.set_mapping(entries, offset, interface_.queue_count());
}

void NetControl::respond(const NetControlRequestRecord& request, uint32_t status, uint32_t data) {
  std::vector<uint8_t> payload;
  put_record(payload, NetControlResponseRecord{.id = request.id,
                                               .type = request.type,
                                               .status = status,
                                               .data = data,
                                               .slot = Ring::slot_of(ring_->rsp_prod_private())});
  const Verdict verdict = wires_.response.pass(Direction::in, payload);
  auto record = record_of<NetControlResponseRecord>(payload);
  if (verdict.fail != 0) record.status = status_of_fault(verdict.fail);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    wires_.response.release(verdict, "netif/late_response", [weak = weak_from_this(), record] {
      const auto self = weak.lock();
      if (self && self->live_) self->put_response(record);
    });
  }
}

void NetControl::put_response(const NetControlResponseRecord& record) {
  ring_->put({record.id, record.type, record.status, record.data});
  if (ring_->push()) (void)interface_.hypervisor().channels.send(kBackendDomain, port_);
}

void NetControl::visit_state(StateVisitor& visitor) const {
  visitor.number("ctrl_req_cons", ring_->req_cons());
  visitor.number("ctrl_rsp_prod", ring_->rsp_prod_private());
  visitor.number("ctrl_halted", halted_);
}

}  // namespace ringside
