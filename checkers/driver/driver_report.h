// What the runtime of hosted drivers (ringside/hosted.h) has found wrong with one: a crossing of
// "<domain>/driver", where the checker `driver` sees it.
#pragma once

#include <cstdint>

#include "sim/field_table.h"

namespace ringside {

struct DriverReport {
  char rule[32];  // "sleep_in_handler"; the text says where, as "file.c:42: why"
};
extern const PayloadType kDriverReportPayload;
void register_checker_payload_types();

}  // namespace ringside
