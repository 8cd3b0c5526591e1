// Slots with extra information, between the ring's form (netif.h) and the payload's.
#pragma once

#include "host/network/network.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/xen_abi.h"

namespace ringside {

NetExtraRecord to_record(const netif_extra_info& extra);
netif_extra_info to_slot(const NetExtraRecord& record);
// Of MCAST_ADD and MCAST_DEL.
MacAddress address_of(const NetExtraRecord& extra);

}  // namespace ringside
