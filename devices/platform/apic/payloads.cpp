#include "devices/platform/apic/payloads.h"

#include <cstddef>

namespace ringside {

namespace {

constexpr FieldName kDeliveries[] = {
    {0, "fixed"}, {1, "lowest_priority"}, {2, "smi"},     {3, "reserved"}, {4, "nmi"},
    {5, "init"},  {6, "start_up"},        {7, "external"}};
constexpr FieldName kTriggers[] = {{0, "edge"}, {1, "level"}};
constexpr FieldName kSources[] = {{0, "io_apic"}, {1, "message"}, {2, "command"}, {3, "timer"},
                                  {4, "lint0"},   {5, "lint1"},   {6, "error"}};
constexpr Field kApicAcceptFields[] = {
    {"vector", offsetof(ApicAcceptRecord, vector), 1, FieldFormat::hex},
    {"delivery", offsetof(ApicAcceptRecord, delivery), 1, FieldFormat::enumeration, kDeliveries},
    {"trigger", offsetof(ApicAcceptRecord, level), 1, FieldFormat::enumeration, kTriggers},
    {"source", offsetof(ApicAcceptRecord, source), 1, FieldFormat::enumeration, kSources},
};

}  // namespace

const PayloadType kApicAcceptPayload{.id = 237,
                                     .name = "apic_accept",
                                     .title = "An interrupt that reaches the local APIC",
                                     .size = sizeof(ApicAcceptRecord),
                                     .fields = kApicAcceptFields,
                                     .group = "apic"};

void register_apic_payload_types() { PayloadRegistry::instance().add(kApicAcceptPayload); }

}  // namespace ringside
