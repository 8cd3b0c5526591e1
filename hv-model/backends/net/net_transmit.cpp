#include "hv-model/backends/net/net_transmit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "host/network/internet.h"
#include "hv-model/backends/net/net_payloads.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};
// tx_add_credit: a burst large enough for any packet.
constexpr uint64_t kBurstMin = 131'072;
// A kernel's timers are no finer: a jiffy.
constexpr Tick kTimerTick = milliseconds(1);

// What a fault's fail(code) stands for.
int16_t status_of_fault(int64_t fail) {
  return fail == NETIF_RSP_DROPPED ? NETIF_RSP_DROPPED : NETIF_RSP_ERROR;
}

}  // namespace

NetTransmit::NetTransmit(NetInterface& interface, NetTxWires wires, GuestPhys page, EventPort port)
    : interface_(interface),
      wires_(wires),
      port_(port),
      ring_(interface.hypervisor().memory, page),
      credit_(interface.rate().bytes),
      window_start_(interface.hypervisor().clock.now) {
  accept_rewrites();
}

NetTransmit::~NetTransmit() { close(); }

// Until close(), while the page is mapped.
void NetTransmit::accept_rewrites() {
  wires_.request.set_rewriter([this](std::span<const uint8_t> payload) {
    const auto to = record_of<NetTxRequestRecord>(payload);
    ring_.overwrite(to.slot, netif_tx_request{to.gref, to.offset, to.flags, to.id, to.size});
  });
  wires_.response.set_rewriter([this](std::span<const uint8_t> payload) {
    const auto to = record_of<NetTxResponseRecord>(payload);
    ring_.overwrite(to.slot, netif_tx_response{to.id, to.status});
  });
}

void NetTransmit::close() {
  if (live_) {
    wires_.request.set_rewriter(nullptr);
    wires_.response.set_rewriter(nullptr);
  }
  live_ = false;
  interface_.hypervisor().events.cancel(credit_timer_);
}

// The guest does not run meanwhile, so that this ends: at most a ring of requests is there.
void NetTransmit::serve() {
  if (!live_ || interface_.disabled()) return;
  sample_indices(Direction::out);
  for (;;) {
    const RingIndices shared = ring_.indices();
    if (shared.req_prod - ring_.req_cons() > Ring::kSlots) {
      interface_.break_off(fmt::format("impossible number of requests: req_prod {}, req_cons {}, size {}",
                                       shared.req_prod, ring_.req_cons(), Ring::kSlots));
      break;
    }
    const uint32_t work = ring_.unconsumed();
    if (work == 0) {
      if (!ring_.final_check()) break;
      continue;
    }
    if (!take_packet(work) || interface_.disabled()) break;
  }
  put_surplus();
  push();
  sample_indices(Direction::in);
}

