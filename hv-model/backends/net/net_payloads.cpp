#include "hv-model/backends/net/net_payloads.h"

#include <cstddef>

#include "host/network/payloads.h"
#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

constexpr FieldName kTxFlags[] = {
    {NETTXF_csum_blank, "csum_blank"},
    {NETTXF_data_validated, "data_validated"},
    {NETTXF_more_data, "more_data"},
    {NETTXF_extra_info, "extra_info"},
};
constexpr FieldName kRxFlags[] = {
    {NETRXF_data_validated, "data_validated"}, {NETRXF_csum_blank, "csum_blank"},
    {NETRXF_more_data, "more_data"},           {NETRXF_extra_info, "extra_info"},
    {NETRXF_gso_prefix, "gso_prefix"},
};
constexpr FieldName kTxStatuses[] = {
    {static_cast<uint16_t>(NETIF_RSP_DROPPED), "DROPPED"},
    {static_cast<uint16_t>(NETIF_RSP_ERROR), "ERROR"},
    {static_cast<uint16_t>(NETIF_RSP_OKAY), "OKAY"},
    {static_cast<uint16_t>(NETIF_RSP_NULL), "NULL"},
};
constexpr FieldName kExtraTypes[] = {
    {XEN_NETIF_EXTRA_TYPE_NONE, "NONE"},           {XEN_NETIF_EXTRA_TYPE_GSO, "GSO"},
    {XEN_NETIF_EXTRA_TYPE_MCAST_ADD, "MCAST_ADD"}, {XEN_NETIF_EXTRA_TYPE_MCAST_DEL, "MCAST_DEL"},
    {XEN_NETIF_EXTRA_TYPE_HASH, "HASH"},
};
constexpr FieldName kExtraFlags[] = {{XEN_NETIF_EXTRA_FLAG_MORE, "MORE"}};
constexpr FieldName kGsoTypes[] = {
    {XEN_NETIF_GSO_TYPE_NONE, "NONE"},
    {XEN_NETIF_GSO_TYPE_TCPV4, "TCPV4"},
    {XEN_NETIF_GSO_TYPE_TCPV6, "TCPV6"},
};
constexpr FieldName kHashTypes[] = {
    {_XEN_NETIF_CTRL_HASH_TYPE_IPV4, "IPV4"},
    {_XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP, "IPV4_TCP"},
    {_XEN_NETIF_CTRL_HASH_TYPE_IPV6, "IPV6"},
    {_XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP, "IPV6_TCP"},
};
constexpr FieldName kHashAlgorithms[] = {
    {XEN_NETIF_CTRL_HASH_ALGORITHM_NONE, "NONE"},
    {XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ, "TOEPLITZ"},
};
constexpr FieldName kControlTypes[] = {
    {XEN_NETIF_CTRL_TYPE_INVALID, "INVALID"},
    {XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS, "GET_HASH_FLAGS"},
    {XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, "SET_HASH_FLAGS"},
    {XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, "SET_HASH_KEY"},
    {XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE, "GET_HASH_MAPPING_SIZE"},
    {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, "SET_HASH_MAPPING_SIZE"},
    {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, "SET_HASH_MAPPING"},
    {XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, "SET_HASH_ALGORITHM"},
    {XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, "GET_GREF_MAPPING_SIZE"},
    {XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, "ADD_GREF_MAPPING"},
    {XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING, "DEL_GREF_MAPPING"},
};
constexpr FieldName kControlStatuses[] = {
    {XEN_NETIF_CTRL_STATUS_SUCCESS, "SUCCESS"},
    {XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED, "NOT_SUPPORTED"},
    {XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER, "INVALID_PARAMETER"},
    {XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW, "BUFFER_OVERFLOW"},
};

