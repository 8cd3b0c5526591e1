// Xen's own header has the Toeplitz hash; it asks to be told that it is wanted.
#define XEN_NETIF_DEFINE_TOEPLITZ

#include "hv-model/backends/net/net_hash.h"

#include <algorithm>
#include <vector>

#include "host/network/internet.h"
#include "host/network/offload.h"
#include "hv-model/xen_abi.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr uint16_t kTypeIpv6 = 0x86dd;
constexpr uint8_t kTcp = 6;
constexpr size_t kNetwork = ethernet::header_bytes;
constexpr uint32_t kAllFlags = XEN_NETIF_CTRL_HASH_TYPE_IPV4 | XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP |
                               XEN_NETIF_CTRL_HASH_TYPE_IPV6 | XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP;

// What identifies a flow of IP: addresses, and the ports of what is whole TCP or UDP.
struct Flow {
  bool ipv6 = false;
  std::span<const uint8_t> addresses, ports;
  bool tcp = false;
};

std::optional<Flow> flow_of(std::span<const uint8_t> frame) {
  if (frame.size() < kNetwork) return std::nullopt;
  const uint16_t type = load_be16(frame, 12);
  Flow flow;
  flow.ipv6 = type == kTypeIpv6;
  if (!flow.ipv6 && type != ethernet::type_ipv4) return std::nullopt;
  const size_t source = kNetwork + (flow.ipv6 ? 8 : 12), length = flow.ipv6 ? 32 : 8;
  if (frame.size() < source + length) return std::nullopt;
  flow.addresses = frame.subspan(source, length);
  if (const auto place = find_transport(frame)) {
    flow.ports = frame.subspan(place->transport, 4);
    flow.tcp = place->protocol == kTcp;
  }
  return flow;
}

}  // namespace

uint32_t NetHash::set_algorithm(uint32_t algorithm) {
  if (algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_NONE &&
      algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ) {
    return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
  }
  algorithm_ = algorithm;
  return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

uint32_t NetHash::get_flags(uint32_t& flags) const {
  if (algorithm_ == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE) return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
  flags = kAllFlags;
  return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

uint32_t NetHash::set_flags(uint32_t flags) {
  if ((flags & ~kAllFlags) != 0 || algorithm_ == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE) {
    return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
  }
  flags_ = flags;
  return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

void NetHash::set_key(std::span<const uint8_t> key) {
  key_.fill(0);
  std::copy_n(key.begin(), std::min(key.size(), key_.size()), key_.begin());
}

uint32_t NetHash::set_mapping_size(uint32_t size) {
  if (size > kMappingSizeMax) return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
  mapping_size_ = size;
  mapping_.fill(0);
  return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

uint32_t NetHash::set_mapping(std::span<const uint32_t> entries, uint32_t offset, uint32_t queues) {
  if (entries.size() > mapping_size_ || offset > mapping_size_ - entries.size())
    return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
  if (std::any_of(entries.begin(), entries.end(), [queues](uint32_t queue) { return queue >= queues; }))
    return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
  std::copy(entries.begin(), entries.end(), mapping_.begin() + offset);
  return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

std::optional<NetHash::Value> NetHash::of(std::span<const uint8_t> frame) const {
  if (algorithm_ == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE || flags_ == 0) return std::nullopt;
  const auto flow = flow_of(frame);
  if (!flow) return std::nullopt;
  const auto wanted = [this](unsigned type) { return (flags_ & 1u << type) != 0; };
  const uint8_t with_ports =
      flow->ipv6 ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP : _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP;
  const uint8_t without = flow->ipv6 ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6 : _XEN_NETIF_CTRL_HASH_TYPE_IPV4;
  std::vector<uint8_t> data(flow->addresses.begin(), flow->addresses.end());
  Value value;
  if (flow->tcp && wanted(with_ports)) {
    data.insert(data.end(), flow->ports.begin(), flow->ports.end());
    value.type = with_ports;
  } else if (wanted(without)) {
    value.type = without;
  } else {
    return std::nullopt;
  }
  value.value = xen_netif_toeplitz_hash(key_.data(), static_cast<unsigned>(key_.size()), data.data(),
                                        static_cast<unsigned>(data.size()));
  return value;
}

uint32_t NetHash::queue_of(std::span<const uint8_t> frame, const std::optional<Value>& value,
                           uint32_t queues) const {
  if (queues == 1) return 0;
  if (algorithm_ == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE) {
    const auto flow = flow_of(frame);
    if (!flow) return static_cast<uint32_t>(hash64(frame.first(kNetwork)) % queues);
    return static_cast<uint32_t>(hash64(flow->ports, hash64(flow->addresses)) % queues);
  }
  const uint32_t hash = value ? value->value : 0;
  // A connection with fewer queues may follow one that made the mapping.
  return mapping_size_ == 0 ? hash % queues : mapping_[hash % mapping_size_] % queues;
}

void NetHash::visit_state(StateVisitor& visitor) const {
  visitor.number("hash_algorithm", algorithm_);
  visitor.number("hash_flags", flags_);
  visitor.bytes("hash_key", key_);
  uint64_t mapping = mapping_size_;
  for (uint32_t i = 0; i < mapping_size_; ++i) mapping = hash_mix(mapping, mapping_[i]);
  visitor.number("hash_mapping", mapping);
}

}  // namespace ringside
