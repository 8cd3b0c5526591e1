#include "devices/nic/payloads.h"

#include "devices/nic/e1000_bits.h"

namespace ringside {

namespace {

constexpr FieldName kRings[] = {{0, "receive"}, {1, "transmit"}};
constexpr FieldName kRingEvents[] = {{0, "tail_written"}, {1, "head_moved"}};
constexpr Field kNicRingFields[] = {
    {"ring", offsetof(NicRingRecord, ring), 1, FieldFormat::enumeration, kRings},
    {"event", offsetof(NicRingRecord, event), 1, FieldFormat::enumeration, kRingEvents},
    {"head", offsetof(NicRingRecord, head), 4},
    {"tail", offsetof(NicRingRecord, tail), 4},
    {"descriptors", offsetof(NicRingRecord, descriptors), 4},
};

constexpr Field kNicLinkFields[] = {
    {"up", offsetof(NicLinkRecord, up), 1},
    {"duration", offsetof(NicLinkRecord, duration), 8, FieldFormat::duration},
};
constexpr NamedFault kNicLinkFaults[] = {
    {"link_down", "the cable is pulled", "spurious(up=0)"},
    {"link_up", "the cable is put back", "spurious(up=1)"},
    {"link_loss", "the cable is pulled, and back after 100 ms", "spurious(up=0,duration=100000000000)"},
};

constexpr FieldName kReceiveErrors[] = {
    {e1000::kRdescCe, "CE"},   {e1000::kRdescSe, "SE"},     {e1000::kRdescSeq, "SEQ"},
    {e1000::kRdescCxe, "CXE"}, {e1000::kRdescTcpe, "TCPE"}, {e1000::kRdescIpe, "IPE"},
    {e1000::kRdescRxe, "RXE"},
};
constexpr FieldName kTransmitStatus[] = {
    {e1000::kTdescEc, "EC"}, {e1000::kTdescLc, "LC"}, {e1000::kTdescTu, "TU"}};
constexpr Field kNicErrorFields[] = {
    {"receive_errors", offsetof(NicErrorRecord, receive_errors), 1, FieldFormat::flags, kReceiveErrors},
    {"transmit_status", offsetof(NicErrorRecord, transmit_status), 1, FieldFormat::flags, kTransmitStatus},
};
constexpr NamedFault kNicErrorFaults[] = {
    {"CE", "the next frame has a wrong check sequence", "spurious(receive_errors=1)"},
    {"SE", "the next frame has a symbol error", "spurious(receive_errors=2)"},
    {"CXE", "the next frame has a carrier extension error", "spurious(receive_errors=16)"},
    {"TCPE", "the next frame has a wrong TCP or UDP checksum", "spurious(receive_errors=32)"},
    {"IPE", "the next frame has a wrong IP checksum", "spurious(receive_errors=64)"},
    {"RXE", "the PHY signals an error in the next frame", "spurious(receive_errors=128)"},
    {"EC", "the next packet has too many collisions", "spurious(transmit_status=2)"},
    {"LC", "the next packet has a late collision", "spurious(transmit_status=4)"},
    {"TU", "the transmitter runs dry in the next packet", "spurious(transmit_status=8)"},
};

}  // namespace

const PayloadType kNicRingPayload{.id = 221,
                                  .name = "nic_ring",
                                  .title = "The indices of a network controller's descriptor ring",
                                  .size = sizeof(NicRingRecord),
                                  .fields = kNicRingFields,
                                  .group = "nic"};

const PayloadType kNicLinkPayload{.id = 222,
                                  .name = "nic_link",
                                  .title = "The cable of a network controller",
                                  .size = sizeof(NicLinkRecord),
                                  .fields = kNicLinkFields,
                                  .group = "nic",
                                  .faults = kNicLinkFaults};

const PayloadType kNicErrorPayload{.id = 223,
                                   .name = "nic_error",
                                   .title = "Errors of a network controller's next frames",
                                   .size = sizeof(NicErrorRecord),
                                   .fields = kNicErrorFields,
                                   .group = "nic",
                                   .faults = kNicErrorFaults};

void register_nic_payload_types() {
  register_network_payload_types();
  for (const PayloadType* type : {&kNicRingPayload, &kNicLinkPayload, &kNicErrorPayload})
    PayloadRegistry::instance().add(*type);
}

}  // namespace ringside
