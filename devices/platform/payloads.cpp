#include "devices/platform/payloads.h"

#include <cstddef>

namespace ringside {

namespace {

constexpr Field kPostCodeFields[] = {{"code", offsetof(PostCodeRecord, code), 1, FieldFormat::hex}};
constexpr Field kDebugTextFields[] = {{"port", offsetof(DebugTextRecord, port), 2, FieldFormat::hex}};
constexpr FieldName kRtcFlags[] = {{0x40, "PF"}, {0x20, "AF"}, {0x10, "UF"}};
constexpr Field kRtcInterruptFields[] = {
    {"flags", offsetof(RtcInterruptRecord, flags), 1, FieldFormat::flags, kRtcFlags},
};

}  // namespace

const PayloadType kPostCodePayload{.id = 230,
                                   .name = "post_code",
                                   .title = "A firmware's progress code",
                                   .size = sizeof(PostCodeRecord),
                                   .fields = kPostCodeFields,
                                   .group = "platform"};

const PayloadType kDebugTextPayload{.id = 231,
                                    .name = "debug_text",
                                    .title = "A line on the debug console",
                                    .size = sizeof(DebugTextRecord),
                                    .fields = kDebugTextFields,
                                    .tail = TailKind::text,
                                    .tail_name = "text",
                                    .group = "platform"};

const PayloadType kRtcInterruptPayload{.id = 232,
                                       .name = "rtc_interrupt",
                                       .title = "The clock's chip asks for an interrupt",
                                       .size = sizeof(RtcInterruptRecord),
                                       .fields = kRtcInterruptFields,
                                       .group = "platform"};

void register_platform_payload_types() {
  PayloadRegistry::instance().add(kPostCodePayload);
  PayloadRegistry::instance().add(kDebugTextPayload);
  PayloadRegistry::instance().add(kRtcInterruptPayload);
}

}  // namespace ringside