constexpr Field kTxRequestFields[] = {
    {"id", offsetof(NetTxRequestRecord, id), 2},
    {"gref", offsetof(NetTxRequestRecord, gref), 4},
    {"offset", offsetof(NetTxRequestRecord, offset), 2},
    {"size", offsetof(NetTxRequestRecord, size), 2},
    {"flags", offsetof(NetTxRequestRecord, flags), 2, FieldFormat::flags, kTxFlags},
    {"slot", offsetof(NetTxRequestRecord, slot), 4},
    {"req_prod", offsetof(NetTxRequestRecord, req_prod), 4},
    {"req_cons", offsetof(NetTxRequestRecord, req_cons), 4},
};
constexpr Field kExtraFields[] = {
    {"type", offsetof(NetExtraRecord, type), 1, FieldFormat::enumeration, kExtraTypes},
    {"flags", offsetof(NetExtraRecord, flags), 1, FieldFormat::flags, kExtraFlags},
    {"gso_type", offsetof(NetExtraRecord, gso_type), 1, FieldFormat::enumeration, kGsoTypes},
    {"gso_size", offsetof(NetExtraRecord, gso_size), 2},
    {"gso_features", offsetof(NetExtraRecord, gso_features), 2, FieldFormat::hex},
    {"address", offsetof(NetExtraRecord, address), 8, FieldFormat::hex},
    {"hash_type", offsetof(NetExtraRecord, hash_type), 1, FieldFormat::enumeration, kHashTypes},
    {"hash_algorithm", offsetof(NetExtraRecord, hash_algorithm), 1, FieldFormat::enumeration,
     kHashAlgorithms},
    {"hash", offsetof(NetExtraRecord, hash), 4, FieldFormat::hex},
};
constexpr Field kTxResponseFields[] = {
    {"id", offsetof(NetTxResponseRecord, id), 2},
    {"status", offsetof(NetTxResponseRecord, status), 2, FieldFormat::enumeration, kTxStatuses},
    {"extras", offsetof(NetTxResponseRecord, extras), 2},
    {"slot", offsetof(NetTxResponseRecord, slot), 4},
};
constexpr Field kRxRequestFields[] = {
    {"id", offsetof(NetRxRequestRecord, id), 2},
    {"gref", offsetof(NetRxRequestRecord, gref), 4},
    {"slot", offsetof(NetRxRequestRecord, slot), 4},
    {"req_prod", offsetof(NetRxRequestRecord, req_prod), 4},
    {"req_cons", offsetof(NetRxRequestRecord, req_cons), 4},
};
constexpr Field kRxResponseFields[] = {
    {"id", offsetof(NetRxResponseRecord, id), 2},
    {"status", offsetof(NetRxResponseRecord, status), 2, FieldFormat::signed_decimal},
    {"offset", offsetof(NetRxResponseRecord, offset), 2},
    {"flags", offsetof(NetRxResponseRecord, flags), 2, FieldFormat::flags, kRxFlags},
    {"slot", offsetof(NetRxResponseRecord, slot), 4},
};
constexpr Field kIndicesFields[] = {
    {"req_prod", offsetof(NetIndicesRecord, req_prod), 4},
    {"req_event", offsetof(NetIndicesRecord, req_event), 4},
    {"rsp_prod", offsetof(NetIndicesRecord, rsp_prod), 4},
    {"rsp_event", offsetof(NetIndicesRecord, rsp_event), 4},
    {"req_cons", offsetof(NetIndicesRecord, req_cons), 4},
    {"waiting", offsetof(NetIndicesRecord, waiting), 4},
};
constexpr Field kControlRequestFields[] = {
    {"type", offsetof(NetControlRequestRecord, type), 2, FieldFormat::enumeration, kControlTypes},
    {"id", offsetof(NetControlRequestRecord, id), 2},
    {"data_0", offsetof(NetControlRequestRecord, data), 4, FieldFormat::hex},
    {"data_1", offsetof(NetControlRequestRecord, data) + 4, 4, FieldFormat::hex},
    {"data_2", offsetof(NetControlRequestRecord, data) + 8, 4, FieldFormat::hex},
    {"slot", offsetof(NetControlRequestRecord, slot), 4},
};
constexpr Field kControlResponseFields[] = {
    {"type", offsetof(NetControlResponseRecord, type), 2, FieldFormat::enumeration, kControlTypes},
    {"id", offsetof(NetControlResponseRecord, id), 2},
    {"status", offsetof(NetControlResponseRecord, status), 4, FieldFormat::enumeration, kControlStatuses},
    {"data", offsetof(NetControlResponseRecord, data), 4, FieldFormat::hex},
    {"slot", offsetof(NetControlResponseRecord, slot), 4},
};
constexpr NamedFault kResponseFaults[] = {
    {"NETIF_RSP_ERROR", "the frame or buffer has failed", "fail(-1)"},
    {"NETIF_RSP_DROPPED", "the frame was dropped", "fail(-2)"},
};
constexpr NamedFault kControlFaults[] = {
    {"NOT_SUPPORTED", "the backend does not know the request", "fail(1)"},
    {"INVALID_PARAMETER", "the request is wrong", "fail(2)"},
};

}  // namespace

