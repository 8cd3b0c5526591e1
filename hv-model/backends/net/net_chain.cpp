// Taking a frame's slots from the ring, and judging them. See net_transmit.h.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "host/network/internet.h"
#include "hv-model/backends/net/net_extra.h"
#include "hv-model/backends/net/net_transmit.h"

namespace ringside {

static_assert(NetTransmit::kFragmentsMax == XEN_NETIF_NR_SLOTS_MIN);

bool NetTransmit::take_packet(uint32_t work) {
  const netif_tx_request first = ring_.peek();
  if (first.size > credit_ && credit_exceeded(first.size)) return false;
  credit_ -= first.size;
  Packet packet;
  packet.slots[0] = {first.gref, first.offset, first.flags, first.id, first.size};
  const uint32_t index = ring_.req_cons();
  ring_.skip();
  --work;
  show(packet.slots[0], index, packet);
  if ((packet.slots[0].flags & NETTXF_extra_info) != 0 && !take_extras(work, packet)) return true;
  // An address for the multicast filter comes with no frame: netback looks at nothing else then.
  if (!packet.add_address && !packet.remove_address) {
    if (!take_fragments(work, packet) || !judge_first(packet)) return true;
  }
  for (uint32_t copy = 0; copy < packet.verdict.copies; ++copy) {
    if (packet.verdict.punctual()) {
      dispatch(packet);
      continue;
    }
    wires_.request.release(packet.verdict, "netif/late_request", [weak = weak_from_this(), packet] {
      const auto self = weak.lock();
      if (!self || !self->live_ || self->interface_.disabled()) return;
      self->dispatch(packet);
      self->push();
      self->sample_indices(Direction::in);
    });
  }
  return true;
}

// A frame of which a tap drops any slot is lost whole, without a response.
void NetTransmit::note(const Verdict& verdict, Packet& packet) {
  Verdict& whole = packet.verdict;
  const bool lost = whole.copies == 0 || verdict.copies == 0;
  whole.copies = lost ? 0 : std::max(whole.copies, verdict.copies);
  whole.delay = saturating_add(whole.delay, verdict.delay);
  whole.behind = std::max(whole.behind, verdict.behind);
  if (verdict.fail != 0) whole.fail = verdict.fail;
}

void NetTransmit::show(Request& request, uint32_t index, Packet& packet) {
  if (!wires_.request.tapped()) return;
  NetTxRequestRecord record{.gref = request.gref,
                            .offset = request.offset,
                            .flags = request.flags,
                            .id = request.id,
                            .size = request.size,
                            .slot = Ring::slot_of(index),
                            .req_prod = ring_.indices().req_prod,
                            .req_cons = index};
  put_record(scratch_, record);
  const Verdict verdict = wires_.request.pass(Direction::out, scratch_);
  record = record_of<NetTxRequestRecord>(scratch_);
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
    netif_tx_request slot = ring_.take();
    ++packet.extras;
    netif_extra_info abi;
    std::memcpy(&abi, &slot, sizeof abi);
    NetExtraRecord extra = to_record(abi);
    if (wires_.extra.tapped()) {
      put_record(scratch_, extra);
      const Verdict verdict = wires_.extra.pass(Direction::out, scratch_);
      extra = record_of<NetExtraRecord>(scratch_);
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
    const uint32_t index = ring_.req_cons();
    const netif_tx_request abi = ring_.take();
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

}  // namespace ringside
