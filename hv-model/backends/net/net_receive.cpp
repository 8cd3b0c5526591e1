#include "hv-model/backends/net/net_receive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "hv-model/backends/net/net_extra.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};

// Extra information takes a whole slot, in the place of a response.
netif_rx_response as_response(const netif_extra_info& extra) {
  netif_rx_response response;
  static_assert(sizeof extra == sizeof response);
  std::memcpy(&response, &extra, sizeof response);
  return response;
}

// What a fault's fail(code) stands for.
int16_t status_of_fault(int64_t fail) {
  return fail == NETIF_RSP_DROPPED ? NETIF_RSP_DROPPED : NETIF_RSP_ERROR;
}

}  // namespace

struct NetReceive::Ring : BackRing<netif_rx_request, netif_rx_response> {
  using BackRing::BackRing;
};

NetReceive::NetReceive(NetInterface& interface, NetRxWires wires, GuestPhys page, EventPort port)
    : interface_(interface),
      wires_(wires),
      port_(port),
      ring_(std::make_unique<Ring>(interface.hypervisor().memory, page)) {
  accept_rewrites();
}

NetReceive::~NetReceive() { close(); }

// Until close(), while the page is mapped.
void NetReceive::accept_rewrites() {
  wires_.request.set_rewriter([this](std::span<const uint8_t> payload) {
    const auto to = record_of<NetRxRequestRecord>(payload);
    ring_->overwrite(to.slot, netif_rx_request{to.id, to.pad, to.gref});
  });
  wires_.response.set_rewriter([this](std::span<const uint8_t> payload) {
    const auto to = record_of<NetRxResponseRecord>(payload);
    ring_->overwrite(to.slot, netif_rx_response{to.id, to.offset, to.flags, to.status});
  });
}

void NetReceive::start() {
  live_ = true;
  last_put_ = interface_.hypervisor().clock.now;
}

void NetReceive::close() {
  if (alive_) {
    wires_.request.set_rewriter(nullptr);
    wires_.response.set_rewriter(nullptr);
  }
  alive_.reset();
  live_ = false;
  interface_.hypervisor().events.cancel(expiry_);
  interface_.hypervisor().events.cancel(hold_end_);
  waiting_.clear();
  waiting_bytes_ = 0;
}

// xenvif_update_needed_slots.
uint32_t NetReceive::Waiting::slots_needed() const {
  return static_cast<uint32_t>((frame.size() + kPageSize - 1) / kPageSize) + (gso_type != 0 ? 1 : 0) +
         (hash ? 1 : 0);
}

uint32_t NetReceive::slots_there() const { return ring_->indices().req_prod - ring_->req_cons(); }

// xenvif_rx_queue_tail.
void NetReceive::enqueue(std::span<const uint8_t> frame, const FrameOffload& offload, uint8_t gso_type,
                         const std::optional<NetHash::Value>& hash) {
  if (!live_) return;
  if (waiting_bytes_ >= kQueueBytesMax) {
    interface_.notice(NoticeKind::unusual,
                      fmt::format("a frame of {} bytes for the guest is dropped: {} bytes wait for buffers",
                                  frame.size(), waiting_bytes_));
    return;
  }
  Waiting& waiting = waiting_.emplace_back();
  waiting.frame.assign(frame.begin(), frame.end());
  waiting.offload = offload;
  waiting.gso_type = gso_type;
  waiting.hash = hash;
  waiting.expires = saturating_add(interface_.hypervisor().clock.now, interface_.features().drain_timeout);
  waiting_bytes_ += frame.size();
  serve();
}

// The body of xenvif_kthread_guest_rx.
void NetReceive::serve() {
  if (!live_ || interface_.disabled()) return;
  sample_indices(Direction::out);
  while (slots_available()) {
    const Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= waiting.frame.size();
    put_frame(waiting);
  }
  push();
  look_for_stall();
  drop_expired();
  sample_indices(Direction::in);
}

bool NetReceive::slots_available() {
  if (waiting_.empty()) return false;
  // The guest does not run meanwhile: what was asked for is still true.
  if (slots_there() >= slots_needed()) return true;
  ring_->ask_event_at(ring_->indices().req_prod + 1);
  return false;
}

