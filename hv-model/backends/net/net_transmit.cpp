#include "hv-model/backends/net/net_transmit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "host/network/internet.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"

namespace ringside {

static_assert(NetTransmit::kFragmentsMax == XEN_NETIF_NR_SLOTS_MIN);

namespace {

constexpr DomainId kBackendDomain{0};
// tx_add_credit: a burst large enough for any packet.
constexpr uint64_t kBurstMin = 131'072;
// A kernel's timers are no finer: a jiffy.
constexpr Tick kTimerTick = milliseconds(1);

NetExtraRecord to_record(const netif_extra_info& extra) {
  NetExtraRecord record{};
  record.type = extra.type;
  record.flags = extra.flags;
  switch (extra.type) {
    case XEN_NETIF_EXTRA_TYPE_GSO:
      record.gso_size = extra.u.gso.size;
      record.gso_type = extra.u.gso.type;
      record.gso_features = extra.u.gso.features;
      break;
    case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
    case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
      for (const uint8_t byte : extra.u.mcast.addr) record.address = record.address << 8 | byte;
      break;
    case XEN_NETIF_EXTRA_TYPE_HASH:
      record.hash_type = extra.u.hash.type;
      record.hash_algorithm = extra.u.hash.algorithm;
      std::memcpy(&record.hash, extra.u.hash.value, sizeof record.hash);
      break;
    default: break;
  }
  return record;
}

MacAddress address_of(const NetExtraRecord& extra) {
  MacAddress address;
  for (size_t i = 0; i < address.size(); ++i)
    address[i] = static_cast<uint8_t>(extra.address >> 8 * (address.size() - 1 - i));
  return address;
}

}  // namespace

struct NetTransmit::Ring : BackRing<netif_tx_request, netif_tx_response> {
  using BackRing::BackRing;
};

NetTransmit::NetTransmit(NetInterface& interface, NetTxWires wires, GuestPhys page, EventPort port)
    : interface_(interface),
      wires_(wires),
      port_(port),
      ring_(std::make_unique<Ring>(interface.hypervisor().memory, page)),
      credit_(interface.rate().bytes),
      window_start_(interface.hypervisor().clock.now) {}

NetTransmit::~NetTransmit() { interface_.hypervisor().events.cancel(credit_timer_); }

void NetTransmit::close() {
  live_ = false;
  interface_.hypervisor().events.cancel(credit_timer_);
}

// The guest does not run meanwhile, so that this ends: at most a ring of requests is there.
void NetTransmit::serve() {
  if (!live_ || interface_.disabled()) return;
  sample_indices(Direction::out);
  for (;;) {
    const RingIndices shared = ring_->indices();
    if (shared.req_prod - ring_->req_cons() > Ring::kSlots) {
      interface_.break_off(fmt::format("impossible number of requests: req_prod {}, req_cons {}, size {}",
                                       shared.req_prod, ring_->req_cons(), Ring::kSlots));
      break;
    }
    const uint32_t work = ring_->unconsumed();
    if (work == 0) {
      if (!ring_->final_check()) break;
      continue;
    }
    if (!take_packet(work) || interface_.disabled()) break;
  }
  push();
  sample_indices(Direction::in);
}

bool NetTransmit::take_packet(uint32_t work) {
  const netif_tx_request first = ring_->peek();
  if (first.size > credit_ && credit_exceeded(first.size)) return false;
  credit_ -= first.size;
  Packet packet;
  packet.slots[0] = {first.gref, first.offset, first.flags, first.id, first.size};
  const uint32_t index = ring_->req_cons();
  ring_->skip();
  --work;
  show(packet.slots[0], index, packet);
  if ((packet.slots[0].flags & NETTXF_extra_info) != 0 && !take_extras(work, packet)) return true;
  // An address for the multicast filter comes with no frame: netback looks at nothing else then.
  if (!packet.add_address && !packet.remove_address) {
    if (!take_fragments(work, packet) || !judge_first(packet)) return true;
  }
  if (packet.delay.ps == 0) {
    dispatch(packet);
    return true;
  }
  Hypervisor& hypervisor = interface_.hypervisor();
  hypervisor.events.schedule(saturating_add(hypervisor.clock.now, packet.delay), "netif/late_request",
                             [weak = weak_from_this(), packet] {
                               const auto self = weak.lock();
                               if (!self || !self->live_ || self->interface_.disabled()) return;
                               self->dispatch(packet);
                               self->push();
                             });
  return true;
}

// A frame of which a tap drops any slot is lost whole, without a response.
void NetTransmit::note(const Verdict& verdict, Packet& packet) {
  const bool lost = packet.copies == 0 || verdict.copies == 0;
  packet.copies = lost ? 0 : std::max(packet.copies, verdict.copies);
  packet.delay = saturating_add(packet.delay, verdict.delay);
  if (verdict.fail != 0) packet.fail = verdict.fail;
}

void NetTransmit::show(Request& request, uint32_t index, Packet& packet) {
  if (!wires_.request.tapped()) return;
  NetTxRequestRecord record{.gref = request.gref,
                            .offset = request.offset,
                            .flags = request.flags,
                            .id = request.id,
                            .size = request.size,
                            .slot = Ring::slot_of(index),
                            .req_prod = ring_->indices().req_prod,
                            .req_cons = index};
  scratch_.resize(sizeof record);
  std::memcpy(scratch_.data(), &record, sizeof record);
  const Verdict verdict = wires_.request.pass(Direction::out, scratch_);
  std::memcpy(&record, scratch_.data(), std::min(scratch_.size(), sizeof record));
  request = {record.gref, record.offset, record.flags, record.id, record.size};
  note(verdict, packet);
}

// xenvif_get_extras. False when the interface has ended.
bool NetTransmit::take_extras(uint32_t& work, Packet& packet) {
  uint8_t flags;
  do {
    if (work == 0) {
      interface_.break_off(
          fmt::format("request {} announces extra information that is not there", packet.slots[0].id));
      return false;
    }
    --work;
    netif_tx_request slot = ring_->take();
    ++packet.extras;
    netif_extra_info abi;
    std::memcpy(&abi, &slot, sizeof abi);
    NetExtraRecord extra = to_record(abi);
    if (wires_.extra.tapped()) {
      scratch_.resize(sizeof extra);
      std::memcpy(scratch_.data(), &extra, sizeof extra);
      const Verdict verdict = wires_.extra.pass(Direction::out, scratch_);
      std::memcpy(&extra, scratch_.data(), std::min(scratch_.size(), sizeof extra));
      note(verdict, packet);
    }
    if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE || extra.type >= XEN_NETIF_EXTRA_TYPE_MAX) {
      interface_.break_off(
          fmt::format("invalid extra type {} behind request {}", extra.type, packet.slots[0].id));
      return false;
    }
    if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO) {
      packet.has_gso = true;
      packet.gso_type = extra.gso_type;
      packet.gso_size = extra.gso_size;
    }
    if (extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD) packet.add_address = address_of(extra);
    if (extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL) packet.remove_address = address_of(extra);
    flags = extra.flags;
  } while ((flags & XEN_NETIF_EXTRA_FLAG_MORE) != 0);
  return true;
}

