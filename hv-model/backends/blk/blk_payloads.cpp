#include "hv-model/backends/blk/blk_payloads.h"

#include <cstddef>

#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

constexpr FieldName kOperations[] = {
    {BLKIF_OP_READ, "READ"},
    {BLKIF_OP_WRITE, "WRITE"},
    {BLKIF_OP_WRITE_BARRIER, "WRITE_BARRIER"},
    {BLKIF_OP_FLUSH_DISKCACHE, "FLUSH_DISKCACHE"},
    {BLKIF_OP_DISCARD, "DISCARD"},
    {BLKIF_OP_INDIRECT, "INDIRECT"},
};
constexpr FieldName kStatuses[] = {
    {static_cast<uint16_t>(BLKIF_RSP_OKAY), "OKAY"},
    {static_cast<uint16_t>(BLKIF_RSP_ERROR), "ERROR"},
    {static_cast<uint16_t>(BLKIF_RSP_EOPNOTSUPP), "EOPNOTSUPP"},
};

constexpr FieldName kIndirectOperations[] = {
    {BLKIF_OP_READ, "READ"},
    {BLKIF_OP_WRITE, "WRITE"},
    {kNoIndirectOp, "none"},
};
constexpr FieldName kSegmentKinds[] = {
    {static_cast<uint8_t>(BlkSegmentKind::data), "data"},
    {static_cast<uint8_t>(BlkSegmentKind::indirect_page), "indirect_page"},
};

constexpr Field kRequestFields[] = {
    {"operation", offsetof(BlkRequestRecord, operation), 1, FieldFormat::enumeration, kOperations},
    {"indirect_op", offsetof(BlkRequestRecord, indirect_op), 1, FieldFormat::enumeration,
     kIndirectOperations},
    {"sector_number", offsetof(BlkRequestRecord, sector_number), 8},
    {"nr_sectors", offsetof(BlkRequestRecord, nr_sectors), 8},
    {"id", offsetof(BlkRequestRecord, id), 8},
    {"nr_segments", offsetof(BlkRequestRecord, nr_segments), 2},
    {"flag", offsetof(BlkRequestRecord, flag), 1, FieldFormat::hex},
    {"handle", offsetof(BlkRequestRecord, handle), 2},
    {"slot", offsetof(BlkRequestRecord, slot), 4},
    {"req_prod", offsetof(BlkRequestRecord, req_prod), 4},
    {"req_cons", offsetof(BlkRequestRecord, req_cons), 4},
};
constexpr Field kSegmentFields[] = {
    {"gref", offsetof(BlkSegmentRecord, gref), 4},
    {"first_sect", offsetof(BlkSegmentRecord, first_sect), 1},
    {"last_sect", offsetof(BlkSegmentRecord, last_sect), 1},
    {"kind", offsetof(BlkSegmentRecord, kind), 1, FieldFormat::enumeration, kSegmentKinds},
};
// The first form: a discard has its flag in nr_segments.
constexpr Field kFirstRequestFields[] = {
    {"operation", 0, 1, FieldFormat::enumeration, kOperations},
    {"sector_number", 16, 8},
    {"nr_sectors", 24, 8},
    {"id", 8, 8},
    {"nr_segments", 1, 1},
    {"handle", 2, 2},
    {"slot", 4, 4},
    {"req_prod", 32, 4},
    {"req_cons", 36, 4},
};
constexpr Field kFirstSegmentFields[] = {{"gref", 0, 4}, {"first_sect", 4, 1}, {"last_sect", 5, 1}};
const PayloadType kFirstRequestPayload{.id = 140,
                                       .name = "blkif_request_1",
                                       .title = "A block request, as the first sessions hold it",
                                       .size = 40,
                                       .fields = kFirstRequestFields,
                                       .tail = TailKind::records,
                                       .tail_name = "segments",
                                       .tail_record_size = 8,
                                       .tail_fields = kFirstSegmentFields,
                                       .group = "blkif"};
constexpr Field kResponseFields[] = {
    {"operation", offsetof(BlkResponseRecord, operation), 1, FieldFormat::enumeration, kOperations},
    {"status", offsetof(BlkResponseRecord, status), 2, FieldFormat::enumeration, kStatuses},
    {"id", offsetof(BlkResponseRecord, id), 8},
    {"latency", offsetof(BlkResponseRecord, latency), 8, FieldFormat::duration},
    {"slot", offsetof(BlkResponseRecord, slot), 4},
};
constexpr Field kIndicesFields[] = {
    {"req_prod", offsetof(BlkIndicesRecord, req_prod), 4},
    {"req_event", offsetof(BlkIndicesRecord, req_event), 4},
    {"rsp_prod", offsetof(BlkIndicesRecord, rsp_prod), 4},
    {"rsp_event", offsetof(BlkIndicesRecord, rsp_event), 4},
    {"req_cons", offsetof(BlkIndicesRecord, req_cons), 4},
    {"in_flight", offsetof(BlkIndicesRecord, in_flight), 4},
};
constexpr NamedFault kResponseFaults[] = {
    {"BLKIF_RSP_ERROR", "the request has failed", "fail(-1)"},
    {"BLKIF_RSP_EOPNOTSUPP", "the backend does not know the operation", "fail(-95)"},
};

}  // namespace

const PayloadType kBlkRequestPayload{.id = 143,
                                     .name = "blkif_request",
                                     .title = "A block request, as the backend took it from the ring",
                                     .size = sizeof(BlkRequestRecord),
                                     .fields = kRequestFields,
                                     .tail = TailKind::records,
                                     .tail_name = "segments",
                                     .tail_record_size = sizeof(BlkSegmentRecord),
                                     .tail_fields = kSegmentFields,
                                     .group = "blkif"};
const PayloadType kBlkResponsePayload{.id = 141,
                                      .name = "blkif_response",
                                      .title = "A block response, as the backend puts it into the ring",
                                      .size = sizeof(BlkResponseRecord),
                                      .fields = kResponseFields,
                                      .group = "blkif",
                                      .faults = kResponseFaults};
const PayloadType kBlkIndicesPayload{.id = 142,
                                     .name = "blkif_indices",
                                     .title = "The indices of a block ring, sampled by the backend",
                                     .size = sizeof(BlkIndicesRecord),
                                     .fields = kIndicesFields,
                                     .group = "blkif"};

void register_blk_payload_types() {
  for (const PayloadType* type :
       {&kFirstRequestPayload, &kBlkRequestPayload, &kBlkResponsePayload, &kBlkIndicesPayload}) {
    PayloadRegistry::instance().add(*type);
  }
}

}  // namespace ringside