// xenvif_rx_skb.
void NetReceive::put_frame(const Waiting& waiting) {
  last_put_ = interface_.hypervisor().clock.now;
  const bool gso = waiting.gso_type != XEN_NETIF_GSO_TYPE_NONE, hash = waiting.hash.has_value();
  uint16_t flags = gso || hash ? NETRXF_extra_info : 0;
  if (waiting.offload.checksum_blank) {
    flags |= NETRXF_csum_blank | NETRXF_data_validated;
  } else if (waiting.offload.validated) {
    flags |= NETRXF_data_validated;
  }
  size_t from = 0;
  do {
    const size_t length = std::min<size_t>(waiting.frame.size() - from, kPageSize);
    const bool more = from + length < waiting.frame.size();
    put_data(waiting, from, length, static_cast<uint16_t>(flags | (more ? NETRXF_more_data : 0)));
    if (from == 0) {
      if (gso) put_extra(waiting, true, hash);
      if (hash) put_extra(waiting, false, false);
    }
    flags = 0;
    from += length;
  } while (from < waiting.frame.size());
}

// A request that a fault takes away is a buffer that nobody fills and nobody answers, and with it goes what
// it was to hold.
void NetReceive::put_data(const Waiting& waiting, size_t from, size_t length, uint16_t flags) {
  if (slots_there() == 0) return;  // a fault has used up the buffers
  const uint32_t index = ring_->req_cons();
  const netif_rx_request abi = ring_->take();
  NetRxRequestRecord request{.gref = abi.gref,
                             .id = abi.id,
                             .pad = abi.pad,
                             .slot = Ring::slot_of(index),
                             .req_prod = 0,
                             .req_cons = index};
  const auto data = std::span<const uint8_t>(waiting.frame).subspan(from, length);
  NetRxResponseRecord response{
      .slot = Ring::slot_of(index), .id = request.id, .offset = 0, .flags = flags, .status = 0};
  if (!wires_.request.tapped()) {
    response.status = fill(request, data);
    return respond(response);
  }
  request.req_prod = ring_->indices().req_prod;
  put_record(scratch_, request);
  const Verdict verdict = wires_.request.pass(Direction::out, scratch_);
  request = record_of<NetRxRequestRecord>(scratch_);
  response.id = request.id;
  hold(verdict.delay);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    response.status = verdict.fail != 0 ? status_of_fault(verdict.fail) : fill(request, data);
    respond(response);
  }
}

// xenvif_rx_copy_flush: the response's status is that of the copy.
int16_t NetReceive::fill(const NetRxRequestRecord& request, std::span<const uint8_t> data) {
  const int16_t granted = interface_.hypervisor().grants.copy_to(kBackendDomain, interface_.frontend().id,
                                                                 GrantRef{request.gref}, 0, data);
  if (granted == GNTST_okay) return static_cast<int16_t>(data.size());
  interface_.notice(NoticeKind::unusual, fmt::format("buffer {}: grant {} cannot be copied to: status {}",
                                                     request.id, request.gref, granted));
  return granted;
}

// One that a fault takes away leaves no gap: the next response stands in its slot, under its own id.
void NetReceive::respond(NetRxResponseRecord response) {
  Verdict verdict;
  if (wires_.response.tapped()) {
    response.slot = Ring::slot_of(ring_->rsp_prod_private());
    put_record(scratch_, response);
    verdict = wires_.response.pass(Direction::in, scratch_);
    response = record_of<NetRxResponseRecord>(scratch_);
    if (verdict.fail != 0) response.status = status_of_fault(verdict.fail);
  }
  put_copies(wires_.response, verdict, {response.id, response.offset, response.flags, response.status});
}

// xenvif_rx_extra_slot: the request's buffer is not used.
void NetReceive::put_extra(const Waiting& waiting, bool gso, bool more) {
  if (slots_there() == 0) return;
  ring_->skip();
  NetExtraRecord record{};
  record.type = gso ? XEN_NETIF_EXTRA_TYPE_GSO : XEN_NETIF_EXTRA_TYPE_HASH;
  record.flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0;
  if (gso) {
    record.gso_size = waiting.offload.segment_bytes;
    record.gso_type = waiting.gso_type;
  } else {
    record.hash_type = waiting.hash->type;
    record.hash_algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
    record.hash = waiting.hash->value;
  }
  Verdict verdict;
  if (wires_.extra.tapped()) {
    put_record(scratch_, record);
    verdict = wires_.extra.pass(Direction::in, scratch_);
    record = record_of<NetExtraRecord>(scratch_);
  }
  put_copies(wires_.extra, verdict, as_response(to_slot(record)));
}