// xenvif_count_requests. False when the frame is refused, or the interface has ended.
bool NetTransmit::take_fragments(uint32_t work, Packet& packet) {
  Request& first = packet.slots[0];
  const uint32_t whole = first.size;
  uint32_t slots = 0;
  std::string why;
  bool more = (first.flags & NETTXF_more_data) != 0;
  while (more) {
    if (slots >= work) {
      interface_.break_off(fmt::format("request {} goes on behind req_prod", first.id));
      return false;
    }
    if (slots >= kFatalSlots) {
      interface_.break_off(fmt::format("request {} uses more than {} slots", first.id, kFatalSlots + 1));
      return false;
    }
    if (why.empty() && slots >= kFragmentsMax)
      why = fmt::format("it has more than {} slots", kFragmentsMax + 1);
    const uint32_t index = ring_->req_cons();
    const netif_tx_request abi = ring_->take();
    ++slots;
    Request fragment{abi.gref, abi.offset, abi.flags, abi.id, abi.size};
    show(fragment, index, packet);
    // A frame of 64 KiB and more makes the first size overflow; there are frontends that do that.
    if (why.empty() && fragment.size > first.size) {
      why = fmt::format("its fragments are larger than its {} bytes", whole);
    }
    first.size = static_cast<uint16_t>(first.size - fragment.size);
    packet.slots[packet.count++] = fragment;
    if (uint32_t{fragment.offset} + fragment.size > kPageSize) {
      interface_.break_off(fmt::format("a fragment of request {} crosses a page: offset {}, size {}",
                                       first.id, fragment.offset, fragment.size));
      return false;
    }
    more = (fragment.flags & NETTXF_more_data) != 0;
  }
  if (why.empty()) return true;
  refuse(packet, why);
  return false;
}

