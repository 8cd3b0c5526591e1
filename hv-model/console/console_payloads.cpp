#include "hv-model/console/console_payloads.h"

namespace ringside {

const PayloadType kConsoleBytes{
    .id = 130,
    .name = "console_bytes",
    .title = "Console text",
    .size = 0,
    .fields = {},
    .tail = TailKind::text,
    .tail_name = "text",
    .group = "console",
};

void register_console_payload_types() { PayloadRegistry::instance().add(kConsoleBytes); }

}  // namespace ringside
