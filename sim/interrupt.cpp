#include "sim/interrupt.h"

#include <cstddef>

namespace ringside {

namespace {

constexpr Field kInterruptFields[] = {
    {"line", offsetof(InterruptRecord, line), 1, FieldFormat::decimal},
    {"level", offsetof(InterruptRecord, level), 1, FieldFormat::decimal},
};

}  // namespace

const PayloadType kInterruptPayload{.id = 31,
                                    .name = "interrupt",
                                    .title = "The level of an interrupt line",
                                    .size = sizeof(InterruptRecord),
                                    .fields = kInterruptFields,
                                    .group = "interrupt"};

}  // namespace ringside