// The rest of xenvif_tx_build_gops; likewise.
bool NetTransmit::judge_first(const Packet& packet) {
  const Request& first = packet.slots[0];
  if (first.size < ethernet::header_bytes) {
    refuse(packet, fmt::format("its first slot holds {} bytes, less than an Ethernet header", first.size));
    return false;
  }
  std::string why;
  if (uint32_t{first.offset} + first.size > kPageSize) {
    why = fmt::format("request {} crosses a page: offset {}, size {}", first.id, first.offset, first.size);
  } else if (packet.has_gso && packet.gso_size == 0) {
    why = fmt::format("request {} wants segments of 0 bytes", first.id);
  } else if (packet.has_gso && packet.gso_type != XEN_NETIF_GSO_TYPE_TCPV4 &&
             packet.gso_type != XEN_NETIF_GSO_TYPE_TCPV6) {
    why = fmt::format("request {} has GSO type {}", first.id, packet.gso_type);
  }
  if (why.empty()) return true;
  interface_.break_off(why);
  return false;
}

void NetTransmit::dispatch(const Packet& packet) {
  if (packet.fail != 0 && packet.copies != 0) {
    for (uint32_t i = 0; i < packet.count; ++i)
      respond(packet.slots[i], i == 0 ? packet.extras : 0, NETIF_RSP_ERROR);
    return;
  }
  for (uint32_t copy = 0; copy < packet.copies; ++copy) {
    if (packet.add_address) {
      const bool added = interface_.add_multicast(*packet.add_address);
      respond(packet.slots[0], packet.extras, added ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
    } else if (packet.remove_address) {
      interface_.remove_multicast(*packet.remove_address);
      respond(packet.slots[0], packet.extras, NETIF_RSP_OKAY);
    } else {
      forward(packet);
    }
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
  const NetTxResponseRecord record{.slot = Ring::slot_of(ring_->rsp_prod_private()),
                                   .id = request.id,
                                   .status = status,
                                   .extras = static_cast<uint16_t>(extras),
                                   .reserved = 0};
  scratch_.resize(sizeof record);
  std::memcpy(scratch_.data(), &record, sizeof record);
  const Verdict verdict = wires_.response.pass(Direction::in, scratch_);
  if (verdict.fail != 0 && scratch_.size() >= sizeof record) {
    constexpr int16_t kError = NETIF_RSP_ERROR;
    std::memcpy(scratch_.data() + offsetof(NetTxResponseRecord, status), &kError, sizeof kError);
  }
  Hypervisor& hypervisor = interface_.hypervisor();
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.delay.ps == 0) {
      put_response(scratch_);
      continue;
    }
    hypervisor.events.schedule(saturating_add(hypervisor.clock.now, verdict.delay), "netif/late_response",
                               [weak = weak_from_this(), payload = scratch_] {
                                 const auto self = weak.lock();
                                 if (!self || !self->live_) return;
                                 self->put_response(payload);
                                 self->push();
                               });
  }
}

// Extra information has no id: its slots are answered NETIF_RSP_NULL.
void NetTransmit::put_response(const std::vector<uint8_t>& payload) {
  NetTxResponseRecord record{};
  std::memcpy(&record, payload.data(), std::min(payload.size(), sizeof record));
  ring_->put({record.id, record.status});
  const uint32_t extras = std::min<uint32_t>(record.extras, Ring::kSlots);
  for (uint32_t i = 0; i < extras; ++i) ring_->put({0, NETIF_RSP_NULL});
  unpushed_ = true;
}

void NetTransmit::push() {
  if (!std::exchange(unpushed_, false)) return;
  if (ring_->push()) (void)interface_.hypervisor().channels.send(kBackendDomain, port_);
}

void NetTransmit::sample_indices(Direction direction) {
  if (!wires_.indices.tapped()) return;
  const RingIndices shared = ring_->indices();
  const NetIndicesRecord record{.req_prod = shared.req_prod,
                                .req_event = shared.req_event,
                                .rsp_prod = shared.rsp_prod,
                                .rsp_event = shared.rsp_event,
                                .req_cons = ring_->req_cons(),
                                .waiting = 0};
  std::vector<uint8_t> sample(sizeof record);
  std::memcpy(sample.data(), &record, sizeof record);
  if (sample == last_sample_) return;
  last_sample_ = sample;
  (void)wires_.indices.pass(direction, sample);
}

void NetTransmit::visit_state(StateVisitor& visitor) const {
  visitor.number("tx_req_cons", ring_->req_cons());
  visitor.number("tx_rsp_prod", ring_->rsp_prod_private());
  visitor.number("tx_port", port_.value);
  visitor.number("tx_live", live_);
  visitor.number("tx_unpushed", unpushed_);
  visitor.number("tx_credit", credit_);
  visitor.number("tx_window_start", window_start_.ps);
  visitor.number("tx_credit_timer", credit_timer_.at.ps);
}

}  // namespace ringside
