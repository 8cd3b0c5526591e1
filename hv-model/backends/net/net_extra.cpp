#include "hv-model/backends/net/net_extra.h"

#include <cstring>

namespace ringside {

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

netif_extra_info to_slot(const NetExtraRecord& record) {
  netif_extra_info extra{};
  extra.type = record.type;
  extra.flags = record.flags;
  switch (record.type) {
    case XEN_NETIF_EXTRA_TYPE_GSO:
      extra.u.gso.size = record.gso_size;
      extra.u.gso.type = record.gso_type;
      extra.u.gso.features = record.gso_features;
      break;
    case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
    case XEN_NETIF_EXTRA_TYPE_MCAST_DEL: {
      const MacAddress address = address_of(record);
      std::memcpy(extra.u.mcast.addr, address.data(), address.size());
      break;
    }
    case XEN_NETIF_EXTRA_TYPE_HASH:
      extra.u.hash.type = record.hash_type;
      extra.u.hash.algorithm = record.hash_algorithm;
      std::memcpy(extra.u.hash.value, &record.hash, sizeof record.hash);
      break;
    default: break;
  }
  return extra;
}

MacAddress address_of(const NetExtraRecord& extra) {
  MacAddress address;
  for (size_t i = 0; i < address.size(); ++i)
    address[i] = static_cast<uint8_t>(extra.address >> 8 * (address.size() - 1 - i));
  return address;
}

}  // namespace ringside