void NetReceive::put_copies(Wire& wire, const Verdict& verdict, const netif_rx_response& slot) {
  hold(verdict.delay);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.behind == 0) {
      put(slot);
      continue;
    }
    wire.release(verdict, "netif/late_slot", [alive = std::weak_ptr(alive_), this, slot] {
      if (!alive.lock()) return;
      put(slot);
      push();
      sample_indices(Direction::in);
    });
  }
}

// One too many takes the slot of a buffer, which is then nobody's.
void NetReceive::put(const netif_rx_response& slot) {
  if (ring_->response_overwrites()) ring_->skip();
  ring_->put(slot);
  unpushed_ = true;
}

void NetReceive::hold(Tick delay) {
  if (delay.ps == 0) return;
  Hypervisor& hypervisor = interface_.hypervisor();
  const Tick end = saturating_add(hypervisor.clock.now, delay);
  if (hold_end_ && hold_end_.at >= end) return;
  hypervisor.events.cancel(hold_end_);
  hold_end_ = hypervisor.events.schedule(end, "netif/late_response", [this] {
    hold_end_ = {};
    push();
    sample_indices(Direction::in);
  });
}

void NetReceive::push() {
  if (hold_end_ || !std::exchange(unpushed_, false)) return;
  if (ring_->push()) (void)interface_.hypervisor().channels.send(kBackendDomain, port_);
}

void NetReceive::drop_first() {
  waiting_bytes_ -= waiting_.front().frame.size();
  waiting_.pop_front();
}

void NetReceive::drop_expired() {
  Hypervisor& hypervisor = interface_.hypervisor();
  size_t dropped = 0;
  for (; !waiting_.empty() && waiting_.front().expires <= hypervisor.clock.now; ++dropped) drop_first();
  if (dropped != 0) {
    interface_.notice(NoticeKind::unusual,
                      fmt::format("{} frames for the guest are dropped: it gave no buffers for {}", dropped,
                                  to_string(interface_.features().drain_timeout)));
  }
  const Tick next = waiting_.empty() ? Tick::never() : waiting_.front().expires;
  if (expiry_ && expiry_.at == next) return;
  hypervisor.events.cancel(expiry_);
  if (next == Tick::never()) return;
  expiry_ = hypervisor.events.schedule(next, "netif/expiry", [this] {
    expiry_ = {};
    serve();
  });
}

// xenvif_rx_queue_stalled, xenvif_rx_queue_ready.
void NetReceive::look_for_stall() {
  const Tick timeout = interface_.features().stall_timeout;
  const Tick now = interface_.hypervisor().clock.now;
  const bool enough = slots_there() >= slots_needed();
  if (!stalled_ && !enough && timeout.ps != 0 && now > saturating_add(last_put_, timeout)) {
    stalled_ = true;
    interface_.queue_stalled();
  } else if (stalled_ && (enough || timeout.ps == 0)) {
    stalled_ = false;
    last_put_ = now;
    interface_.queue_ready();
  }
}

void NetReceive::sample_indices(Direction direction) {
  if (!wires_.indices.tapped()) return;
  const RingIndices shared = ring_->indices();
  const NetIndicesRecord record{.req_prod = shared.req_prod,
                                .req_event = shared.req_event,
                                .rsp_prod = shared.rsp_prod,
                                .rsp_event = shared.rsp_event,
                                .req_cons = ring_->req_cons(),
                                .waiting = static_cast<uint32_t>(waiting_.size())};
  std::vector<uint8_t> sample(sizeof record);
  std::memcpy(sample.data(), &record, sizeof record);
  if (sample == last_sample_) return;
  last_sample_ = sample;
  (void)wires_.indices.pass(direction, sample);
}

void NetReceive::visit_state(StateVisitor& visitor) const {
  uint64_t frames = waiting_.size();
  for (const Waiting& waiting : waiting_) {
    frames = hash_mix(frames, hash64(std::span<const uint8_t>(waiting.frame)));
    frames = hash_mix(frames, waiting.expires.ps);
    frames = hash_mix(frames, waiting.offload.segment_bytes * 4u + waiting.offload.checksum_blank * 2u +
                                  waiting.offload.validated);
    frames = hash_mix(frames, waiting.hash ? waiting.hash->value : 0);
  }
  visitor.number("rx_req_cons", ring_->req_cons());
  visitor.number("rx_rsp_prod", ring_->rsp_prod_private());
  visitor.number("rx_port", port_.value);
  visitor.number("rx_live", live_);
  visitor.number("rx_stalled", stalled_);
  visitor.number("rx_unpushed", unpushed_);
  visitor.number("rx_last_put", last_put_.ps);
  visitor.number("rx_waiting", frames);
}

}  // namespace ringside