const PayloadType kNetTxRequestPayload{.id = 150,
                                       .name = "netif_tx_request",
                                       .title = "A slot of a transmit ring, as the backend took it",
                                       .size = sizeof(NetTxRequestRecord),
                                       .fields = kTxRequestFields,
                                       .group = "netif"};
const PayloadType kNetExtraPayload{.id = 151,
                                   .name = "netif_extra",
                                   .title = "A slot with extra information about a frame",
                                   .size = sizeof(NetExtraRecord),
                                   .fields = kExtraFields,
                                   .group = "netif"};
const PayloadType kNetTxResponsePayload{.id = 152,
                                        .name = "netif_tx_response",
                                        .title = "A response in a transmit ring",
                                        .size = sizeof(NetTxResponseRecord),
                                        .fields = kTxResponseFields,
                                        .group = "netif",
                                        .faults = kResponseFaults};
const PayloadType kNetRxRequestPayload{.id = 153,
                                       .name = "netif_rx_request",
                                       .title = "A buffer of a receive ring, as the backend took it",
                                       .size = sizeof(NetRxRequestRecord),
                                       .fields = kRxRequestFields,
                                       .group = "netif"};
const PayloadType kNetRxResponsePayload{.id = 154,
                                        .name = "netif_rx_response",
                                        .title = "A response in a receive ring",
                                        .size = sizeof(NetRxResponseRecord),
                                        .fields = kRxResponseFields,
                                        .group = "netif",
                                        .faults = kResponseFaults};
const PayloadType kNetIndicesPayload{.id = 155,
                                     .name = "netif_indices",
                                     .title = "The indices of a network ring, sampled by the backend",
                                     .size = sizeof(NetIndicesRecord),
                                     .fields = kIndicesFields,
                                     .group = "netif"};
const PayloadType kNetControlRequestPayload{.id = 156,
                                            .name = "netif_ctrl_request",
                                            .title = "A request in a control ring",
                                            .size = sizeof(NetControlRequestRecord),
                                            .fields = kControlRequestFields,
                                            .group = "netif"};
const PayloadType kNetControlResponsePayload{.id = 157,
                                             .name = "netif_ctrl_response",
                                             .title = "A response in a control ring",
                                             .size = sizeof(NetControlResponseRecord),
                                             .fields = kControlResponseFields,
                                             .group = "netif",
                                             .faults = kControlFaults};

void register_net_payload_types() {
  register_network_payload_types();
  for (const PayloadType* type : {&kNetTxRequestPayload, &kNetExtraPayload, &kNetTxResponsePayload,
                                  &kNetRxRequestPayload, &kNetRxResponsePayload, &kNetIndicesPayload,
                                  &kNetControlRequestPayload, &kNetControlResponsePayload}) {
    PayloadRegistry::instance().add(*type);
  }
}

}  // namespace ringside