void NetTransmit::dispatch(const Packet& packet) {
  if (packet.verdict.fail != 0) {
    for (uint32_t i = 0; i < packet.count; ++i)
      respond(packet.slots[i], i == 0 ? packet.extras : 0, status_of_fault(packet.verdict.fail));
  } else if (packet.add_address) {
    const bool added = interface_.add_multicast(*packet.add_address);
    respond(packet.slots[0], packet.extras, added ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
  } else if (packet.remove_address) {
    interface_.remove_multicast(*packet.remove_address);
    respond(packet.slots[0], packet.extras, NETIF_RSP_OKAY);
  } else {
    forward(packet);
  }
}

void NetTransmit::forward(const Packet& packet) {
  if (collect(packet)) submit(packet);
}

// Copies the frame out of the guest, and answers its slots: xenvif_tx_check_gop gives an error to those whose
// grants are bad, and only to them. False when the frame is not whole.
bool NetTransmit::collect(const Packet& packet) {
  size_t length = 0;
  for (uint32_t i = 0; i < packet.count; ++i) length += packet.slots[i].size;
  frame_.resize(length);
  size_t at = 0;
  std::array<int16_t, 1 + kFatalSlots> statuses;
  bool whole = true;
  for (uint32_t i = 0; i < packet.count; ++i) {
    const Request& slot = packet.slots[i];
    const int16_t granted = interface_.hypervisor().grants.copy_from(
        kBackendDomain, interface_.frontend().id, GrantRef{slot.gref}, slot.offset,
        std::span(frame_).subspan(at, slot.size));
    statuses[i] = granted == GNTST_okay ? NETIF_RSP_OKAY : NETIF_RSP_ERROR;
    if (granted != GNTST_okay) {
      whole = false;
      interface_.notice(
          NoticeKind::unusual,
          fmt::format("request {}: grant {} cannot be copied from: status {}", slot.id, slot.gref, granted));
    }
    at += slot.size;
  }
  for (uint32_t i = 0; i < packet.count; ++i)
    respond(packet.slots[i], i == 0 ? packet.extras : 0, statuses[i]);
  return whole;
}

// xenvif_tx_submit: what the network is told about the frame.
void NetTransmit::submit(const Packet& packet) {
  FrameOffload offload;
  const uint16_t flags = packet.slots[0].flags;
  offload.checksum_blank = (flags & NETTXF_csum_blank) != 0;
  offload.validated = !offload.checksum_blank && (flags & NETTXF_data_validated) != 0;
  if (packet.has_gso) offload.segment_bytes = packet.gso_size;
  if (!offload.empty() && !set_offload(packet, offload)) {
    interface_.notice(
        NoticeKind::unusual,
        fmt::format("request {}: a frame of {} bytes is dropped: its checksum cannot be set up, since it is "
                    "no whole {} over IP",
                    packet.slots[0].id, frame_.size(), packet.has_gso ? "TCP" : "TCP or UDP"));
    return;
  }
  interface_.send(frame_, offload);
}

// checksum_setup. A frame to be cut has a blank checksum, even where the frontend forgot to say so.
bool NetTransmit::set_offload(const Packet& packet, FrameOffload& offload) {
  const auto place = find_transport(frame_);
  if (!place) return false;
  if (!packet.has_gso) return true;
  constexpr uint8_t kTcp = 6;
  if (place->protocol != kTcp || place->ipv6 != (packet.gso_type == XEN_NETIF_GSO_TYPE_TCPV6)) return false;
  if (!offload.checksum_blank) put_pseudo_sum(frame_, *place);
  offload.checksum_blank = true;
  offload.validated = false;
  return true;
}

// xenvif_tx_err.
void NetTransmit::refuse(const Packet& packet, const std::string& why) {
  interface_.notice(NoticeKind::unusual, fmt::format("request {} is refused: {}", packet.slots[0].id, why));
  for (uint32_t i = 0; i < packet.count; ++i)
    respond(packet.slots[i], i == 0 ? packet.extras : 0, NETIF_RSP_ERROR);
}

// xenvif_tx_credit_exceeded. True while the credit does not last; the timer goes on then.
bool NetTransmit::credit_exceeded(uint64_t size) {
  if (credit_timer_) return true;
  Hypervisor& hypervisor = interface_.hypervisor();
  const Tick next = saturating_add(window_start_, microseconds(interface_.rate().usec));
  if (hypervisor.clock.now >= next) {
    window_start_ = hypervisor.clock.now;
    add_credit();
  }
  if (size <= credit_) return false;
  const Tick at = std::max(next, saturating_add(hypervisor.clock.now, kTimerTick));
  window_start_ = at;
  credit_timer_ = hypervisor.events.schedule(at, "netif/credit", [this] {
    credit_timer_ = {};
    add_credit();
    serve();
  });
  return true;
}

void NetTransmit::add_credit() {
  const uint64_t bytes = interface_.rate().bytes;
  const uint64_t sum = credit_ + bytes < credit_ ? UINT64_MAX : credit_ + bytes;
  credit_ = std::min(sum, std::max(kBurstMin, bytes));
}

void NetTransmit::rate_changed() {
  Hypervisor& hypervisor = interface_.hypervisor();
  if (credit_timer_) {
    hypervisor.events.cancel(credit_timer_);
    credit_timer_ = hypervisor.events.schedule(hypervisor.clock.now, "netif/credit", [this] {
      credit_timer_ = {};
      add_credit();
      serve();
    });
  } else {
    credit_ = std::min(credit_, interface_.rate().bytes);
  }
}

void NetTransmit::respond(const Request& request, uint32_t extras, int16_t status) {
  NetTxResponseRecord record{.slot = Ring::slot_of(ring_.rsp_prod_private()),
                             .id = request.id,
                             .status = status,
                             .extras = static_cast<uint16_t>(extras),
                             .reserved = 0};
  if (!wires_.response.tapped()) return put_response(record);
  put_record(scratch_, record);
  const Verdict verdict = wires_.response.pass(Direction::in, scratch_);
  record = record_of<NetTxResponseRecord>(scratch_);
  if (verdict.fail != 0) record.status = status_of_fault(verdict.fail);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.punctual()) {
      put_response(record);
      continue;
    }
    wires_.response.release(verdict, "netif/late_response", [weak = weak_from_this(), record] {
      const auto self = weak.lock();
      if (!self || !self->live_) return;
      self->put_response(record);
      self->push();
      self->sample_indices(Direction::in);
    });
  }
}

void NetTransmit::put_surplus() {
  for (const NetTxResponseRecord& record : std::exchange(surplus_, {})) put_response(record);
}

// Extra information has no id: its slots are answered NETIF_RSP_NULL.
void NetTransmit::put_response(const NetTxResponseRecord& record) {
  if (ring_.response_overwrites()) return surplus_.push_back(record);
  ring_.put({record.id, record.status});
  const uint32_t extras = std::min<uint32_t>(record.extras, Ring::kSlots);
  for (uint32_t i = 0; i < extras; ++i) ring_.put({0, NETIF_RSP_NULL});
  unpushed_ = true;
}

void NetTransmit::push() {
  if (!std::exchange(unpushed_, false)) return;
  if (ring_.push()) (void)interface_.hypervisor().channels.send(kBackendDomain, port_);
}

void NetTransmit::sample_indices(Direction direction) {
  if (!wires_.indices.tapped()) return;
  const RingIndices shared = ring_.indices();
  const NetIndicesRecord record{.req_prod = shared.req_prod,
                                .req_event = shared.req_event,
                                .rsp_prod = shared.rsp_prod,
                                .rsp_event = shared.rsp_event,
                                .req_cons = ring_.req_cons(),
                                .waiting = 0};
  std::vector<uint8_t> sample(sizeof record);
  std::memcpy(sample.data(), &record, sizeof record);
  if (sample == last_sample_) return;
  last_sample_ = sample;
  (void)wires_.indices.pass(direction, sample);
}

void NetTransmit::visit_state(StateVisitor& visitor) const {
  visitor.number("tx_req_cons", ring_.req_cons());
  visitor.number("tx_rsp_prod", ring_.rsp_prod_private());
  visitor.number("tx_port", port_.value);
  visitor.number("tx_live", live_);
  visitor.number("tx_unpushed", unpushed_);
  visitor.number("tx_credit", credit_);
  visitor.number("tx_window_start", window_start_.ps);
  visitor.number("tx_credit_timer", credit_timer_.at.ps);
}

}  // namespace ringside
